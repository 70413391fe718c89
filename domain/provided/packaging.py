"""Blobs, packages, images and scans, in the terms of the ports that hold them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class BlobHandle:
    """Where content lies, and what proves it."""

    uri: str
    sha256: str
    size: int
    """bytes"""


@dataclass(frozen=True)
class ProvidedPackage:
    """A package version in a feed."""

    package_id: str
    version: str
    sha512: str
    """of the whole .nupkg, hexadecimal"""
    published_at: datetime | None


@dataclass(frozen=True)
class ProvidedLayer:
    digest: str
    media_type: str
    size: int
    """bytes"""


@dataclass(frozen=True)
class ProvidedManifest:
    """An image's manifest in a registry."""

    digest: str
    media_type: str
    layers: tuple[ProvidedLayer, ...]


@dataclass(frozen=True)
class ProvidedFinding:
    """A vulnerability; one that is `exempt` does not count."""

    finding_id: str
    severity: str
    """Critical, High, Medium, Low or Unknown"""
    exempt: bool


@dataclass(frozen=True)
class ProvidedScan:
    """A scan that has been seen; that no finding is known is no scan."""

    scanned_at: datetime
    findings: tuple[ProvidedFinding, ...]
