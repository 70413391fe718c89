"""What the contract of a `ManifestRenderer` begins with: the renderers, and something to render."""

from typing import Any

import pytest

from adapters.kustomize import CommandLineRenderer
from adapters.memory.manifest_renderer import MemoryManifestRenderer
from domain.ports import ManifestRenderer
from tests.domain.devops.release.manifests import (
    dumped,
    kustomization,
    service,
)

DIGEST = f"sha256:{'a' * 64}"
OBJECTS = {"base/kustomization.yaml": kustomization("objects.yaml"), "base/objects.yaml": dumped(*service())}
SLOT = {"nameSuffix": "-blue", "labels": [{"includeSelectors": True, "pairs": {"delivery/slot": "blue"}}]}
KEEP = {
    "target": {"name": ".*"},
    "patch": '[{"op": "test", "path": "/metadata/namespace", "value": null}]',
}
MAP = {"name": "outputs", "options": {"disableNameSuffixHash": True}}

type Files = dict[str, bytes]


@pytest.fixture(params=["memory", "command line"])
def renderer(request: pytest.FixtureRequest) -> ManifestRenderer:
    return MemoryManifestRenderer() if request.param == "memory" else CommandLineRenderer()


def over(**fields: Any) -> Files:
    """A kustomization in `top` of the usual objects."""
    return OBJECTS | {"top/kustomization.yaml": kustomization("../base", **fields)}
