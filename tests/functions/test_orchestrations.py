"""How orchestrations begin, once, and what one of their steps answers."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from azure.durable_functions import OrchestrationRuntimeStatus

from domain.devops.infrastructure.infrastructure_plan import ProvisionInfrastructure
from domain.kernel.actor import service
from domain.kernel.context import OBSERVATIONS, RUN_ORCHESTRATION
from domain.kernel.envelope import Message
from domain.kernel.errors import Conflict, Invalid, Unavailable
from domain.kernel.proof import ACTOR, INITIATOR, PROOF
from domain.sealing import ORCHESTRATOR, proven
from functions import events
from functions.callers import NotAuthenticated
from functions.orchestrations import begin, order_of, take
from tests.domain.devops.infrastructure.given import Site, site
from tests.functions.conftest import MemoryPlatform
from tests.functions.dispatchers import Failing, Listening
from tests.functions.hub import Hub, beginning, client
from tests.functions.requests import message

ENDED_BADLY = ("Terminated", "Failed")


async def test_an_orchestration_begins_with_all_that_its_steps_go_by() -> None:
    hub = Hub()
    await begin(client(hub), beginning(), "ada@connectsoft.example")
    ((name, id, order),) = hub.started
    assert (name, id) == ("environment_promotion", "promotion-1")
    assert (
        order
        == order_of(beginning(), "ada@connectsoft.example")
        == {
            "orchestration": "EnvironmentPromotion",
            "id": "promotion-1",
            "run": "run-1",
            "tenantId": "acme",
            "projectId": "booking",
            "moduleId": "module-reservations-api",
            "traceId": "trace-1",
            "correlationId": "corr-1",
            "causationId": "cmd-1",
            "initiator": "ada@connectsoft.example",
        }
    )
    assert json.loads(json.dumps(order)) == order


@pytest.mark.parametrize("status", [one.value for one in OrchestrationRuntimeStatus])
async def test_a_message_that_comes_again_begins_only_what_has_ended_badly(status: str) -> None:
    hub = Hub(**{"promotion-1": status})
    await begin(client(hub), beginning(), None)
    assert len(hub.started) == (1 if status in ENDED_BADLY else 0)


async def test_it_begins_once_however_often_it_is_told() -> None:
    hub = Hub()
    for _ in range(3):
        await begin(client(hub), beginning(), None)
    assert len(hub.started) == 1


async def test_a_start_whose_answer_was_lost_has_begun_it() -> None:
    hub = Hub()
    hub.loses = 1
    await begin(client(hub), beginning(), None)
    assert len(hub.started) == 1


async def test_of_two_deliveries_at_once_the_second_finds_that_it_has_begun() -> None:
    class Overtaken(Hub):
        async def start_new(self, name: str, instance_id: str, client_input: object) -> str:
            await super().start_new(name, instance_id, client_input)
            return await super().start_new(name, instance_id, client_input)

    hub = Overtaken()
    await begin(client(hub), beginning(), None)
    assert len(hub.started) == 1


async def test_while_the_hub_is_away_the_message_goes_back() -> None:
    hub = Hub()
    hub.away = True
    with pytest.raises(Unavailable, match="Durable Functions"):
        await begin(client(hub), beginning(), None)
    hub.away = False
    await begin(client(hub), beginning(), None)
    assert len(hub.started) == 1


async def test_a_start_that_failed_goes_back_too() -> None:
    class Full(Hub):
        async def start_new(self, name: str, instance_id: str, client_input: object) -> str:
            raise Exception("the orchestrator is not known")

    with pytest.raises(Unavailable, match="not known"):
        await begin(client(Full()), beginning(), None)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"id": ""}, "payload.id"),
        ({"orchestration": 7}, "payload.orchestration"),
        ({"id": "a b"}, "payload.id"),
    ],
)
def test_a_beginning_that_can_not_be_understood_is_named(payload: Mapping[str, object], field: str) -> None:
    with pytest.raises(Invalid) as no:
        order_of(beginning(**payload), None)
    assert [one.field for one in no.value.errors] == [field]


# A step


async def begun() -> tuple[Site, dict[str, Any]]:
    """An orchestration of a plan, as its first step is called."""
    world = await site(Site)
    await world.given(ProvisionInfrastructure(environment="dev"))
    order = world.begun.pop()
    return world, {"order": order, "payload": {"infrastructurePlanId": order["id"]}, "look": 1}


async def taken(world: Site, call: dict[str, Any], name: str = "BeginInfrastructure") -> dict[str, Any]:
    return await take(name, call, world.dispatcher, world.store, world.clock.moment)


async def test_a_step_answers_how_its_aggregate_stands() -> None:
    world, call = await begun()
    answer = await taken(world, call)
    plan = await world.plan(call["order"]["id"])
    assert answer == {"standing": plan.standing(), "rejected": None, "errored": None}
    assert plan.standing()["nextStep"] == "PreviewInfrastructure"
    assert (plan.updated_by, plan.began_at) == (ORCHESTRATOR, world.clock.moment)
    assert json.loads(json.dumps(answer)) == answer


async def test_a_step_taken_again_is_the_same_command_and_another_look_another_one() -> None:
    world, call = await begun()
    heard = Listening(world)
    of_another_run = call | {"order": call["order"] | {"run": "run-2"}}
    for each in (call, call, call | {"look": 2}, of_another_run):
        await take("BeginInfrastructure", each, heard, world.store, world.clock.moment)
    first, again, *others = heard.ids
    assert first == again and len({first, *others}) == 3
    previews = [await taken(world, call | {"look": 3}, "PreviewInfrastructure") for _ in range(2)]
    assert previews[0] == previews[1] and world.engine.effects == {"preview": 1}


async def test_what_the_domain_says_no_to_is_answered_with_its_sentence_and_the_standing() -> None:
    world, call = await begun()
    await taken(world, call)
    world.engine.closed = "resource group rg-booking does not exist"
    answer = await taken(world, call | {"look": 2}, "PreviewInfrastructure")
    assert (answer["rejected"], answer["errored"]) == (world.engine.closed, None)
    assert answer["standing"]["nextStep"] == "PreviewInfrastructure"


@pytest.mark.parametrize(
    "call_changes",
    [{"payload": {}}, {"payload": {"infrastructurePlanId": "infra-nobody"}}, {"payload": {"reason": 7}}],
)
async def test_what_no_further_try_would_mend_is_answered_as_an_error(call_changes: dict[str, Any]) -> None:
    world, call = await begun()
    answer = await taken(world, call | call_changes)
    assert answer["standing"] is None and answer["rejected"] is None
    assert answer["errored"].startswith("BeginInfrastructure: ")


@pytest.mark.parametrize("error", [Unavailable("the engine", "503"), Conflict("somebody was first")])
async def test_what_another_try_may_mend_is_raised(error: Exception) -> None:
    world, call = await begun()
    with pytest.raises(type(error)):
        await take("BeginInfrastructure", call, Failing(error), world.store, world.clock.moment)


async def test_a_fault_of_ours_is_answered_by_its_words() -> None:
    world, call = await begun()
    failing = Failing(ZeroDivisionError("division by zero"))
    answer = await take("BeginInfrastructure", call, failing, world.store, world.clock.moment)
    assert answer["errored"] == "BeginInfrastructure: division by zero"


# The queue


async def observed(hub: Hub, sent: Message, **changes: str) -> None:
    """The function of the queue, with its binding to the hub replaced."""
    function: Any = events.observations
    arriving = message(sent.body, {**sent.properties, **changes}, message_id=sent.message_id)
    await inspect.unwrap(function._function.get_user_function())(arriving, client(hub))


def asked(memory: MemoryPlatform) -> Message:
    """As a commit puts it into the outbox."""
    actor = service(ORCHESTRATOR, "ada@connectsoft.example")
    return proven(OBSERVATIONS, beginning(), actor, memory.settings.proof_key)


async def test_a_commit_of_ours_begins_an_orchestration_in_the_name_of_who_set_it_off(
    memory: MemoryPlatform,
) -> None:
    hub = Hub()
    for _ in range(2):
        await observed(hub, asked(memory))
    ((_, id, order),) = hub.started
    assert (id, order["initiator"]) == ("promotion-1", "ada@connectsoft.example")


async def test_nobody_else_begins_one(memory: MemoryPlatform) -> None:
    hub = Hub()
    sent = asked(memory)
    somebody_elses = proven(
        OBSERVATIONS, beginning(id="promotion-2"), service("x"), memory.settings.proof_key
    )
    forged: list[tuple[Message, dict[str, str]]] = [
        (sent, {PROOF: "0" * 64}),
        (sent, {PROOF: ""}),
        (sent, {INITIATOR: "grace@connectsoft.example"}),
        (sent, {ACTOR: "service-bus"}),
        (replace(sent, body=somebody_elses.body), {}),
        (replace(sent, message_id="run-2"), {}),
        (replace(sent, properties={"cs-event-type": RUN_ORCHESTRATION}), {}),
    ]
    for changed, changes in forged:
        with pytest.raises(NotAuthenticated):
            await observed(hub, changed, **changes)
    assert hub.started == []


async def test_what_is_no_beginning_goes_the_way_of_observations(memory: MemoryPlatform) -> None:
    hub = Hub()
    with pytest.raises(Invalid, match="RunOrchestration is not a known observation"):
        await observed(hub, asked(memory), **{"cs-event-type": "ObserveRun"})
    assert hub.started == []
