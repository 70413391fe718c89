"""Manifests from a chart, and from the outputs of a stack."""

from typing import Any

import pytest

from domain.devops.delivery.environments import EnvironmentPolicy
from domain.kernel.naming import environment_namespace
from tests.domain.devops.release.manifests import (
    an_object,
    by_name,
    dumped,
    images_of,
    service,
)
from tests.domain.devops.release.rendered import PINNED, a_ground
from tests.domain.world import World


def stack(**manifest: Any) -> EnvironmentPolicy:
    return EnvironmentPolicy.model_validate({"name": "staging", "manifest": manifest})


async def test_a_stacks_outputs_become_a_map_as_they_are(world: World) -> None:
    ground = await a_ground(world)
    outputs = {"databaseHost": "db.internal", "quoted": "'=\"\n x", "empty": ""}
    (found,) = by_name(await ground.rendered(stack(type="PulumiOutput"), outputs=outputs)).values()
    assert (found["kind"], found["metadata"]) == ("ConfigMap", {"name": "module-reservations-api-outputs"})
    assert found["data"] == outputs


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        (None, "environment staging has no outputs of its stack to deploy"),
        ({"a b": "x"}, "output a b of the stack can't be a ConfigMap's key: letters, digits, - _ . only"),
    ],
)
async def test_outputs_that_are_no_map_are_refused(
    world: World, outputs: dict[str, str] | None, sentence: str
) -> None:
    ground = await a_ground(world)
    assert await ground.refused(stack(type="PulumiOutput"), outputs=outputs) == sentence


_NAMESPACED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-place", namespace: "{{ .Release.Namespace }}"}
data: {namespace: "{{ .Release.Namespace }}"}
"""
CHART = {
    "chart/Chart.yaml": b"{apiVersion: v2, name: api, version: 0.1.0}",
    "chart/values.yaml": b"{image: {repository: reservations-api, tag: latest}}",
    "chart/templates/app.yaml": dumped(
        *service(image="{{ .Values.image.repository }}:{{ .Values.image.tag }}")
    ),
    "chart/templates/place.yaml": _NAMESPACED.encode(),
    "values/staging.yaml": b"{image: {tag: staging}}",
}


async def test_a_chart_is_templated_for_the_environments_namespace_and_pinned(world: World) -> None:
    ground = await a_ground(world, CHART)
    environment = stack(type="Helm", path="chart", values=["values/{environment}.yaml"])
    stored = await ground.rendered(environment)
    assert images_of(stored) == [PINNED]
    place = by_name(stored)["ConfigMap", "module-reservations-api-place"]
    assert place["metadata"] == {"name": "module-reservations-api-place"}
    assert place["data"] == {"namespace": environment_namespace(world.partition, "staging")}


async def test_a_charts_value_file_must_be_in_the_commit(world: World) -> None:
    ground = await a_ground(world, CHART)
    sentence = await ground.refused(stack(type="Helm", path="chart", values=["values/other.yaml"]))
    assert sentence == f"commit {ground.release.commit_sha} has no value file values/other.yaml"


async def test_a_hook_of_a_chart_is_refused(world: World) -> None:
    hook = an_object("ConfigMap", "migrate")
    hook["metadata"]["annotations"] = {"helm.sh/hook": "pre-upgrade"}
    ground = await a_ground(world, CHART | {"chart/templates/hook.yaml": dumped(hook)})
    assert "ConfigMap migrate is a hook of Helm's" in await ground.refused(stack(type="Helm", path="chart"))
