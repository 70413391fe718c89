"""Every fault of every way with every recovery, over memory: exhaustively."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.conftest import Tally
from tests.crash.faults import Fault, Mode
from tests.crash.recoveries import RECOVERIES, Recovery, redelivery, redelivery_that_looks_new, timer
from tests.crash.trial import DryRun, assert_recovers, assert_recovers_in_the_end, over_memory
from tests.crash.ways import COMMANDS, REFUSALS, Way, ways
from tests.domain.scenarios import SCENARIOS

_dry_runs: dict[str, DryRun] = {}


async def dry_run_of(way: Way) -> DryRun:
    if way.name not in _dry_runs:
        _dry_runs[way.name] = await over_memory(way)
    return _dry_runs[way.name]


def named(one: object) -> str:
    return one.name if isinstance(one, Way) else getattr(one, "__name__", str(one)).replace("_", " ")


@pytest.mark.parametrize("way", COMMANDS, ids=named)
async def test_without_a_fault_a_command_comes_to_what_its_scenario_says(way: Way) -> None:
    """Everything else here is compared with this run."""
    expected = SCENARIOS[way.name]
    found = (await dry_run_of(way)).ending
    assert found.effects == expected.effects
    told = [event["eventType"] for event in json.loads(found.reply)["events"]]
    assert tuple(told) == expected.events


@pytest.mark.parametrize("way", REFUSALS, ids=named)
async def test_without_a_fault_what_is_refused_has_no_effect(way: Way) -> None:
    found = (await dry_run_of(way)).ending
    assert json.loads(found.reply)["outcome"] == "rejected"
    assert (found.messages, found.effects) == ("[]", {})


@pytest.mark.parametrize("recovery", RECOVERIES, ids=named)
@pytest.mark.parametrize("way", ways(), ids=named)
async def test_a_fault_at_any_call_changes_nothing_in_the_end(
    way: Way, recovery: Recovery, tally: Tally
) -> None:
    run = await dry_run_of(way)
    # A first delivery differs from one that may be a repeat by one read only: two recoveries do for it.
    for may_be_repeat in (True, False) if recovery in (redelivery, timer) else (True,):
        for fault in run.faults(may_be_repeat=may_be_repeat):
            try:
                assert await assert_recovers(run, fault, recovery, may_be_repeat=may_be_repeat)
            except AssertionError as error:
                call = run.calls[may_be_repeat][fault.index]
                error.add_note(f"{fault.mode} {call.name} (call {fault.index})")
                raise
            tally("memory")


@pytest.mark.parametrize("way", ways(), ids=named)
async def test_a_fault_at_any_call_of_a_recovery_is_recovered_from(way: Way, tally: Tally) -> None:
    """What is committed and not yet out meets a second fault on its way out."""
    run = await dry_run_of(way)
    commit = [call.name in ("commit", "receive") for call in run.calls[True]].index(True)
    first = [Fault(commit, Mode.CRASH_AFTER)]
    for recovery in (redelivery, redelivery_that_looks_new, timer):
        for mode in Mode:
            index = 0
            while len(await assert_recovers_in_the_end(run, first, [(recovery, Fault(index, mode))])) > 1:
                tally("memory")
                index += 1
            assert index > 0


PLACES = st.integers(0, 9)
FAULTS = st.builds(Fault, PLACES, st.sampled_from(Mode))
STEPS = st.tuples(st.sampled_from((redelivery, redelivery_that_looks_new, timer)), FAULTS)


@given(way=st.sampled_from(ways()), faults=st.lists(FAULTS, max_size=2), steps=st.lists(STEPS, max_size=4))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_faults_in_a_row_are_recovered_from(
    way: Way, faults: list[Fault], steps: list[tuple[Recovery, Fault]], tally: Tally
) -> None:
    run = await dry_run_of(way)
    for _ in await assert_recovers_in_the_end(run, faults, steps):
        tally("memory")
