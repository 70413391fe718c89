"""The `ImageScanner` port in memory; counterpart: `adapters.defender`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import override

from adapters.memory.outside import Outside
from adapters.repository_names import is_digest, require_own
from domain.kernel.errors import require
from domain.kernel.work import Partition
from domain.ports import ImageScanner
from domain.provided import ProvidedFinding, ProvidedScan

type _Image = tuple[str, str, str]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryImageScanner(Outside, ImageScanner):
    """`now` dates scans."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        super().__init__("the image scanner")
        self._now = now
        self._scans: dict[tuple[Partition, _Image], ProvidedScan] = {}

    def scan_result(
        self,
        partition: Partition,
        registry: str,
        repository: str,
        digest: str,
        findings: Sequence[ProvidedFinding] = (),
        scanned_at: datetime | None = None,
    ) -> ProvidedScan:
        """The image is scanned; without findings it is clean. The newest scan takes the place of others."""
        require_own(partition, repository)
        scan = ProvidedScan(scanned_at or self._now(), tuple(findings))
        self._scans[partition, (registry.lower(), repository, digest)] = scan
        return scan

    @override
    async def scan(
        self, partition: Partition, registry: str, repository: str, digest: str
    ) -> ProvidedScan | None:
        async with self._call("scan"):
            require_own(partition, repository)
            require(is_digest(digest), f"{digest} is not a sha256 digest")
            return self._scans.get((partition, (registry.lower(), repository, digest)))

    @override
    async def scanned_since(self, partition: Partition, since: datetime) -> Sequence[_Image]:
        async with self._call("scanned_since"):
            found = {
                image
                for (owner, image), scan in self._scans.items()
                if owner == partition and scan.scanned_at >= since
            }
            return tuple(sorted(found))
