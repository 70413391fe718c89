"""How Argo CD is asked for a sync."""

import asyncio
from typing import Any

import pytest

from adapters.argo_cd import OPERATION_ID, REFRESH, ArgoCdAgent
from domain.kernel.errors import Rejected, Unavailable
from tests.adapters import application_controller, scripted_cluster
from tests.adapters.application_controller import PATH, ApplicationController
from tests.adapters.scripted_cluster import (
    ENVIRONMENT,
    NAMESPACE,
    Fault,
    ScriptedCluster,
    answers,
    applied_then_503,
    cut_after,
    cut_before,
    status,
)

scripted, api = scripted_cluster.scripted, scripted_cluster.api
agent, controller = application_controller.agent, application_controller.controller


async def test_an_environment_without_an_application(scripted: ScriptedCluster, agent: ArgoCdAgent) -> None:
    for _ in range(2):
        assert await agent.sync(ENVIRONMENT) is None
        for call in (agent.reconcile(ENVIRONMENT, token="cmd-1"), agent.drift(ENVIRONMENT, [])):
            with pytest.raises(Rejected, match=f"staging has no Application named {NAMESPACE}"):
                await call


async def test_it_asks_for_a_sync_past_all_caches(
    controller: ApplicationController, agent: ArgoCdAgent
) -> None:
    version = controller.application["metadata"]["resourceVersion"]
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    method, path, query, body = controller.cluster.requests[-1]
    assert (method, path, query) == ("PATCH", PATH, {"fieldManager": "cs-runtime"})
    assert body == {
        "metadata": {
            "resourceVersion": version,
            "annotations": {OPERATION_ID: "cmd-1", REFRESH: "hard"},
        },
        "operation": {
            "initiatedBy": {"username": "software-factory"},
            "info": [{"name": OPERATION_ID, "value": "cmd-1"}],
            "sync": {"prune": True},
        },
    }


@pytest.mark.parametrize(
    ("policy", "sync"),
    [
        ({}, {"prune": True}),
        ({"automated": {}}, {"prune": False}),
        ({"automated": {"prune": True}}, {"prune": True}),
        ({"syncOptions": ["A=true"]}, {"prune": True, "syncOptions": ["A=true"]}),
    ],
)
async def test_the_applications_own_policy_holds(
    controller: ApplicationController,
    agent: ArgoCdAgent,
    policy: dict[str, Any],
    sync: dict[str, Any],
) -> None:
    controller.change(spec={"syncPolicy": policy})
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    assert controller.application["operation"]["sync"] == sync


async def test_the_same_token_asks_once_at_every_stage(
    controller: ApplicationController, agent: ArgoCdAgent
) -> None:
    def healthy() -> None:
        controller.assess("Healthy")

    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    for stage in (controller.refresh, controller.begin, controller.end, healthy):
        for _ in range(2):
            await agent.reconcile(ENVIRONMENT, token="cmd-1")
        stage()
    # An operation of somebody else has taken the place of what is known of ours.
    controller.change(operation={"info": [], "sync": {}})
    controller.sync()
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    assert controller.operations == ["cmd-1", None]
    assert [line[:5] for line in controller.cluster.lines].count("PATCH") == 1
    await agent.reconcile(ENVIRONMENT, token="cmd-2")
    controller.begin()
    assert controller.operations[-1] == "cmd-2"


@pytest.mark.parametrize("fault", [cut_before, cut_after, applied_then_503, answers(status(503, "busy"))])
async def test_a_lost_answer_makes_no_second_sync(
    controller: ApplicationController, agent: ArgoCdAgent, fault: Fault
) -> None:
    async def fine(_: object, carry_out: Any) -> Any:
        return carry_out()

    def ran_at_once() -> None:
        # Quicker than the second try: what is written first must not be found missing, and asked again.
        controller.cluster.patched = lambda: None
        controller.sync()

    controller.cluster.patched = ran_at_once
    controller.cluster.faults = [fine, fault]
    await agent.reconcile(ENVIRONMENT, token="cmd-1")
    assert controller.operations == ["cmd-1"] and "operation" not in controller.application
    assert controller.cluster.faults == []


async def test_several_at_once_ask_once(controller: ApplicationController, agent: ArgoCdAgent) -> None:
    await asyncio.gather(*(agent.reconcile(ENVIRONMENT, token="cmd-1") for _ in range(4)))
    controller.sync()
    assert controller.operations == ["cmd-1"] and "operation" not in controller.application


async def test_another_sync_is_waited_for(controller: ApplicationController, agent: ArgoCdAgent) -> None:
    controller.change(operation={"sync": {}})
    with pytest.raises(Unavailable, match="another sync is under way"):
        await agent.reconcile(ENVIRONMENT, token="cmd-1")
    assert controller.application["operation"] == {"sync": {}}
    asking = asyncio.create_task(agent.reconcile(ENVIRONMENT, token="cmd-1"))
    controller.begin()
    controller.end()
    await asking
    assert controller.application["operation"]["info"] == [{"name": OPERATION_ID, "value": "cmd-1"}]
