"""Faults that meet a recovery, and any faults in a row, over memory."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.crash.conftest import Tally
from tests.crash.dry_runs import dry_run_of, named
from tests.crash.faults import Fault, Mode
from tests.crash.recoveries import Recovery, redelivery, redelivery_that_looks_new, timer
from tests.crash.trial import assert_recovers_in_the_end
from tests.crash.ways import Way, is_like_another, ways


@pytest.mark.parametrize("way", [way for way in ways() if not is_like_another(way)], ids=named)
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
