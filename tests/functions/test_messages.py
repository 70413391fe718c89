"""The app's own messages: their proof holds for exactly what was sent, and nobody else's does."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest

from domain.devops.source_control.branch import ObserveBranch
from domain.kernel.actor import Actor, service
from domain.kernel.envelope import Envelope, Message
from domain.kernel.errors import Invalid
from domain.kernel.proof import proof
from domain.kernel.work import Partition
from functions.callers import Forbidden, NotAuthenticated
from functions.commands import handle_message
from functions.events import react
from functions.messages import observed, proven, to_message
from tests import report
from tests.functions.conftest import MemoryPlatform
from tests.functions.requests import message

HERE = Partition("acme", "booking")
MOMENT = datetime(2026, 6, 11, 18, 22, 5, tzinfo=UTC)
OBSERVED = observed(HERE, ObserveBranch(repository_id="repo-1", name="main"), MOMENT, "hook-1")
ACTOR = service("reactions", "ada@acme.example")


def arriving(sent: Message, **changes: Any) -> func.ServiceBusMessage:
    """As the broker hands on what was sent; `changes` are the forger's."""
    properties = {**sent.properties, **changes.pop("properties", {})}
    kept = {name: value for name, value in properties.items() if value is not ...}
    return message(
        changes.get("body", sent.body), kept, message_id=changes.get("message_id", sent.message_id)
    )


async def test_a_message_of_the_app_itself_acts_as_its_sender(memory: MemoryPlatform) -> None:
    caller = await memory.identity.of_message(arriving(to_message(OBSERVED, ACTOR)))
    assert (caller.actor, caller.is_platform) == (ACTOR, True)
    plain = service("reconciler")
    assert (await memory.identity.of_message(arriving(to_message(OBSERVED, plain)))).actor == plain


def test_only_a_part_of_the_platform_sends(memory: MemoryPlatform) -> None:
    with pytest.raises(AssertionError):
        to_message(OBSERVED, Actor("ada@acme.example"))


async def test_no_changed_message_is_taken_for_the_apps_own(memory: MemoryPlatform) -> None:
    key = memory.settings.proof_key
    sent = to_message(OBSERVED, ACTOR)
    digest = str(sent.properties["cs-proof"])
    moved = OBSERVED.model_copy(update={"tenant_id": "other"})
    anybody = service("service-bus")
    forged: list[dict[str, Any]] = [
        {"message_id": "another"},
        {"message_id": ""},
        {"body": sent.body + " "},
        {"body": moved.to_json()},
        *({"properties": {"cs-actor": actor}} for actor in ("reconciler", "", ..., None, 7, "reactions ")),
        *({"properties": {"cs-initiator": who}} for who in ("grace@acme.example", "", ..., "None", 7)),
        *(
            {"properties": {"cs-proof": given}}
            for given in (
                "",
                None,
                True,
                digest[:-1],
                digest + "0",
                digest.upper(),
                "0" * 64,
                "\udcff",
                [digest],
            )
        ),
        *(
            {"properties": {"cs-proof": proof(guess, sent.message_id, ACTOR, sent.body.encode())}}
            for guess in (b"", b"proof", memory.settings.redaction_key, key[:-1])
        ),
        {"properties": {"cs-proof": proof(key, sent.message_id, anybody, sent.body.encode())}},
        {"message_id": f"{sent.message_id}re", "properties": {"cs-actor": "actions"}},
    ]
    for changes in forged:
        with pytest.raises(NotAuthenticated):
            await handle_message(arriving(sent, **changes), None)
    assert await memory.store.handled(HERE, OBSERVED.event_id) is None
    report.say(f"test_messages: {len(forged)} forged proofs, 0 believed")


def test_nothing_that_the_redaction_makes_is_a_proof(memory: MemoryPlatform) -> None:
    assert memory.settings.proof_key != memory.settings.redaction_key
    assert memory.settings.proof_key == replace(memory.settings).proof_key


@pytest.mark.parametrize("properties", [{}, {"cs-actor": "azure-devops"}, {"cs-actor": "service-bus"}])
async def test_an_observation_without_proof_is_refused_whoever_sends_it(
    memory: MemoryPlatform, properties: dict[str, str]
) -> None:
    with pytest.raises(Forbidden, match="only the platform itself"):
        await handle_message(message(OBSERVED.to_json(), properties), None)
    assert await memory.store.trace("acme", OBSERVED.trace_id) == []


async def test_a_proven_observation_is_handled(memory: MemoryPlatform) -> None:
    journal = await handle_message(arriving(to_message(OBSERVED, service("azure-devops"))), None)
    assert journal.outcome.command_id == OBSERVED.event_id


async def test_a_command_in_the_queue_of_observations_is_refused_even_with_a_proof(
    memory: MemoryPlatform,
) -> None:
    command = Envelope.model_validate(
        {**OBSERVED.model_dump(), "event_type": "ProvisionRepository", "payload": {"name": "x"}}
    )
    with pytest.raises(Invalid, match="ProvisionRepository is not a known observation"):
        await handle_message(arriving(proven(command, ACTOR, memory.settings.proof_key)), None)


FACT = {
    "eventId": "evt-1",
    "eventType": "PullRequestOpened",
    "tenantId": "acme",
    "projectId": "booking",
    "traceId": "trace-1",
    "correlationId": "corr-1",
    "occurredAt": "2026-06-11T18:22:05Z",
    "payload": {
        "pullRequestId": "pr-1",
        "repositoryId": "repo-1",
        "number": 7,
        "sourceBranch": "work",
        "targetBranch": "main",
        "title": "Work",
    },
}


def fact(memory: MemoryPlatform, initiator: str | None, **changes: str) -> func.ServiceBusMessage:
    """A fact as the platform publishes it, with what somebody else may have changed."""
    actor = Actor("ada@acme.example", initiator=initiator)
    body = json.dumps(FACT).encode()
    properties = {
        "cs-actor": actor.name,
        "cs-proof": proof(memory.settings.proof_key, "evt-1", actor, body),
    }
    if initiator is not None:
        properties["cs-initiator"] = initiator
    return message(body, properties | changes, message_id="evt-1")


@pytest.mark.parametrize(
    "changes",
    [
        {"cs-initiator": "grace@acme.example"},
        {"cs-actor": "grace@acme.example"},
        {"cs-proof": "0" * 64},
        {"cs-proof": ""},
    ],
)
async def test_nothing_follows_from_a_fact_that_is_not_the_platforms(
    memory: MemoryPlatform, changes: dict[str, str]
) -> None:
    with pytest.raises(NotAuthenticated):
        await react(fact(memory, "ada@acme.example", **changes))
    with pytest.raises(NotAuthenticated):
        await react(message(FACT, {"cs-actor": "ada@acme.example"}))
    assert memory.broker.published == []


@pytest.mark.parametrize("initiator", [None, "ada@acme.example"])
async def test_what_follows_from_a_fact_is_the_deed_of_whoever_the_fact_is_from(
    memory: MemoryPlatform, initiator: str | None
) -> None:
    await react(fact(memory, initiator))
    (sent,) = memory.broker.published
    caller = await memory.identity.of_message(arriving(sent))
    assert caller.actor == service("reactions", initiator)
