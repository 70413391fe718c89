"""Feeds on disk: the bytes by their hash, one document a version. Feeds are made on first use."""

from __future__ import annotations

import asyncio
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from infra.local.azure_devops import clock
from infra.local.azure_devops.errors import ApiError, not_found
from infra.local.azure_devops.packaging.nupkg import Package
from infra.local.azure_devops.packaging.versions import InvalidVersion, Version
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.routing import Call
from infra.local.emulation.state import Json

_KIND = "nuget-package"


@dataclass(frozen=True)
class Feed:
    """A feed as one call sees it, with the lag that the call was given."""

    call: Call
    name: str
    scope: str

    @property
    def url(self) -> str:
        """Base of the feed's NuGet resources, for the client's own spelling of the names."""
        project = self.call.params.get("project")
        owner = quote(self.call.org) + (f"/{quote(project)}" if project else "")
        return f"{self.call.emulator.base_url}/{owner}/_packaging/{quote(self.name)}/nuget"

    def packages(self) -> list[Json]:
        """Whatever was not deleted, oldest version first."""
        found = self.call.emulator.state.list(_KIND, self.scope, self.call.lag)
        kept = [package for package in found if not package["deleted"]]
        return sorted(kept, key=lambda package: (package["id"].lower(), version_of(package).precedence))

    def versions(self, package_id: str) -> list[Json]:
        return [package for package in self.packages() if package["id"].lower() == package_id.lower()]

    def version(self, package_id: str, version: str) -> Json:
        """One version, found at once however much listings lag."""
        try:
            key = _key(package_id, Version.parse(version))
        except InvalidVersion as error:
            raise package_not_found(self.name, package_id, version) from error
        found = self.call.emulator.state.get(_KIND, self.scope, key)
        if found is None or found["deleted"]:
            raise package_not_found(self.name, package_id, version)
        return found

    def save(self, package: Json) -> None:
        key = _key(package["id"], version_of(package))
        self.call.emulator.state.put(_KIND, self.scope, key, package)

    async def add(self, package: Package) -> None:
        """Keep a new version; a version that was ever there is refused."""
        state, key = self.call.emulator.state, _key(package.id, package.version)
        if state.get(_KIND, self.scope, key) is None:
            await asyncio.to_thread(_write, content_path(self.call, package.digest.hex()), package.content)
            # Another request may have taken the version while the bytes were written.
            if state.get(_KIND, self.scope, key) is None:
                self.save(_document(package))
                return
        raise package_exists(self.name, package.id, package.version.normalized)


def feed_of(call: Call) -> Feed:
    name = call.params["feed"]
    owner = project_of(call)["id"] if "project" in call.params else call.org.lower()
    return Feed(call, name, f"{owner}/{name.lower()}")


def version_of(package: Json) -> Version:
    return Version.parse(package["version"])


def content_path(call: Call, digest: str) -> Path:
    """Where the bytes with this SHA-512 (hexadecimal) are."""
    return call.emulator.options.data / "packages" / digest[:2] / f"{digest}.nupkg"


def package_exists(feed: str, package_id: str, version: str) -> ApiError:
    return ApiError(
        409,
        "PackageAlreadyExistsException",
        f"The feed '{feed}' already contains the package '{package_id} {version}'. "
        "A version can't be published again, even after it was deleted.",
    )


def package_not_found(feed: str, package_id: str, version: str) -> ApiError:
    return not_found(
        "PackageNotFoundException", f"The feed '{feed}' has no package '{package_id} {version}'."
    )


def _key(package_id: str, version: Version) -> str:
    return f"{package_id.lower()}/{version.key}"


def _document(package: Package) -> Json:
    return {
        "id": package.id,
        "version": package.version.full,
        "authors": package.authors,
        "description": package.description,
        "nuspec": package.nuspec.decode("utf-8-sig", "replace"),
        "size": len(package.content),
        "sha512": package.sha512,
        "content": package.digest.hex(),
        "published": clock.now(),
        "listed": True,
        "deleted": False,
    }


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, whenever the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{uuid.uuid4().hex}")
    partial.write_bytes(content)
    os.replace(partial, path)
