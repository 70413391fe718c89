"""Marks by which a GitOps agent would count a commit as applied that it has not applied are refused."""

import pytest

from tests.domain.devops.release.manifests import an_object, service
from tests.domain.devops.release.rendered import a_ground, sources
from tests.domain.world import World


@pytest.mark.parametrize("field", ["annotations", "labels"])
@pytest.mark.parametrize(
    "mark",
    [
        "kustomize.toolkit.fluxcd.io/reconcile",
        "kustomize.toolkit.fluxcd.io/prune",
        "kustomize.toolkit.fluxcd.io/ssa",
        "helm.toolkit.fluxcd.io/driftDetection",
        "argocd.argoproj.io/hook",
        "argocd.argoproj.io/sync-options",
        "argocd.argoproj.io/compare-options",
    ],
)
async def test_an_object_does_not_tell_the_agent_to_leave_it_alone(
    world: World, field: str, mark: str
) -> None:
    marked = service()
    marked[-1]["metadata"][field] = {mark: "disabled"}
    sentence = await (await a_ground(world, sources(*marked))).refused()
    assert f"Deployment api is marked {mark}" in sentence


async def test_an_object_may_say_when_it_is_applied_or_that_it_is_made_anew(world: World) -> None:
    marked = service()
    marked[-1]["metadata"]["annotations"] = {
        "argocd.argoproj.io/sync-wave": "2",
        "kustomize.toolkit.fluxcd.io/force": "enabled",
        "prometheus.io/scrape": "true",
    }
    await (await a_ground(world, sources(*marked))).rendered()


async def test_no_set_of_resources_of_the_flux_operator_is_deployed(world: World) -> None:
    more = an_object("ResourceSet", "more", "fluxcd.controlplane.io/v1")
    sentence = await (await a_ground(world, sources(*service(), more))).refused()
    assert "ResourceSet more would have the GitOps agent reach beyond" in sentence
