"""Where packages and images go, and what looks into images."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.kernel.work import Partition
from domain.provided import (
    ProvidedManifest,
    ProvidedPackage,
    ProvidedScan,
)


class PackageFeed(Protocol):
    """NuGet feeds of a project."""

    async def publish(
        self, partition: Partition, feed: str, package_id: str, version: str, content: bytes
    ) -> ProvidedPackage:
        """Publish, once: the same bytes there already are a success. Raises `Rejected` where the version
        exists with other bytes, or the feed takes no such package."""

    async def package(
        self, partition: Partition, feed: str, package_id: str, version: str
    ) -> ProvidedPackage | None:
        """Look it up; None where it does not exist."""


class ContainerRegistry(Protocol):
    """A registry over the OCI distribution API."""

    registry: str
    """Its host, as images are named by it."""

    async def manifest(
        self, partition: Partition, repository: str, reference: str
    ) -> ProvidedManifest | None:
        """By tag or digest; None where it does not exist. Raises `Rejected` for a repository that is not
        this project's."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the registry does not answer."""


class ImageScanner(Protocol):
    """Vulnerability scans of what is in the registry."""

    async def scan(
        self, partition: Partition, registry: str, repository: str, digest: str
    ) -> ProvidedScan | None:
        """The newest scan; None as long as none has been seen, which does not mean clean."""

    async def scanned_since(self, partition: Partition, since: datetime) -> Sequence[tuple[str, str, str]]:
        """(registry, repository, digest) of the project's images that were scanned since."""
