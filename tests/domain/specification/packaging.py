"""The specification's tables for packaging."""

import enum

from pydantic import BaseModel

from domain.devops.packaging.container_image import ImageLayer, ImageScanResult, ImageStatus, ScanState
from domain.devops.packaging.package_publication import PackageDependency, PublicationStatus

OBSERVED = {
    "ObserveBuildOutputs": "devops/packaging/build_outputs.py",
    "ObserveImage": "devops/packaging/container_image.py",
}

TOPICS = {"devops.packaging": {"PackagePublished", "ContainerImageBuilt"}}

AGGREGATES = {
    "PackagePublication": (
        "packages",
        {
            "publicationId",
            "tenantId",
            "buildResultId",
            "packageId",
            "version",
            "feed",
            "status",
            "publishedAt",
        },
        {"problem", "contentSha256", "dependencies"},
    ),
    "ContainerImage": (
        "images",
        {
            "imageId",
            "tenantId",
            "buildResultId",
            "repositoryName",
            "tag",
            "digest",
            "registry",
            "status",
            "builtAt",
        },
        {"problem", "layers", "scanResult", "names", "missingSince"},
    ),
}

MEMBERS: dict[type[enum.StrEnum], set[str]] = {
    PublicationStatus: {"Published", "Refused"},
    ImageStatus: {"Built", "Refused"},
    ScanState: {"NotSeen", "Passed", "Failed"},
}

ENTITIES: dict[type[BaseModel], tuple[str, str, set[str]]] = {
    PackageDependency: (
        "PackagePublication",
        "dependencies",
        {"packageId", "versionRange", "targetFramework"},
    ),
    ImageLayer: ("ContainerImage", "layers", {"digest", "mediaType", "size"}),
    ImageScanResult: (
        "ContainerImage",
        "scanResult",
        {"scannedAt", "state", "failingSeverity", "findings"},
    ),
}
