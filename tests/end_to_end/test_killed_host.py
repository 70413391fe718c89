"""SIGKILL at random moments of deliveries: one outcome, one effect, no fact lost, none without a journal."""

import asyncio
import os
import random
import time
from collections import Counter
from typing import Any

import pytest

from adapters.azure_devops.marks import operation_of
from domain.sealing import integration_id
from tests import report
from tests.end_to_end.consumer import Received, assert_no_gap, assert_repeats_are_identical
from tests.end_to_end.delivery import Delivery
from tests.end_to_end.doors import Doors
from tests.end_to_end.laptop import AuditedCloud
from tests.end_to_end.waiting import eventually

KILLS = 20
SIDE_BY_SIDE = 3
# Seconds that a host lives: from before its first command to after several.
SHORTEST_LIFE, LONGEST_LIFE = 0.02, 1.0


@pytest.mark.timeout(240)
async def test_a_host_that_is_killed_at_any_moment_loses_and_doubles_nothing(
    cloud: AuditedCloud, doors: Doors
) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(10**6))
    lot = random.Random(seed)
    report.say(f"killed host: KILL_SEED={seed}")
    started = time.monotonic()
    killed = asyncio.Event()
    deliveries: list[Delivery] = []

    async def deliver() -> None:
        while not killed.is_set():
            delivery = Delivery(doors, doors.project(), lot=random.Random(lot.random()))
            deliveries.append(delivery)
            await delivery.run()

    async with asyncio.TaskGroup() as group:
        for _ in range(SIDE_BY_SIDE):
            group.create_task(deliver())
        for _ in range(KILLS):
            await asyncio.sleep(lot.uniform(SHORTEST_LIFE, LONGEST_LIFE))
            await cloud.crash_host()
        killed.set()
    verdicts = [await verdict(delivery) for delivery in deliveries]
    totals: Counter[str] = sum(verdicts, Counter())
    tries = sum(asked.tries for delivery in deliveries for asked in delivery.asked if asked.over == "http")
    report.say(
        f"killed host: {KILLS} kills, {len(deliveries)} deliveries, {totals['http']} commands over HTTP"
        f" ({tries} requests), {totals['queue']} over queues, {totals['facts']} facts,"
        f" {totals['repeats']} messages sent again, in {time.monotonic() - started:.0f} s"
    )


async def verdict(delivery: Delivery) -> Counter[str]:
    """One outcome a command, each fact published alike, one effect at the provider, the trace whole."""
    outcomes = {asked.command_id: await settled(delivery, asked.command_id) for asked in delivery.asked}
    for asked in delivery.asked:
        outcome = outcomes[asked.command_id]
        for answer in asked.answers:
            assert {key: answer[key] for key in ("commandId", "outcome", "events")} == {
                key: outcome[key] for key in ("commandId", "outcome", "events")
            }
    messages = await published(delivery, outcomes)
    repeats = assert_repeats_are_identical(messages)
    assert_no_gap(messages)
    facts = {m.message_id: m for m in messages if m.about["cs-scope"] == "domain"}
    await assert_journalled(delivery, facts)
    kinds = Counter(str(fact.about["cs-event-type"]) for fact in facts.values())
    assert kinds == Counter(
        RepositoryProvisioned=1, BranchCreated=1, CommitCreated=2, PullRequestOpened=1, PullRequestMerged=1
    )
    await assert_one_effect(delivery)
    await assert_trace(delivery, set(outcomes), set(facts))
    over = Counter(asked.over for asked in delivery.asked)
    return over + Counter(facts=len(facts), repeats=repeats)


async def settled(delivery: Delivery, command_id: str) -> dict[str, Any]:
    """A command's outcome once its messages are known to be out; the outbox timer sees to what was left."""
    answer = await eventually(
        lambda: delivery.project.get(f"commands/{command_id}"),
        lambda answer: answer.status == 200 and answer.json["published"],
        within=40,
        poll=0.1,
    )
    found: dict[str, Any] = answer.json
    return found


async def published(delivery: Delivery, outcomes: dict[str, dict[str, Any]]) -> list[Received]:
    """What the topic got, once each fact of the outcomes has come."""
    consumer, tenant = delivery.doors.consumer, delivery.project.tenant
    facts = [event["eventId"] for outcome in outcomes.values() for event in outcome["events"]]
    await consumer.ids(tenant, facts)
    found = await consumer.until(
        tenant, lambda messages: "PullRequestMerged" in {m.about["cs-event-type"] for m in messages}
    )
    promoted = {m.message_id for m in found if m.about["cs-event-type"] != "BranchCreated"}
    domain = {m.message_id for m in found if m.about["cs-scope"] == "domain"}
    await consumer.ids(tenant, {integration_id(id) for id in promoted & domain})
    return consumer.of(tenant)


async def assert_journalled(delivery: Delivery, facts: dict[str, Received]) -> None:
    """Whatever was published belongs to a command or observation that has an outcome, which tells of it."""
    for fact in facts.values():
        cause = fact.envelope.causation_id
        assert cause is not None
        outcome = await settled(delivery, cause)
        assert fact.message_id in {event["eventId"] for event in outcome["events"]}


async def assert_one_effect(delivery: Delivery) -> None:
    """At the provider each command has left one thing, and nobody else has left any."""
    project = delivery.project
    provider = delivery.doors.provider
    (repository,) = await provider.repositories(project.tenant, project.name)
    assert repository["id"] == delivery.external_id
    at_provider = delivery.repository
    branches = await at_provider.branches()
    assert set(branches) == {"main", "feature/first"}
    of = {name: [a.command_id for a in delivery.asked if a.name == name] for name in asked_names(delivery)}
    feature = [operation_of(str(commit["comment"])) for commit in await at_provider.commits("feature/first")]
    assert feature == [*reversed(of["CreateCommit"]), *of["ProvisionRepository"]]
    (pull_request,) = await at_provider.pull_requests()
    assert pull_request["pullRequestId"] == delivery.number
    assert pull_request["status"] == "completed"
    merges = [commit for commit in await at_provider.commits("main") if len(commit["parents"]) > 1]
    assert [operation_of(str(commit["comment"])) for commit in merges] == of["MergePullRequest"]
    hooks = await provider.call("GET", f"{project.tenant}/_apis/hooks/subscriptions")
    assert Counter(hook["eventType"] for hook in hooks["value"]).most_common(1)[0][1] == 1


def asked_names(delivery: Delivery) -> set[str]:
    return {asked.name for asked in delivery.asked}


async def assert_trace(delivery: Delivery, commands: set[str], facts: set[str]) -> None:
    """Every command and fact is in the one trace, and each cause with them."""
    path = f"api/tenants/{delivery.project.tenant}/traces/{delivery.trace_id}"
    answer = await eventually(
        lambda: delivery.doors.request("GET", path),
        lambda answer: (
            answer.status == 200
            and commands | facts <= {node["id"] for node in answer.json["nodes"]}
            and not answer.json["missing"]
        ),
    )
    graph = answer.json
    roots = {node["id"]: node["type"] for node in graph["nodes"] if node["id"] in graph["roots"]}
    assert list(roots.values()) == ["ProvisionRepository"], roots
