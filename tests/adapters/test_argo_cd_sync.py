"""What Argo CD's Applications come to."""

from typing import Any

import pytest

from adapters.argo_cd import ArgoCdAgent
from domain.provided import ProvidedDrift, ProvidedResource, ProvidedSync
from tests.adapters import application_controller, scripted_cluster
from tests.adapters.application_controller import NEW, OLD, ApplicationController
from tests.adapters.scripted_cluster import ENVIRONMENT, NAMESPACE
from tests.environments import config_map, deployment

scripted, api = scripted_cluster.scripted, scripted_cluster.api
agent, controller = application_controller.agent, application_controller.controller


async def sync_of(agent: ArgoCdAgent) -> ProvidedSync:
    found = await agent.sync(ENVIRONMENT)
    assert found is not None and await agent.sync(ENVIRONMENT) == found
    return found


async def test_a_request_on_its_way_to_the_end(controller: ApplicationController, agent: ArgoCdAgent) -> None:
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    controller.sync()
    assert await sync_of(agent) == ProvidedSync(OLD, OLD, "cmd-1", True, "successfully synced")
    controller.head = NEW
    await agent.reconcile(ENVIRONMENT, token="cmd-2")
    found = await sync_of(agent)
    assert (found.handled_token, found.ready) == (None, None)
    controller.refresh()
    controller.begin()
    found = await sync_of(agent)
    assert found == ProvidedSync(NEW, None, None, None, "applying")
    controller.end()
    # The health is that of before the sync.
    found = await sync_of(agent)
    assert (found.handled_token, found.ready, found.applied_sha) == ("cmd-2", None, None)
    controller.assess("Progressing", "waiting for the rollout")
    found = await sync_of(agent)
    assert found == ProvidedSync(NEW, None, "cmd-2", None, "waiting for the rollout")
    controller.assess("Healthy")
    assert await sync_of(agent) == ProvidedSync(NEW, NEW, "cmd-2", True, "successfully synced")


@pytest.mark.parametrize(
    ("health", "ready"),
    [
        ("Healthy", True),
        ("Degraded", False),
        ("Progressing", None),
        ("Suspended", None),
        ("Missing", None),
    ],
)
async def test_what_is_applied_is_as_well_as_its_health(
    controller: ApplicationController, agent: ArgoCdAgent, health: str, ready: bool | None
) -> None:
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    controller.sync(health)
    found = await sync_of(agent)
    assert (found.ready, found.applied_sha) == (ready, OLD if ready else None)


@pytest.mark.parametrize("phase", ["Failed", "Error"])
async def test_a_failed_sync_has_applied_nothing_as_a_whole(
    controller: ApplicationController, agent: ArgoCdAgent, phase: str
) -> None:
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    controller.sync()
    controller.head = NEW
    await agent.reconcile(ENVIRONMENT, token="cmd-2")
    controller.refresh()
    controller.begin()
    controller.end(phase, "one or more objects failed to apply")
    controller.assess("Healthy")
    found = await sync_of(agent)
    assert found == ProvidedSync(NEW, None, "cmd-2", False, "one or more objects failed to apply")
    # A newer commit has not been tried.
    controller.head = "c" * 40
    controller.refresh()
    assert (await sync_of(agent)).ready is None


async def test_a_sync_of_some_resources_has_not_applied_the_whole(
    controller: ApplicationController, agent: ArgoCdAgent
) -> None:
    controller.change(operation={"sync": {"resources": [{"kind": "ConfigMap", "name": "orders"}]}})
    controller.sync()
    # Nothing else had to be applied.
    assert (await sync_of(agent)).applied_sha == OLD
    controller.status(sync={"status": "OutOfSync", "revision": OLD})
    assert (await sync_of(agent)).applied_sha is None


async def test_a_branch_that_can_not_be_read_says_why(
    controller: ApplicationController, agent: ArgoCdAgent
) -> None:
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    controller.sync()
    said = {"type": "ComparisonError", "message": "authentication required"}
    controller.status(conditions=[{"type": "OrphanedResourceWarning", "message": "x"}, said])
    found = await sync_of(agent)
    assert (found.ready, found.message) == (None, "authentication required")


async def test_nobody_has_looked_at_it_yet(controller: ApplicationController, agent: ArgoCdAgent) -> None:
    for empty in ({}, None, {"sync": 3, "operationState": "x", "history": 1, "resources": [1]}):
        controller.change(status=empty)
        assert await sync_of(agent) == ProvidedSync(None, None, None, None, "")


async def test_of_several_sources_the_first_counts(
    controller: ApplicationController, agent: ArgoCdAgent
) -> None:
    controller.status(sync={"status": "Synced", "revisions": [NEW, OLD]})
    assert (await sync_of(agent)).desired_sha == NEW


def resource(kind: str, group: str = "", **fields: Any) -> dict[str, Any]:
    grouped = {"group": group} if group else {}
    return {**grouped, "version": "v1", "kind": kind, "namespace": NAMESPACE, "name": "orders", **fields}


async def test_what_it_has_applied_and_what_of_it_has_drifted(
    controller: ApplicationController, agent: ArgoCdAgent
) -> None:
    controller.status(
        resources=[
            resource("Deployment", "apps", status="OutOfSync", health={"status": "Healthy"}),
            resource("ConfigMap", status="OutOfSync", health={"status": "Missing"}),
            resource("Service", status="Synced"),
            resource("Secret", status="OutOfSync", requiresPruning=True),
            {"version": "v1", "kind": "Namespace", "name": NAMESPACE, "status": "OutOfSync"},
        ]
    )
    workload = ProvidedResource("apps/v1", "Deployment", NAMESPACE, "orders")
    gone = ProvidedResource("v1", "ConfigMap", NAMESPACE, "orders")
    well = ProvidedResource("v1", "Service", NAMESPACE, "orders")
    space = ProvidedResource("v1", "Namespace", "", NAMESPACE)
    assert (await sync_of(agent)).resources == (workload, gone, well, space)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    unknown = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "payments"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "orders"}}
    desired = [deployment(), config_map("fast"), namespace, unknown, service]
    changed = "is not as the branch has it, says Argo CD"
    for _ in range(2):
        assert await agent.drift(ENVIRONMENT, desired) == (
            ProvidedDrift(workload, changed),
            ProvidedDrift(gone, "is gone"),
            ProvidedDrift(space, changed),
        )
    assert await agent.drift(ENVIRONMENT, []) == ()
