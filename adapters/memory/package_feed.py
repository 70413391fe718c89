"""The `PackageFeed` port in memory; counterpart: `adapters.package_feed`."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import override

from adapters.memory.outside import Outside
from adapters.nuget_package import normalized, require_package, require_package_id
from domain.kernel.errors import require
from domain.kernel.work import Partition
from domain.ports import PackageFeed
from domain.provided import ProvidedPackage

type _Key = tuple[Partition, str, str, str]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryPackageFeed(Outside, PackageFeed):
    """Takes what is a NuGet package of that id and version, as a real feed does. `now` dates publications."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        super().__init__("NuGet")
        self._now = now
        self._packages: dict[_Key, ProvidedPackage] = {}
        self._refusals: dict[tuple[Partition, str], str] = {}

    def refuse(self, partition: Partition, feed: str, sentence: str) -> None:
        """From now on the feed takes nothing new, for this reason."""
        self._refusals[partition, feed.lower()] = sentence

    def packages(self, partition: Partition, feed: str) -> list[ProvidedPackage]:
        """All that the feed has, in the order in which it came."""
        return [one for key, one in self._packages.items() if key[:2] == (partition, feed.lower())]

    @override
    async def publish(
        self, partition: Partition, feed: str, package_id: str, version: str, content: bytes
    ) -> ProvidedPackage:
        async with self._call("publish"):
            require_package(content, package_id, version)
            key = (partition, feed.lower(), package_id.lower(), normalized(version))
            checksum = hashlib.sha512(content).hexdigest()
            if key not in self._packages:
                refusal = self._refusals.get(key[:2])
                require(refusal is None, refusal or "")
                self._packages[key] = ProvidedPackage(package_id, normalized(version), checksum, self._now())
                self.effects["package"] += 1
            found = self._packages[key]
            same = found.sha512 == checksum
            require(same, f"package {package_id} {version} exists in feed {feed} with other content")
            return found

    @override
    async def package(
        self, partition: Partition, feed: str, package_id: str, version: str
    ) -> ProvidedPackage | None:
        async with self._call("package"):
            require_package_id(package_id)
            return self._packages.get((partition, feed.lower(), package_id.lower(), normalized(version)))
