"""The `ContainerRegistry` port in memory; counterpart: `adapters.container_registry`."""

import hashlib
import json
from typing import override

from adapters.memory.outside import Outside
from adapters.repository_names import is_digest, require_own, require_reference
from domain.kernel.work import Partition
from domain.ports import ContainerRegistry
from domain.provided import ProvidedLayer, ProvidedManifest

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class MemoryContainerRegistry(Outside, ContainerRegistry):
    """Repositories are named whole, `<tenantId>/<projectId>/<name>`, also by its test controls."""

    registry = "registry.invalid"

    def __init__(self) -> None:
        super().__init__("the container registry")
        self._manifests: dict[tuple[str, str], ProvidedManifest] = {}
        self._tags: dict[tuple[str, str], str] = {}

    def push(self, partition: Partition, repository: str, tag: str, content: bytes) -> ProvidedManifest:
        """Somebody pushes an image of one layer; the tag moves if it was another's. The same content always
        has the same digest."""
        require_own(partition, repository)
        layer = ProvidedLayer(_digest(content), _LAYER, len(content))
        described = {"schemaVersion": 2, "mediaType": _MANIFEST, "layers": [layer.digest]}
        manifest = ProvidedManifest(_digest(json.dumps(described).encode()), _MANIFEST, (layer,))
        self._manifests[repository, manifest.digest] = manifest
        self._tags[repository, tag] = manifest.digest
        return manifest

    def retag(self, partition: Partition, repository: str, tag: str, digest: str) -> None:
        """Somebody moves a tag to another image of the repository."""
        require_own(partition, repository)
        assert (repository, digest) in self._manifests, f"{repository} has no {digest}"
        self._tags[repository, tag] = digest

    def delete(self, partition: Partition, repository: str, digest: str) -> None:
        """Somebody deletes an image with its tags."""
        require_own(partition, repository)
        del self._manifests[repository, digest]
        self._tags = {key: to for key, to in self._tags.items() if (key[0], to) != (repository, digest)}

    @override
    async def manifest(
        self, partition: Partition, repository: str, reference: str
    ) -> ProvidedManifest | None:
        async with self._call("manifest"):
            require_own(partition, repository)
            require_reference(reference)
            digest = reference if is_digest(reference) else self._tags.get((repository, reference), "")
            return self._manifests.get((repository, digest))

    @override
    async def ping(self) -> None:
        async with self._call("ping"):
            pass


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
