"""Commands that an orchestration goes on with: 202, the place that tells how it stands, begun once."""

import inspect
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from domain.catalogue import catalogue
from domain.devops.gitops.gitops_sync_state import ObserveGitOps
from domain.kernel.actor import service
from domain.kernel.context import OBSERVATIONS, RUN_ORCHESTRATION, kebab, snake
from domain.kernel.envelope import Message
from domain.kernel.errors import Invalid
from domain.kernel.proof import proof_key
from functions import events
from functions.answers import answered
from functions.callers import NotAuthenticated
from functions.commands import handle_request
from functions.messages import observed, proven
from functions.views import get_aggregate
from tests.domain.scenarios import SCENARIOS, Payload
from tests.domain.world import REDACTION, World
from tests.functions.requests import message, request

ORCHESTRATED = ("PromoteDeployment", "ProvisionInfrastructure")
PROJECT = "/tenants/acme/projects/booking"

each_orchestrated = pytest.mark.parametrize("name", ORCHESTRATED)


async def post(name: str, payload: Payload, key: str = "one key") -> func.HttpResponse:
    handler = catalogue().handlers[name]
    asked = request(
        body=json.dumps(payload).encode(),
        headers={"Idempotency-Key": key},
        path=f"{PROJECT}/{kebab(name)}",
    )
    return await answered(lambda each: handle_request(each, handler), asked)


def told(answer: func.HttpResponse) -> tuple[int, dict[str, str], bytes]:
    return answer.status_code, dict(answer.headers), answer.get_body()


@each_orchestrated
async def test_it_is_202_with_the_place_that_tells_how_it_stands(world: World, name: str) -> None:
    answer = await post(name, await SCENARIOS[name].prepare(world))
    body = json.loads(answer.get_body())
    kind = next(one for one in catalogue().aggregates.values() if one.kind == SCENARIOS[name].aggregate)
    place = f"http://localhost/api{PROJECT}/{kind.collection}/{body['aggregate']['id']}"
    assert answer.status_code == 202
    assert (answer.headers["Location"], answer.headers["Retry-After"]) == (place, "5")
    assert (body["statusUrl"], body["outcome"], body["events"]) == (place, "accepted", [])


@each_orchestrated
async def test_a_repeat_is_told_the_same_even_when_it_is_over(world: World, name: str) -> None:
    payload = await SCENARIOS[name].prepare(world)
    first = await post(name, payload)
    assert told(await post(name, payload)) == told(first)
    subject = json.loads(first.get_body())["aggregate"]
    await world.dispatcher.drain()
    await world.played()
    assert told(await post(name, payload)) == told(first)
    kind = next(one for one in catalogue().aggregates.values() if one.kind == subject["type"])
    assert len((await world.store.page(world.partition, kind, 10, None)).items) == 1


async def test_an_automatic_promotion_that_does_nothing_is_200_and_names_no_place(world: World) -> None:
    payload = await SCENARIOS["PromoteDeployment"].prepare(world)
    answer = await post("PromoteDeployment", payload | {"automatic": True})
    body = json.loads(answer.get_body())
    assert (answer.status_code, body["aggregate"], body["events"]) == (200, None, [])
    assert "Location" not in answer.headers and "statusUrl" not in body


async def test_automatic_infrastructure_that_is_nowhere_configured_is_200(world: World) -> None:
    answer = await post("ProvisionInfrastructure", {"environment": "dev", "automatic": True})
    assert (answer.status_code, json.loads(answer.get_body())["aggregate"]) == (200, None)


@each_orchestrated
async def test_a_refusal_is_409_and_begins_nothing(world: World, name: str) -> None:
    payload = await SCENARIOS[name].prepare(world)
    if name == "PromoteDeployment":
        await post(name, payload, key="first")
    before = len(beginnings(world))
    refused = await post(name, payload | (SCENARIOS[name].refused_with or {}))
    assert (refused.status_code, "Location" in refused.headers) == (409, False)
    await world.dispatcher.drain()
    assert len(beginnings(world)) == before


async def test_the_place_is_a_view_that_the_caller_may_read(world: World) -> None:
    answer = await post("PromoteDeployment", await SCENARIOS["PromoteDeployment"].prepare(world))
    *_, collection, id = answer.headers["Location"].split("/")
    route = {"collection": collection, "id": id}
    view = await get_aggregate.build().get_user_function()(request("GET", route=route))
    assert (view.status_code, json.loads(view.get_body())["status"]) == (200, "Pending")


@dataclass
class Client:
    """What the function of the observations' queue uses of the durable client."""

    started: list[tuple[str, str, Any]] = field(default_factory=list)

    async def get_status(self, id: str) -> Any:
        running = SimpleNamespace(runtime_status=df.OrchestrationRuntimeStatus.Running)
        return running if any(one == id for _, one, _ in self.started) else None

    async def start_new(self, name: str, id: str, order: Any) -> str:
        self.started.append((name, id, order))
        return id


def beginnings(world: World) -> list[Message]:
    found = [one for one in world.topics.published if one.properties["cs-event-type"] == RUN_ORCHESTRATION]
    return list({one.message_id: one for one in found}.values())


async def deliver(sent: Message, client: Client, **changes: Any) -> None:
    """To the queue's function as the broker hands it on; `changes` are a forger's."""
    properties = dict(sent.properties) | changes.pop("properties", {})
    arriving = message(
        changes.get("body", sent.body),
        {name: value for name, value in properties.items() if value is not ...},
        message_id=changes.get("message_id", sent.message_id),
    )
    # Without the SDK's wrapper, which makes the client of a host's text.
    function = inspect.unwrap(events.observations.build().get_user_function())
    await function(arriving, client)


@each_orchestrated
async def test_its_commit_begins_one_orchestration_however_often_the_message_comes(
    world: World, name: str
) -> None:
    answer = await post(name, await SCENARIOS[name].prepare(world))
    subject = json.loads(answer.get_body())["aggregate"]
    await world.dispatcher.drain()
    (beginning,) = beginnings(world)
    assert beginning.destination == OBSERVATIONS
    client = Client()
    for _ in range(3):
        await deliver(beginning, client)
    ((orchestrator, id, order),) = client.started
    assert (orchestrator, id) == (snake(subject["type"]), subject["id"])
    assert (order["tenantId"], order["projectId"]) == ("acme", "booking")
    assert json.loads(json.dumps(order)) == order


async def test_only_a_commit_of_ours_begins_an_orchestration(world: World) -> None:
    answer = await post("PromoteDeployment", await SCENARIOS["PromoteDeployment"].prepare(world))
    assert answer.status_code == 202
    await world.dispatcher.drain()
    (beginning,) = beginnings(world)
    other = json.loads(beginning.body)
    forged: list[dict[str, Any]] = [
        {"body": json.dumps(other | {"tenantId": "other"})},
        {"body": json.dumps(other | {"payload": {"orchestration": "EnvironmentPromotion", "id": "mine"}})},
        {"message_id": "another"},
        *({"properties": {"cs-proof": given}} for given in ("", "0" * 64, ...)),
        *({"properties": {"cs-actor": given}} for given in ("reactions", "", ...)),
        {"properties": {"cs-initiator": "grace@connectsoft.example"}},
        {"properties": {"cs-proof": ..., "cs-authorization": "Bearer x"}},
    ]
    client = Client()
    for changes in forged:
        with pytest.raises(NotAuthenticated):
            await deliver(beginning, client, **changes)
    assert client.started == []


async def test_what_is_no_beginning_is_none_by_its_label(world: World) -> None:
    """The label is anybody's to write, the body is not."""
    await post("ProvisionInfrastructure", await SCENARIOS["ProvisionInfrastructure"].prepare(world))
    await world.dispatcher.drain()
    (beginning,) = beginnings(world)
    client = Client()
    with pytest.raises(Invalid, match="RunOrchestration is not a known observation"):
        await deliver(beginning, client, properties={"cs-event-type": "ObserveGitOps"})
    observation = proven(
        observed(world.partition, ObserveGitOps(environment="dev"), world.clock.now(), 1),
        service("reconciler"),
        proof_key(REDACTION.key),
    )
    with pytest.raises(Invalid, match="orchestration"):
        await deliver(observation, client, properties={"cs-event-type": RUN_ORCHESTRATION})
    assert client.started == []
