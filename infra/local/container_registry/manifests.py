"""What a manifest says: its media type, what it refers to, and what it is about."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from infra.local.container_registry.errors import OciError, manifest_invalid
from infra.local.container_registry.names import Digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

_IMAGES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
_INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})


@dataclass(frozen=True)
class Manifest:
    media_type: str
    blobs: list[str]
    manifests: list[str]
    subject: str | None
    artifact_type: str | None
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def is_image(self) -> bool:
        """Something that runs, as opposed to a list of such or a signature of one."""
        return self.media_type in _IMAGES and self.subject is None


def read_manifest(content: bytes, content_type: str) -> Manifest:
    """Raises MANIFEST_INVALID or DIGEST_INVALID."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise manifest_invalid("the manifest is not valid JSON") from error
    if not isinstance(body, dict) or body.get("schemaVersion") != 2:
        raise manifest_invalid("the manifest must be an object of schemaVersion 2")
    media_type = content_type or body.get("mediaType") or ""
    if media_type not in _IMAGES | _INDEXES:
        raise manifest_invalid(f"manifests of the media type '{media_type}' are not taken")
    if body.get("mediaType", media_type) != media_type:
        raise manifest_invalid("the manifest's mediaType is not its Content-Type")
    subject = _descriptor(body["subject"])["digest"] if body.get("subject") else None
    blobs: list[str] = []
    config_type = None
    if media_type in _IMAGES:
        config = _descriptor(body.get("config"))
        config_type = config.get("mediaType")
        layers = [_descriptor(layer) for layer in _list(body, "layers")]
        # A layer with URLs may be kept elsewhere.
        blobs = [config["digest"], *(layer["digest"] for layer in layers if not layer.get("urls"))]
    children = _list(body, "manifests") if media_type in _INDEXES else []
    return Manifest(
        media_type=media_type,
        blobs=blobs,
        manifests=[_descriptor(child)["digest"] for child in children],
        subject=subject,
        artifact_type=body.get("artifactType") or config_type,
        annotations=body.get("annotations") or {},
    )


def _list(body: dict[str, Any], name: str) -> list[Any]:
    found = body.get(name)
    if not isinstance(found, list):
        raise manifest_invalid(f"the manifest has no list of {name}")
    return found


def _descriptor(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get("digest"), str):
        raise manifest_invalid("a descriptor has no digest")
    if not isinstance(body.get("size"), int) or body["size"] < 0:
        raise manifest_invalid("a descriptor has no size")
    try:
        Digest.parse(body["digest"])
    except OciError as error:
        raise manifest_invalid(f"the digest '{body['digest']}' is not valid") from error
    return body
