"""Service Bus is away: commands succeed all the same, and all they said is published when it is back.

The suite's outage is short; `BROKER_OUTAGE=60` makes it a minute.
"""

import asyncio
import os
import time
from typing import Any

import pytest

from domain.catalogue import catalogue
from domain.kernel.values import derived_id
from domain.sealing import integration_id
from tests import report
from tests.domain.scenarios import commit_to
from tests.end_to_end.consumer import assert_no_gap, assert_repeats_are_identical
from tests.end_to_end.doors import Doors, Project
from tests.end_to_end.laptop import AuditedCloud
from tests.end_to_end.waiting import eventually

OUTAGE = float(os.environ.get("BROKER_OUTAGE", "8"))
"""seconds"""

# The outbox timer leaves alone what is younger than ten seconds, and fires every two here.
LONGEST_DELAY = 45.0


@pytest.mark.timeout(OUTAGE + 120)
async def test_commands_succeed_without_the_broker_and_are_published_when_it_is_back(
    cloud: AuditedCloud, doors: Doors, project: Project
) -> None:
    before = (await project.post("ProvisionRepository", {"name": "before"}, key="before")).reply
    await doors.consumer.ids(project.tenant, [before["events"][0]["eventId"]])
    async with cloud.without_broker():
        started = time.monotonic()
        replies, slowest = await _work_without_broker(project, before["events"][0]["payload"], started)
        assert not {event["eventId"] for reply in replies for event in reply["events"]} & {
            message.message_id for message in doors.consumer.of(project.tenant)
        }
        # Its default branch is a reaction, which needs the broker.
        answer = await project.post("ProvisionRepository", {"name": "orphan"})
        orphan = answer.fact["payload"]["repositoryId"]
        assert orphan not in await _repositories_with_branches(project)
    back = time.monotonic()
    facts = [event for reply in [before, *replies] for event in reply["events"]]
    await doors.consumer.ids(project.tenant, [fact["eventId"] for fact in facts], within=LONGEST_DELAY)
    delay = time.monotonic() - back
    await _assert_promoted_too(doors, project, facts)
    for reply in replies:
        await eventually(
            lambda id=reply["commandId"]: project.get(f"commands/{id}"),  # type: ignore[misc]
            lambda answer: bool(answer.json["published"]),
        )
    await eventually(
        lambda: _repositories_with_branches(project), lambda found: orphan in found, LONGEST_DELAY
    )
    messages = doors.consumer.of(project.tenant)
    repeats = assert_repeats_are_identical(messages)
    assert_no_gap(messages)
    report.say(
        f"broker away for {back - started:.0f} s: {len(replies)} commands, all answered 200, the slowest in"
        f" {slowest * 1000:.0f} ms; all {len(facts)} facts published {delay:.1f} s after its return,"
        f" {repeats} messages sent again"
    )


async def _repositories_with_branches(project: Project) -> set[str]:
    return {branch["repositoryId"] for branch in (await project.get("branches?size=200")).json["items"]}


async def _work_without_broker(
    project: Project, repository: dict[str, Any], started: float
) -> tuple[list[dict[str, Any]], float]:
    """Commands at an even pace during the outage; their replies, and the slowest answer in seconds."""
    replies: list[dict[str, Any]] = []
    slowest = 0.0
    while time.monotonic() - started < OUTAGE:
        number = len(replies)
        commit = commit_to(repository["repositoryId"], f"feature/{number - 1}") | {
            "files": [{"path": "a.txt", "content": str(number)}]
        }
        branch = {
            "repositoryId": repository["repositoryId"],
            "name": f"feature/{number}",
            "fromCommitSha": repository["headCommitSha"],
        }
        asked = time.monotonic()
        name, payload = ("CreateCommit", commit) if number % 2 else ("CreateBranch", branch)
        answer = await project.post(name, payload, key=f"away-{number}")
        slowest = max(slowest, time.monotonic() - asked)
        assert answer.status == 200, f"{name}: {answer.status} {answer.text}"
        replies.append(answer.reply)
        again = await project.post(name, payload, key=f"away-{number}")
        assert again.text == answer.text
        await asyncio.sleep(OUTAGE / 40)
    return replies, slowest


async def _assert_promoted_too(doors: Doors, project: Project, facts: list[dict[str, Any]]) -> None:
    """The integration copies came to the consumers that they are promised to."""
    promoted = [
        integration_id(fact["eventId"])
        for fact in facts
        if "Observability" in catalogue().events[fact["eventType"]][1].consumers
    ]
    assert promoted
    await doors.consumer.ids(project.tenant, promoted, subscription="observability", within=LONGEST_DELAY)


async def test_a_command_on_its_queue_outlives_the_broker(
    cloud: AuditedCloud, doors: Doors, project: Project
) -> None:
    """Sent, then the broker is killed: what it had accepted is handled after its return, once."""
    command_id = derived_id("cmd", project.tenant, "outlives")
    body = project.message("ProvisionRepository", {"name": "outlives"}, command_id)
    await project.send("devops.source-control.provision-repository", body)
    async with cloud.without_broker():
        pass
    outcome = await project.outcome(command_id, LONGEST_DELAY)
    await doors.consumer.ids(project.tenant, [outcome["events"][0]["eventId"]], within=LONGEST_DELAY)
    assert_repeats_are_identical(doors.consumer.of(project.tenant))
    assert len((await project.get("repositories")).json["items"]) == 1
