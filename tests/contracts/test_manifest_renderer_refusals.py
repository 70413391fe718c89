"""What every `ManifestRenderer` refuses."""

from typing import Any

import pytest

from domain.kernel.errors import Rejected
from domain.ports import ManifestRenderer
from tests.contracts import rendering
from tests.contracts.rendering import OBJECTS, Files, over
from tests.domain.devops.release.manifests import (
    dumped,
    kustomization,
)

renderer = rendering.renderer

REMOTE = [
    "https://example.invalid/base.yaml",
    "http://127.0.0.1/base.yaml",
    "github.com/org/repo",
    "GitHub.com/org/repo//base",
    "git@example.invalid:org/repo",
    "git::https://example.invalid/repo",
    "ssh://example.invalid/repo",
    "file:///etc",
    "example.invalid/org/repo?ref=main",
]


@pytest.mark.parametrize("reference", REMOTE)
@pytest.mark.parametrize("field", ["resources", "bases", "components", "crds"])
async def test_nothing_is_fetched(renderer: ManifestRenderer, field: str, reference: str) -> None:
    # What looks like it is there, too: the tool would fetch it all the same.
    files = {"top/kustomization.yaml": dumped({field: [reference]}), f"top/{reference}": b""}
    files = {path: content for path, content in files.items() if ".." not in path and "//" not in path}
    with pytest.raises(Rejected) as refused:
        await renderer.kustomize(files, "top")
    assert refused.value.sentence == (
        f"top/kustomization.yaml refers to {reference}: nothing is fetched from outside the repository"
    )


URL = "http://127.0.0.1/x"


@pytest.mark.parametrize(
    "fields",
    [
        {"patches": [{"path": URL}]},
        {"patchesStrategicMerge": [URL]},
        {"patchesJson6902": [{"path": URL, "target": {"kind": "A"}}]},
        {"replacements": [{"path": URL}]},
        {"configurations": [URL]},
        {"openapi": {"path": URL}},
        {"configMapGenerator": [{"name": "a", "files": [URL]}]},
        {"configMapGenerator": [{"name": "a", "files": [f"k={URL}"]}]},
        {"secretGenerator": [{"name": "a", "envs": [URL]}]},
        {"secretGenerator": [{"name": "a", "env": URL}]},
        {"RESOURCES": [URL]},
    ],
)
async def test_nothing_is_fetched_by_whatever_field(
    renderer: ManifestRenderer, fields: dict[str, Any]
) -> None:
    with pytest.raises(Rejected, match="nothing is fetched from outside"):
        await renderer.kustomize({"top/kustomization.yaml": dumped(fields)}, "top")


@pytest.mark.parametrize("field", ["generators", "transformers", "validators", "helmCharts", "HelmGlobals"])
async def test_programs_and_charts_of_a_kustomization_are_not_run(
    renderer: ManifestRenderer, field: str
) -> None:
    with pytest.raises(Rejected, match=f"has {field.lower()}, which are not run here"):
        await renderer.kustomize({"top/kustomization.yaml": dumped({field: ["a.yaml"]})}, "top")


TWICE = kustomization("../base", "../base")

REFUSED: dict[str, tuple[Files, str]] = {
    "no folder": (OBJECTS, "nowhere"),
    "no kustomization": ({"top/a.yaml": b""}, "top"),
    "a file that is not there": ({"top/kustomization.yaml": kustomization("a.yaml")}, "top"),
    "above the root": ({"top/kustomization.yaml": kustomization("../../etc")}, "top"),
    "a whole path": ({"top/kustomization.yaml": kustomization("/etc/passwd")}, "top"),
    "a file of another folder": (
        OBJECTS | {"top/kustomization.yaml": kustomization("../base/objects.yaml")},
        "top",
    ),
    "a circle": (
        {"a/kustomization.yaml": kustomization("../b"), "b/kustomization.yaml": kustomization("../a")},
        "a",
    ),
    "an object twice": (OBJECTS | {"top/kustomization.yaml": TWICE}, "top"),
    "an object without a name": (
        {"top/kustomization.yaml": kustomization("a.yaml"), "top/a.yaml": b"apiVersion: v1\nkind: Service\n"},
        "top",
    ),
    "no YAML": ({"top/kustomization.yaml": b"resources: [\n"}, "top"),
    "objects that are no YAML": (
        {"top/kustomization.yaml": kustomization("a.yaml"), "top/a.yaml": b"a: [\n"},
        "top",
    ),
    "a key twice": ({"top/kustomization.yaml": b"resources: []\nResources: []\n"}, "top"),
    "an unknown field": (over(surprise=True), "top"),
    "a list": ({"top/kustomization.yaml": b"[]"}, "top"),
    "no paths": ({"top/kustomization.yaml": b"resources: [{a: b}]"}, "top"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_built_is_refused(renderer: ManifestRenderer, case: str) -> None:
    with pytest.raises(Rejected) as refused:
        await renderer.kustomize(*REFUSED[case])
    assert "/tmp" not in refused.value.sentence
