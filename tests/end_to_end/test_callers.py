"""Who calls, through the real doors: tokens over HTTP and on queues, and forged messages of the app."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any

from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue

from domain.kernel.context import OBSERVATIONS
from infra.local.issuer.client import application_token
from tests.domain.scenarios import ADA
from tests.end_to_end.doors import Doors, Project, queue_of
from tests.end_to_end.waiting import eventually

COMMAND = "ProvisionRepository"
PERSON = "ada@connectsoft.example"


async def dead_lettered(
    doors: Doors, queue: str, body: str, properties: Mapping[str | bytes, Any]
) -> ServiceBusMessage:
    """What becomes of a message that is sent with these properties."""
    id = f"denied-{uuid.uuid4()}"
    await doors.send(queue, ServiceBusMessage(body, message_id=id, application_properties=dict(properties)))
    async with (
        doors.bus() as bus,
        bus.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver,
    ):
        found = await eventually(
            lambda: receiver.peek_messages(200, sequence_number=1),
            lambda messages: any(each.message_id == id for each in messages),
            30,
        )
    (dead,) = (each for each in found if each.message_id == id)
    assert b"".join(dead.body) == body.encode()
    return dead


async def test_a_person_stands_behind_what_follows_from_their_command(project: Project) -> None:
    """Also behind what the platform does by itself afterwards: the default branch that it takes in."""
    fact = (await project.post(COMMAND, {"name": "booking"}, by=ADA)).fact
    (received, *_) = await project.doors.consumer.ids(project.tenant, [fact["eventId"]])
    assert received.about["cs-actor"] == received.about["cs-initiator"] == PERSON
    branches = await eventually(
        lambda: project.get("branches"), lambda answer: bool(answer.json["items"]), 20
    )
    (branch,) = branches.json["items"]
    assert branch["createdBy"] == "reactions"
    assert branch["lineage"] is None or branch["lineage"]["initiator"] == PERSON


async def test_a_message_with_a_token_is_its_persons(project: Project) -> None:
    command_id = f"cmd-{uuid.uuid4()}"
    body = project.message(COMMAND, {"name": "booking"}, command_id)
    await project.send(queue_of(COMMAND), body, by=ADA)
    (event,) = (await project.outcome(command_id))["events"]
    (received, *_) = await project.doors.consumer.ids(project.tenant, [event["eventId"]])
    assert received.about["cs-actor"] == PERSON


async def test_another_tenants_things_look_as_if_they_were_not_there(doors: Doors, project: Project) -> None:
    fact = (await project.post(COMMAND, {"name": "booking"})).fact
    id = fact["payload"]["repositoryId"]
    stranger = await doors.bearer("stranger", f"{project.tenant}-not", "contributor", "reader")
    there = await doors.request("GET", f"{project.path}/repositories/{id}", headers=stranger)
    elsewhere = doors.project()
    nothing = await doors.request("GET", f"{elsewhere.path}/repositories/{id}", headers=stranger)
    assert (there.status, there.text) == (nothing.status, nothing.text)
    assert (there.status, there.json["detail"]) == (404, f"Repository {id} does not exist")
    own = await doors.request("GET", f"{project.path}/repositories/{id}", headers=await own_reader(project))
    assert own.status == 200


async def own_reader(project: Project) -> dict[str, str]:
    return await project.doors.bearer("rita", project.tenant, "reader")


async def test_a_reader_is_told_which_role_is_missing(project: Project) -> None:
    answer = await project.post(COMMAND, {"name": "booking"}, headers=await own_reader(project))
    assert answer.status == 403
    assert answer.json["detail"] == f"{COMMAND} needs the role contributor in tenant {project.tenant}"


async def test_whatever_a_machine_shows_it_is_no_incident_commander(doors: Doors, project: Project) -> None:
    issuer = doors.cloud.issuer.ready["url"]
    roles = [f"{role}@{project.tenant}" for role in ("incident-commander", "operator")]
    token = await application_token(doors.session, issuer, "pager", roles)
    key = {"x-functions-key": doors.cloud.function_key}
    path = f"{project.path}/bypass-freeze"
    body = json.dumps({"promotionId": "promotion-none", "reason": "now"}).encode()
    for headers in (key, {"Authorization": f"Bearer {token}"}):
        answer = await doors.request("POST", path, body=body, headers=headers)
        needs = f"BypassFreeze needs the role incident-commander in tenant {project.tenant}"
        assert (answer.status, answer.json["detail"]) == (403, needs)
    person = await doors.bearer("iris", project.tenant, "incident-commander")
    answer = await doors.request("POST", path, body=body, headers=person)
    assert answer.json["detail"] == "EnvironmentPromotion promotion-none does not exist"


async def test_who_shows_nothing_good_is_asked_for_a_token(doors: Doors, project: Project) -> None:
    token = await doors.token(ADA, project.tenant)
    for header in (f"Bearer {token[:-9]}", f"Bearer {token},Bearer {token}", f"Basic {token}"):
        answer = await doors.request("GET", f"{project.path}/branches", headers={"Authorization": header})
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    answer = await doors.request(
        "GET", f"{project.path}/branches", headers={"x-functions-key": "", "X-MS-CLIENT-PRINCIPAL": "e30="}
    )
    assert answer.status == 401


async def test_a_message_that_is_not_allowed_ends_whole_in_the_dead_letter_queue(
    doors: Doors, project: Project
) -> None:
    reader = (await own_reader(project))["Authorization"]
    body = project.message(COMMAND, {"name": "booking"})
    observation = project.message("ObserveBranch", {"repositoryId": "repo-1", "name": "main"})
    forged: dict[str | bytes, Any] = {
        "cs-actor": "azure-devops",
        "cs-initiator": PERSON,
        "cs-proof": "0" * 64,
    }
    cases: tuple[tuple[str, str, dict[str | bytes, Any]], ...] = (
        (queue_of(COMMAND), body, {"cs-authorization": reader}),
        (queue_of(COMMAND), body, {"cs-authorization": reader[:-9]}),
        (queue_of(COMMAND), body, forged),
        (OBSERVATIONS, observation, {}),
        (OBSERVATIONS, observation, {"cs-actor": "azure-devops"}),
        (OBSERVATIONS, observation, forged),
    )
    await asyncio.gather(*(dead_lettered(doors, *case) for case in cases))
    assert (await project.get(f"commands/{json.loads(body)['eventId']}")).status == 404
