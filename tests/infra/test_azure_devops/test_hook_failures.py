"""A receiver that fails: what is tried again, what is lost, and when the service gives up."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from tests.infra.test_azure_devops.client import ORG, ZERO, Repository, Running, add, eventually
from tests.infra.test_azure_devops.receiver import (
    Received,
    Receiver,
    deliveries,
    subscribe,
    subscription_status,
)


@pytest.mark.parametrize("status", [408, 502, 503, 504, 0])
async def test_a_receiver_that_is_away_for_a_while_loses_nothing(
    repository: Repository, receiver: Receiver, status: int
) -> None:
    answers = [status, status, 200]
    receiver.decide = lambda body: answers.pop(0)
    subscription = await subscribe(repository, receiver)
    await repository.commit("main", ZERO, {"/a": "1"})
    tries = await receiver.take(3)
    assert {(one.body["notificationId"], one.body["id"]) for one in tries} == {(1, tries[0].body["id"])}
    await eventually(lambda: deliveries(repository, subscription), lambda found: found == ["succeeded"])
    assert await subscription_status(repository, subscription) == "enabled"


async def test_the_retry_ladder_has_eight_steps_and_ends_in_probation(
    slower: Running, receiver: Receiver
) -> None:
    repository = await (await slower.project()).repository()
    receiver.decide = lambda body: 503
    subscription = await subscribe(repository, receiver)
    await repository.commit("main", ZERO, {"/a": "1"})
    tries: list[Received] = await receiver.take(9)
    gaps = [later.at - earlier.at for earlier, later in pairwise(tries)]
    for gap, seconds in zip(gaps, (1, 2, 4, 8, 16, 32, 60, 60), strict=True):
        assert gap >= seconds * 0.002
    await eventually(lambda: subscription_status(repository, subscription), lambda s: s == "onProbation")
    shown = (await slower.local("GET", "deliveries"))["value"]
    one = next(d for d in shown if d["subscriptionId"] == subscription["id"])
    assert (one["transientFailures"], one["probationFailures"], len(one["attempts"])) == (8, 1, 9)


@pytest.mark.parametrize("status", [401, 500])
async def test_any_other_failure_means_probation_and_new_events_are_lost_for_good(
    slower: Running, receiver: Receiver, status: int
) -> None:
    repository = await (await slower.project()).repository()
    receiver.decide = lambda body: status
    subscription = await subscribe(repository, receiver)
    tip = await repository.commit("main", ZERO, {"/a": "1"})
    first = await receiver.next()
    await eventually(lambda: subscription_status(repository, subscription), lambda s: s == "onProbation")
    receiver.decide = lambda body: 200
    tip = await repository.commit("main", tip, {"/lost": "1"})
    retried = await receiver.next()
    assert retried.body["id"] == first.body["id"]
    assert retried.at - first.at >= 2.4
    await eventually(lambda: subscription_status(repository, subscription), lambda s: s == "enabled")
    await repository.commit("main", tip, {"/c": "1"})
    after = await receiver.next()
    assert after.body["notificationId"] == 2, "nothing in the numbers tells of the loss"
    await eventually(
        lambda: deliveries(repository, subscription),
        lambda found: found == ["succeeded", "lost", "succeeded"],
    )


async def test_seven_failed_probation_retries_disable_the_subscription(
    repository: Repository, receiver: Receiver
) -> None:
    receiver.decide = lambda body: 500
    subscription = await subscribe(repository, receiver)
    tip = await repository.commit("main", ZERO, {"/a": "1"})
    tries = await receiver.take(8)
    assert {one.body["notificationId"] for one in tries} == {1}
    await eventually(lambda: subscription_status(repository, subscription), lambda s: s == "disabledBySystem")
    await repository.push("main", tip, add("/b", "1"))
    assert await deliveries(repository, subscription) == ["failed"]
    receiver.decide = lambda body: 200
    path = f"/{ORG}/_apis/hooks/subscriptions/{subscription['id']}"
    enabled = await repository.server.call("PUT", path, {**subscription, "status": "enabled"})
    assert enabled.body["status"] == "enabled"
    await repository.commit("other", tip, {"/c": "1"})
    assert (await receiver.next()).body["resource"]["refUpdates"][0]["name"] == "refs/heads/other"


async def test_410_disables_the_subscription_at_once(repository: Repository, receiver: Receiver) -> None:
    receiver.decide = lambda body: 410
    subscription = await subscribe(repository, receiver)
    await repository.commit("main", ZERO, {"/a": "1"})
    await receiver.next()
    await eventually(lambda: subscription_status(repository, subscription), lambda s: s == "disabledBySystem")


async def test_what_was_not_delivered_when_the_process_was_killed_is_delivered_after(
    tmp_path: Path, receiver: Receiver
) -> None:
    server = await Running.start(tmp_path, "--hook-time-scale", "0.2")
    repository = await (await server.project()).repository()
    receiver.decide = lambda body: 503
    await subscribe(repository, receiver)
    await repository.commit("main", ZERO, {"/a": "1"})
    first = await receiver.next()
    await asyncio.wait_for(server.kill(), 10)
    receiver.decide = lambda body: 200
    server = await Running.start(tmp_path, "--hook-time-scale", "0.2")
    try:
        again = await receiver.next()
        assert again.body["id"] == first.body["id"]
    finally:
        await server.stop()
