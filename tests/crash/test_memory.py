"""Every fault of every way over memory; of commands and hooks with every recovery, exhaustively."""

import json
from itertools import cycle

import pytest

from tests.crash.conftest import Tally
from tests.crash.dry_runs import dry_run_of, named
from tests.crash.recoveries import RECOVERIES, Recovery, redelivery, timer
from tests.crash.trial import assert_recovers
from tests.crash.ways import COMMANDS, REFUSALS, Way, is_like_another, ways
from tests.domain.scenarios import SCENARIOS


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


WAYS = ways()
SHARING = [way for way in WAYS if way.name.startswith("Observe") or is_like_another(way)]


@pytest.mark.parametrize("way", SHARING, ids=named)
async def test_a_fault_at_any_call_of_what_goes_the_commands_way_changes_nothing_in_the_end(
    way: Way, tally: Tally
) -> None:
    """Observations and settings are dispatched as commands are: each fault meets another recovery."""
    run = await dry_run_of(way)
    for fault, recovery in zip(run.faults(may_be_repeat=True), cycle(RECOVERIES), strict=False):
        try:
            assert await assert_recovers(run, fault, recovery, may_be_repeat=True)
        except AssertionError as error:
            error.add_note(f"{fault.mode} {run.calls[True][fault.index].name}, {named(recovery)}")
            raise
        tally("memory")


@pytest.mark.parametrize("recovery", RECOVERIES, ids=named)
@pytest.mark.parametrize("way", [way for way in WAYS if way not in SHARING], ids=named)
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
