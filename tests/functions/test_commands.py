"""The doors of commands: from a request or a message to the envelope, and the answer."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from domain.catalogue import catalogue
from domain.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from domain.kernel.values import derived_id
from functions.answers import answered
from functions.commands import BODY_LIMIT, envelope_of, handle_message, handle_request, pause
from tests.functions.conftest import MemoryPlatform
from tests.functions.requests import message, request

HANDLER = catalogue().handlers["ProvisionRepository"]
MOMENT = datetime(2026, 6, 11, 18, 22, 5, tzinfo=UTC)
OTHER_TENANT, OTHER_PROJECT = {"tenantId": "other"}, {"projectId": "other"}
BODY = b'{"name": "booking"}'
HEADERS = {
    "Idempotency-Key": "key 1",
    "X-Trace-Id": "trace-1",
    "X-Correlation-Id": "corr-1",
    "X-Causation-Id": "evt-1",
    "X-Module-Id": "module-1",
}


def test_route_headers_and_body_become_the_envelope() -> None:
    envelope = envelope_of(request(body=BODY, headers=HEADERS), HANDLER, MOMENT)
    assert envelope.model_dump() == {
        "event_id": derived_id("cmd", "acme", "booking", "ProvisionRepository", "key 1"),
        "event_type": "ProvisionRepository",
        "tenant_id": "acme",
        "project_id": "booking",
        "module_id": "module-1",
        "trace_id": "trace-1",
        "correlation_id": "corr-1",
        "causation_id": "evt-1",
        "occurred_at": MOMENT,
        "payload": {"name": "booking"},
    }


def test_without_a_key_each_request_is_a_command_of_its_own() -> None:
    first, second = (envelope_of(request(body=BODY), HANDLER, MOMENT) for _ in range(2))
    assert first.event_id != second.event_id
    assert uuid.UUID(first.event_id.removeprefix("cmd-")).version == 4
    assert (first.trace_id, first.correlation_id) == (
        derived_id("trace", first.event_id),
        derived_id("corr", first.event_id),
    )
    assert first.causation_id is None


def test_a_key_counts_within_its_tenant_project_and_command() -> None:
    headers = {"Idempotency-Key": "key"}
    ids = {
        envelope_of(request(body=BODY, headers=headers, route=route), handler, MOMENT).event_id
        for handler in (HANDLER, catalogue().handlers["CreateBranch"])
        for route in (
            {},
            {"tenantId": "other"},
            {"projectId": "other"},
            {"tenantId": "other", "projectId": "other"},
        )
    }
    assert len(ids) == 8


def test_a_repeat_by_key_is_the_same_command_in_the_same_trace() -> None:
    headers = {"Idempotency-Key": "key"}
    first = envelope_of(request(body=BODY, headers=headers), HANDLER, MOMENT)
    later = envelope_of(request(body=BODY, headers=headers), HANDLER, MOMENT + timedelta(hours=1))
    assert later.model_copy(update={"occurred_at": MOMENT}) == first


@pytest.mark.parametrize("name", ["X-Trace-Id", "X-Correlation-Id", "X-Causation-Id", "X-Module-Id"])
@pytest.mark.parametrize("value", ["", "a/b", "a b", "x" * 121, "\udcff", "é"])
def test_a_header_that_is_no_identifier_is_named_as_the_caller_wrote_it(name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        envelope_of(request(body=BODY, headers={name: value}), HANDLER, MOMENT)
    assert {error.field for error in refused.value.errors} == {name}


@pytest.mark.parametrize("key", ["", "x" * 201, "clé", "a\nb", "\udcff"])
def test_a_key_that_is_not_plain_is_named(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        envelope_of(request(body=BODY, headers={"Idempotency-Key": key}), HANDLER, MOMENT)
    assert {error.field for error in refused.value.errors} == {"Idempotency-Key"}


@pytest.mark.parametrize("key", ["x", "x" * 200, "with spaces / and # signs"])
def test_a_key_may_be_any_plain_text(key: str) -> None:
    envelope_of(request(body=BODY, headers={"Idempotency-Key": key}), HANDLER, MOMENT)


@pytest.mark.parametrize("name", ["tenantId", "projectId"])
@pytest.mark.parametrize("value", ["", "a/b", "a|b", "a#b", "a?b", "a\\b", "a\x00", "x" * 64, "-a"])
def test_a_route_value_that_is_no_identifier_is_named(name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        envelope_of(request(body=BODY, route={name: value}), HANDLER, MOMENT)
    assert {error.field for error in refused.value.errors} == {name}


def answer_of(answer: func.HttpResponse) -> tuple[int, dict[str, Any]]:
    return answer.status_code, json.loads(answer.get_body())


async def post(body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = request(body=body, headers=named)
    return answer_of(await answered(lambda each: handle_request(each, HANDLER), sent))


async def test_an_accepted_command_is_200_with_its_facts(memory: MemoryPlatform) -> None:
    status, body = await post(BODY)
    assert (status, body["outcome"]) == (200, "accepted")
    assert set(body) == {"commandId", "outcome", "aggregate", "events"}
    assert [event["eventType"] for event in body["events"]] == ["RepositoryProvisioned"]


async def test_a_rejection_is_409_with_the_sentence(memory: MemoryPlatform) -> None:
    await post(BODY)
    status, body = await post(BODY)
    assert (status, body["detail"]) == (409, "a repository named booking already exists")
    assert (body["title"], body["outcome"]) == ("ProvisionRepository was rejected", "rejected")


async def test_the_payloads_fields_are_named_as_in_the_body(memory: MemoryPlatform) -> None:
    status, body = await post(b'{"protection": {"requiredApprovers": "many"}}')
    assert status == 422
    assert {error["field"] for error in body["errors"]} == {"name", "protection.requiredApprovers"}


async def test_a_key_with_another_body_is_422_by_its_name(memory: MemoryPlatform) -> None:
    assert (await post(BODY, Idempotency_Key="key"))[0] == 200
    status, body = await post(b'{"name": "another"}', Idempotency_Key="key")
    assert (status, [error["field"] for error in body["errors"]]) == (422, ["Idempotency-Key"])


async def test_a_body_above_the_limit_is_413(memory: MemoryPlatform) -> None:
    at_limit = BODY[:-1] + b" " * (BODY_LIMIT - len(BODY)) + b"}"
    assert len(at_limit) == BODY_LIMIT
    assert (await post(at_limit))[0] == 200
    status, body = await post(at_limit + b" ")
    assert (status, [error["field"] for error in body["errors"]]) == (413, ["body"])


ENVELOPE = {
    "eventId": "cmd-1",
    "eventType": "ProvisionRepository",
    "tenantId": "acme",
    "projectId": "booking",
    "traceId": "trace-1",
    "correlationId": "corr-1",
    "occurredAt": "2026-06-11T18:22:05Z",
    "payload": {"name": "booking"},
}


async def test_whoever_a_client_says_it_is_its_message_acts_as_the_queues_principal(
    memory: MemoryPlatform,
) -> None:
    sent = message(ENVELOPE, {"cs-actor": "grace", "cs-initiator": "grace"})
    await handle_message(sent, "ProvisionRepository")
    await memory.dispatcher.drain()
    trace = await memory.store.trace("acme", "trace-1")
    assert {node.actor for node in trace} == {"service-bus"}
    (fact, *_) = memory.broker.published
    assert "cs-initiator" not in fact.properties


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", json.dumps({**ENVELOPE, "payload": []}).encode()]
)
async def test_a_message_that_is_no_envelope_goes_back(memory: MemoryPlatform, body: bytes) -> None:
    with pytest.raises(Invalid):
        await handle_message(message(body), "ProvisionRepository")


async def test_a_command_in_the_wrong_queue_goes_back(memory: MemoryPlatform) -> None:
    with pytest.raises(Invalid, match="eventType: this queue takes CreateBranch, not ProvisionRepository"):
        await handle_message(message(ENVELOPE), "CreateBranch")
    assert await memory.store.trace("acme", "trace-1") == []


async def test_a_rejection_completes_the_message(memory: MemoryPlatform) -> None:
    await handle_message(message(ENVELOPE), "ProvisionRepository")
    journal = await handle_message(message(ENVELOPE | {"eventId": "cmd-2"}), "ProvisionRepository")
    assert journal.outcome.rejection == "a repository named booking already exists"


def test_a_message_is_kept_longer_from_delivery_to_delivery_up_to_a_limit() -> None:
    away, missing = Unavailable("Table Storage", "away"), NotFound("Branch", "main")
    waits = [pause(away, delivery) for delivery in range(1, 11)]
    assert waits == sorted(waits)
    assert 0 < waits[0] <= 1
    assert waits[-1] == 30.0
    assert max(pause(missing, delivery) for delivery in range(1, 11)) == 2.0
    assert pause(Conflict("changed"), 1) == waits[0]
    assert pause(Unavailable("Azure DevOps", "throttled", retry_after=7), 1) == 7.0
    assert pause(Unavailable("Azure DevOps", "throttled", retry_after=7000), 1) == 30.0
