"""What every `ManifestRenderer` keeps to, on what the domain has rendered."""

import asyncio
import shutil
from typing import Any

import pytest

from adapters.kustomize import CommandLineRenderer
from adapters.memory.manifest_renderer import MemoryManifestRenderer
from domain.kernel.errors import Rejected
from domain.ports import ManifestRenderer
from tests.contracts import rendering
from tests.contracts.rendering import DIGEST, KEEP, MAP, OBJECTS, SLOT, Files, over
from tests.domain.devops.release.manifests import (
    an_object,
    by_name,
    dumped,
    images_of,
    kustomization,
    service,
)

renderer = rendering.renderer

CASES: dict[str, tuple[Files, str]] = {
    "files": (OBJECTS, "base"),
    "folders of folders": (over(), "top"),
    "a slot": (over(**SLOT), "top"),
    "images": (
        over(images=[{"name": "reservations-api", "newName": "registry.invalid/x/api", "digest": DIGEST}]),
        "top",
    ),
    "a tag": (over(images=[{"name": "reservations-api", "newTag": "2"}]), "top"),
    "a map": (
        {
            "top/kustomization.yaml": kustomization(configMapGenerator=[{**MAP, "files": ["a=0", "b.txt"]}]),
            "top/0": b'x="y"\n\'',
            "top/b.txt": b"1",
        },
        "top",
    ),
    "literals": (
        {"top/kustomization.yaml": kustomization(configMapGenerator=[{**MAP, "literals": ["a=b=c", "d="]}])},
        "top",
    ),
    "no namespace": (
        {
            "top/kustomization.yaml": kustomization(
                "objects.yaml",
                patches=[
                    {
                        "target": {"namespace": "here"},
                        "patch": '[{"op": "remove", "path": "/metadata/namespace"}]',
                    }
                ],
            ),
            "top/objects.yaml": dumped(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "here"}},
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "there"}},
            ),
        },
        "top",
    ),
    "one object beside its renamed self": (
        OBJECTS
        | {
            "main/kustomization.yaml": kustomization("../base", patches=[KEEP]),
            "blue/kustomization.yaml": kustomization("../base", **SLOT),
            "top/kustomization.yaml": kustomization("../blue", "../main"),
        },
        "top",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_memory_renders_what_the_tool_renders(case: str) -> None:
    files, directory = CASES[case]
    real = await CommandLineRenderer().kustomize(files, directory)
    assert by_name(real) == by_name(await MemoryManifestRenderer().kustomize(files, directory))
    assert by_name(real)


async def test_the_same_files_give_the_same_bytes(renderer: ManifestRenderer) -> None:
    files = over(**SLOT)
    other_way_round = dict(reversed(files.items()))
    first, second = await asyncio.gather(
        renderer.kustomize(files, "top"), renderer.kustomize(other_way_round, "top")
    )
    assert first == second


async def test_an_image_is_pinned_by_its_name_only(renderer: ManifestRenderer) -> None:
    pin = {"name": "api", "newName": "registry.invalid:5000/x/api", "digest": DIGEST}
    named = {
        "a": "api",
        "b": "api:1",
        "c": f"api@{DIGEST[:-1]}b",
        "d": "other/api:1",
        "e": "api-2:1",
        "f": "localhost:5000/api",
    }
    objects = [one for name, image in named.items() for one in service(name, image)]
    files = {
        "top/kustomization.yaml": kustomization("objects.yaml", images=[pin]),
        "top/objects.yaml": dumped(*objects),
    }
    pinned = f"registry.invalid:5000/x/api@{DIGEST}"
    assert images_of(await renderer.kustomize(files, "top")) == [
        pinned,
        pinned,
        pinned,
        "other/api:1",
        "api-2:1",
        "localhost:5000/api",
    ]


async def test_a_slot_keeps_its_objects_to_itself(renderer: ManifestRenderer) -> None:
    found = by_name(await renderer.kustomize(over(**SLOT), "top"))
    slot = {"app": "api", "delivery/slot": "blue"}
    deployment = found["Deployment", "api-blue"]["spec"]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"] == slot
    assert found["Service", "api-blue"]["spec"]["selector"] == slot
    (container,) = deployment["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": "api-config-blue"}}]
    assert found["ConfigMap", "api-config-blue"]["metadata"]["labels"] == {"delivery/slot": "blue"}


async def test_nothing_gives_nothing(renderer: ManifestRenderer) -> None:
    empty = {"top/kustomization.yaml": b"kind: Kustomization\nresources: []\n"}
    assert await renderer.kustomize(empty, "top") == b""


CHART = {
    "chart/Chart.yaml": b"{apiVersion: v2, name: api, version: 0.1.0}",
    "chart/values.yaml": b"{image: {tag: latest, registry: a}, other: kept}",
    "chart/templates/place.yaml": dumped(
        an_object(
            "ConfigMap",
            "{{ .Release.Name }}",
            data={
                "image": "{{ .Values.image.registry }}/{{ .Chart.Name }}:{{ .Values.image.tag }}",
                "namespace": "{{ .Release.Namespace }}",
                "other": "{{ .Values.other }}",
            },
        )
    ),
    "values/one.yaml": b"{image: {tag: one, registry: b}}",
    "values/two.yaml": b"{image: {tag: two}}",
}
WITH_HELM = ["memory", *(["command line"] if shutil.which("helm") else [])]


@pytest.fixture(params=WITH_HELM)
def charts(request: pytest.FixtureRequest) -> ManifestRenderer:
    return MemoryManifestRenderer() if request.param == "memory" else CommandLineRenderer(helm="helm")


async def test_the_last_values_win_and_settings_over_them(charts: ManifestRenderer) -> None:
    async def data(*values: str, **settings: str) -> Any:
        dotted = {key.replace("_", "."): value for key, value in settings.items()}
        content = await charts.helm(
            CHART, "chart", release="shop", namespace="here", values=values, settings=dotted
        )
        return by_name(content)["ConfigMap", "shop"]["data"]

    assert await data() == {"image": "a/api:latest", "namespace": "here", "other": "kept"}
    assert (await data("values/one.yaml", "values/two.yaml"))["image"] == "b/api:two"
    assert (await data("values/one.yaml", image_tag="a,b=c"))["image"] == "b/api:a,b=c"


async def test_a_chart_that_cannot_be_templated_is_refused(charts: ManifestRenderer) -> None:
    async def refuse(files: Files, *values: str) -> str:
        with pytest.raises(Rejected) as refused:
            await charts.helm(files, "chart", release="a", namespace="b", values=values, settings={})
        return refused.value.sentence

    assert await refuse({}) == "chart has no Chart.yaml"
    assert await refuse(CHART, "values/none.yaml") == "value file values/none.yaml is not there"
    assert "no" in await refuse(CHART | {"chart/templates/x.yaml": b"{{ nonsense }}"})
