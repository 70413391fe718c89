"""Every call to Azure DevOps of every command's way, and every HTTP request in it that writes: a crash before
and after, or a lost answer. What the service holds in the end, counted through its own API, is what one
handling makes."""

from collections.abc import AsyncIterator, Iterator
from itertools import cycle

import pytest

from domain.kernel.journal import Journal
from domain.ports import GitProvider, PipelineProvider
from tests import azure_devops as emulators
from tests.adapters.fault_proxy import FaultProxy
from tests.azure_devops import AzureDevOpsEmulator
from tests.crash.azure_devops_ground import AzureDevOpsGround
from tests.crash.conftest import Tally
from tests.crash.faults import Call, Fault, Mode, WireMode
from tests.crash.recoveries import RECOVERIES, Trial
from tests.crash.trial import assert_trial_recovers
from tests.crash.ways import COMMANDS, Way
from tests.domain.scenarios import SCENARIOS

idle_azure_devops = emulators.idle_azure_devops


@pytest.fixture
async def proxy(idle_azure_devops: AzureDevOpsEmulator) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(idle_azure_devops.url) as running:
        yield running


def faults_of(calls: list[Call], requests: list[str]) -> Iterator[tuple[str, Fault]]:
    """A crash before and after each call of the port, and every fault at each request that writes: killed
    anywhere between two of them, the process leaves the same behind."""
    for index, call in enumerate(calls):
        if hasattr(GitProvider, call.name) or hasattr(PipelineProvider, call.name):
            for mode in (Mode.CRASH_BEFORE, Mode.CRASH_AFTER):
                yield call.name, Fault(index, mode)
    writes = [(index, request) for index, request in enumerate(requests) if not request.startswith("GET")]
    for number, (index, request) in enumerate(writes):
        # Killed before a write is killed after the one before it: what is read in between leaves nothing.
        first = () if number else (WireMode.KILLED_BEFORE,)
        for on_wire in (*first, WireMode.KILLED_AFTER, WireMode.CUT_AFTER):
            yield request, Fault(index, on_wire)


def promised(command: str) -> dict[str, int]:
    """The scenario's effects, in the words of this census."""
    effects = SCENARIOS[command].effects
    return {"pull request completed" if name == "merge" else name: n for name, n in effects.items()}


# The others do nothing there, or at a GitOps agent.
AT_THE_PROVIDER = [way for way in COMMANDS if SCENARIOS[way.name].effects.keys() - {"reconcile"}]


@pytest.mark.timeout(400)  # each trial sets up a project of its own
@pytest.mark.parametrize("way", AT_THE_PROVIDER, ids=lambda way: way.name)
async def test_a_fault_at_any_request_has_no_second_effect(
    way: Way, idle_azure_devops: AzureDevOpsEmulator, proxy: FaultProxy, tally: Tally
) -> None:
    async def begin() -> Trial:
        return Trial(*await AzureDevOpsGround.prepared(way, idle_azure_devops, proxy))

    dry = await begin()
    await dry.deliver(dry.process, may_be_repeat=True)
    assert isinstance(dry.process.result, Journal), dry.process.result
    expected = await dry.ground.ending(dry.arrival.id)
    assert dry.ground.wire is not None
    assert expected.effects.items() >= promised(way.name).items()
    faults = list(faults_of(dry.process.faults.calls, dry.ground.wire.requests))
    await dry.ground.close()
    for (hit, fault), recovery in zip(faults, cycle(RECOVERIES), strict=False):
        try:
            assert await assert_trial_recovers(await begin(), expected, fault, recovery)
        except AssertionError as error:
            error.add_note(f"{hit} ({fault.index}) {fault.mode}, {recovery.__name__}")
            raise
        tally("Azure DevOps")
