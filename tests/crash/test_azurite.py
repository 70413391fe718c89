"""Every HTTP request to table storage of every command's way: killed, cut, or answered 503 after it was
carried out (the conflict with one's own commit). The ending is the one over memory."""

from collections.abc import AsyncIterator
from itertools import cycle

import pytest

from tests.adapters.fault_proxy import FaultProxy
from tests.azurite import shared
from tests.crash.azurite_ground import AzuriteGround
from tests.crash.conftest import Tally
from tests.crash.faults import Fault, WireMode
from tests.crash.ground import Ground
from tests.crash.recoveries import RECOVERIES, redelivery, timer
from tests.crash.trial import DryRun, assert_recovers, over_memory
from tests.crash.ways import COMMANDS, Way, is_like_another

BATCH = "POST /devstoreaccount1/$batch"


def index_of_commit(requests: list[str]) -> int:
    """The second batch: the first names the project in the registry, the next is the command's own."""
    return requests.index(BATCH, requests.index(BATCH) + 1)


def modes_of(index: int, request: str) -> list[WireMode]:
    """Killed before a request is killed after the one before it; a read that is lost is only read again."""
    modes = [WireMode.KILLED_AFTER] if index else [WireMode.KILLED_BEFORE, WireMode.KILLED_AFTER]
    if not request.startswith("GET"):
        modes += [WireMode.CUT_AFTER, WireMode.BUSY_AFTER]
    return modes


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    async with FaultProxy(shared().table_url.rpartition("/")[0]) as running:
        yield running


async def over_azurite(way: Way, proxy: FaultProxy) -> tuple[DryRun, list[str]]:
    """The run over memory, begun over Azurite instead, and the requests that it makes there."""
    memory = await over_memory(way)

    async def start() -> Ground:
        return await AzuriteGround.like(await memory.start(), shared().connection_string, proxy)

    ground = await start()
    process = ground.process(under_fault=True)
    await process.deliver(memory.arrival.delivery, may_be_repeat=True)
    assert await ground.ending(memory.arrival.id) == memory.ending
    assert ground.wire is not None
    await ground.close()
    return DryRun(memory.arrival, start, memory.calls, memory.ending), ground.wire.requests


EACH_WAY = [way for way in COMMANDS if not is_like_another(way)]


@pytest.mark.parametrize("way", EACH_WAY, ids=lambda way: way.name)
async def test_a_fault_at_any_request_changes_nothing_in_the_end(
    way: Way, proxy: FaultProxy, tally: Tally
) -> None:
    run, requests = await over_azurite(way, proxy)
    turns = cycle(RECOVERIES)
    commit = index_of_commit(requests)
    for index, request in enumerate(requests):
        for mode in modes_of(index, request):
            for recovery in (redelivery, timer, next(turns)) if index == commit else (next(turns),):
                fault = Fault(index, mode)
                try:
                    assert await assert_recovers(run, fault, recovery, may_be_repeat=True)
                except AssertionError as error:
                    error.add_note(f"{request} (request {index}) {mode}, {recovery.__name__}")
                    raise
                tally("Azurite")
