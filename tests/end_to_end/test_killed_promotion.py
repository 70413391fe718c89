"""SIGKILL at every kind of moment of promotions: each comes to its end, and nothing happens twice."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusSubQueue

from domain.kernel.context import OBSERVATIONS, RUN_ORCHESTRATION
from tests import report
from tests.end_to_end.cuts import kinds
from tests.end_to_end.doors import Doors
from tests.end_to_end.forked_hosts import ForkedHosts
from tests.end_to_end.killing import Killing, Module, deployed, undisturbed
from tests.end_to_end.laptop import AuditedCloud
from tests.end_to_end.promoting_project import PROGRAMS
from tests.end_to_end.promotion_verdict import Verdict
from tests.end_to_end.promotions import Promotions
from tests.end_to_end.waiting import eventually

GOOD, BAD = 7, 3
ENOUGH, ENOUGH_FAILING = 30, 5

DIFFERENT = 12

# The steps that reach out of the platform and look for what has come of it.
OUTSIDE = ("commit_promotion_step", "verify_promotion_step")


@pytest.fixture
async def hosts(cloud: AuditedCloud, tmp_path: Path) -> AsyncIterator[ForkedHosts]:
    """In the place of the cloud's own host, which is back afterwards."""
    await cloud.kill_host()
    hosts = ForkedHosts(cloud, tmp_path)
    yield hosts
    # A test that ran out of time may have left one.
    await hosts.end()
    await asyncio.shield(cloud.start_host())


@pytest.mark.timeout(600)
async def test_a_host_that_is_killed_at_any_moment_of_a_promotion_completes_it_and_doubles_nothing(
    doors: Doors, hosts: ForkedHosts
) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(10**6))
    report.say(f"killed promotion: KILL_SEED={seed}")
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        async with hosts.living() as life:
            promotions = await stack.enter_async_context(Promotions(doors))
            tokens = await stack.enter_async_context(promotions.watched())
            good = await modules(promotions, "good", GOOD + 1)
            bad = await modules(promotions, "bad", BAD + 1)
            for one in bad:
                await promotions.mark_unhealthy(one.second)
            await deployed(promotions, [*good, *bad])
            way = await undisturbed(promotions, life, good.pop(), bad[-1])
        killing = Killing(hosts, promotions, way, random.Random(seed))
        await killing.promoting(good)
        completing = len(killing.killed)
        failing = await killing.failing(bad[:-1], ENOUGH_FAILING)
        provisioning = await killing.provisioning()
        async with hosts.living():
            for environment in PROGRAMS:
                await promotions.provisioned(environment)
            commits = await Verdict(promotions, tokens).reached({one.second.id for one in bad})
        await nothing_is_left(doors)
    found = kinds(killing.killed)
    report.say(
        f"killed promotion: {completing + failing + provisioning} kills ({failing} on a way back or to it,"
        f" {provisioning} of infrastructure) at {len(found)} kinds of moments, {len(promotions.known)}"
        f" promotions, {commits} stage commits, 0 twice, in {time.monotonic() - started:.0f} s"
    )
    report.say(f"killed promotion: {', '.join(f'{kind} {n}' for kind, n in sorted(found.items()))}")
    assert completing >= ENOUGH and failing >= ENOUGH_FAILING and provisioning == len(PROGRAMS) - 1
    assert len(found) >= DIFFERENT and set(OUTSIDE) <= {one.name for one in killing.killed}
    assert "SDK ran ahead" not in hosts.log.read_text()


async def modules(promotions: Promotions, stem: str, count: int) -> list[Module]:
    names = [f"{stem}-{number}" for number in range(count)]
    first = await asyncio.gather(*(promotions.release(name, "1.0.0") for name in names))
    second = await asyncio.gather(*(promotions.release(name, "2.0.0") for name in names))
    return [Module(*both) for both in zip(first, second, strict=True)]


EVENT_TYPE, RUN = b"cs-event-type", RUN_ORCHESTRATION.encode()


async def nothing_is_left(doors: Doors) -> None:
    """Whatever began an orchestration has been taken, and none of it was given up."""
    async with (
        doors.bus() as bus,
        bus.get_queue_receiver(OBSERVATIONS) as waiting,
        bus.get_queue_receiver(OBSERVATIONS, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead,
    ):
        await eventually(lambda: waiting.peek_messages(100, sequence_number=1), lambda found: not found)
        # Others of this cloud's tests give up messages of theirs on purpose: they are no orchestration's.
        given_up = await dead.peek_messages(1000, sequence_number=1)
        assert not [one for one in given_up if (one.application_properties or {}).get(EVENT_TYPE) == RUN]
