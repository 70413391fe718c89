"""The outbox timer with many commands to make good, under every fault of its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import override

import pytest

from adapters.memory.broker import MemoryBroker
from adapters.memory.store import MemoryStore
from domain.kernel.journal import Journal
from tests.crash.conftest import Tally
from tests.crash.ending import bytes_of
from tests.crash.faults import Fault, Mode
from tests.crash.ground import Ground, frozen, thawed
from tests.crash.process import Process
from tests.crash.trial import A_WHILE
from tests.domain.scenarios import SCENARIOS
from tests.domain.world import World


@dataclass(frozen=True)
class LeftBehind:
    """Commands that were committed while the broker was away."""

    data: bytes
    journals: tuple[Journal, ...]

    @classmethod
    async def some(cls) -> "LeftBehind":
        world = World()
        world.topics.away = True
        await SCENARIOS["MergePullRequest"].prepare(world)
        ground = await Ground.of(world)
        world.topics.away = False
        later = world.clock.step(A_WHILE)
        journals = [journal async for journal in world.store.unpublished(later)]
        assert len({journal.outcome.command for journal in journals}) >= 4
        return cls(frozen(ground), tuple(journals))


def assert_published(journals: tuple[Journal, ...], broker: MemoryBroker) -> None:
    """Each message of each command, in the command's order, byte for byte; and no other."""
    sent = dict.fromkeys((one.message_id, *bytes_of(one)) for one in broker.published)
    expected = [[(one.message_id, *bytes_of(one)) for one in journal.messages] for journal in journals]
    assert set(sent) == {message for messages in expected for message in messages}
    for messages in expected:
        assert [one for one in sent if one in messages] == messages


async def assert_settled(ground: Ground, journals: tuple[Journal, ...]) -> None:
    assert [one async for one in ground.store.unpublished(ground.clock.step(A_WHILE))] == []
    for journal in journals:
        for node in journal.trace:
            assert node in await ground.store.trace(node.tenant_id, node.trace_id)


@pytest.mark.parametrize("mode", Mode)
async def test_a_fault_at_any_call_of_the_timer_is_made_good_by_its_next_round(
    mode: Mode, tally: Tally
) -> None:
    left = await LeftBehind.some()
    index = 0
    while True:
        ground = thawed(left.data)
        ground.clock.step(A_WHILE)
        process = ground.process()
        process.faults.plan(Fault(index, mode))
        await process.tick()
        if not process.faults.met:
            break
        for journal in left.journals:
            if await ground.is_pending(journal.outcome.command_id):
                continue
            out = {one.message_id for one in ground.broker.published}
            assert all(one.message_id in out for one in journal.messages), "settled, and never sent"
        ground.clock.step(A_WHILE)
        await (ground.process() if process.faults.dead else process).tick()
        assert_published(left.journals, ground.broker)
        await assert_settled(ground, left.journals)
        tally("memory")
        index += 1
    assert index > len(left.journals)


class HalfReadable(MemoryStore):
    """Whoever walks over what pends, never gets beyond the first two."""

    @override
    async def unpublished(self, committed_before: datetime) -> AsyncIterator[Journal]:
        found = 0
        async for journal in super().unpublished(committed_before):
            if found == 2:
                raise ValueError("a journal row that can't be read")
            found += 1
            yield journal


async def test_what_was_found_before_the_walk_failed_goes_out() -> None:
    """Or one row that can't be read would hold back the others for ever."""
    left = await LeftBehind.some()
    ground = thawed(left.data)
    ground.clock.step(A_WHILE)
    half = HalfReadable(ground.clock.now)
    vars(half).update(vars(ground.store))
    process = Process(half, ground.broker, ground.ports, ground.clock)
    await process.tick()
    assert isinstance(process.result, ValueError)
    assert_published(left.journals[:2], ground.broker)
