"""What a sync state does by itself: its way to what is desired, and the drifts that it keeps."""

from datetime import timedelta

import pytest

from domain.devops.gitops.gitops_sync_state import MOST_TRAIL, GitOpsSyncState
from domain.devops.gitops.looking import Look
from domain.devops.gitops.sync_status import MOST_DRIFTS, DriftRecord, Found, ReconciledResource, reviewed
from domain.kernel.errors import Rejected
from domain.provided import ProvidedDrift, ProvidedResource, ProvidedSync
from tests.domain.devops.gitops.given import ENVIRONMENT
from tests.domain.world import START

ASTRAY = "commit {} is applied, which is not on the way from {} to the desired {}"
FIRST, SECOND, THIRD, ELSE = ("1" * 40, "2" * 40, "3" * 40, "e" * 40)


def _state(**changes: object) -> GitOpsSyncState:
    fields = {
        "sync_state_id": "sync-1",
        "environment": ENVIRONMENT,
        "desired_commit_sha": FIRST,
        "trail": (FIRST,),
        "last_observed_at": START,
    }
    return GitOpsSyncState.model_validate(fields | changes)


def test_what_is_applied_only_advances() -> None:
    state = _state()
    state.desire(SECOND, has_grown=True)
    state.desire(THIRD, has_grown=True)
    assert _way(state) == (None, FIRST, SECOND, THIRD)
    state.advance(SECOND)
    assert _way(state) == (SECOND, THIRD)
    for astray in (FIRST, SECOND, ELSE):
        with pytest.raises(Rejected) as no:
            state.advance(astray)
        assert no.value.sentence == ASTRAY.format(astray[:10], SECOND[:10], THIRD[:10])
    state.advance(THIRD)
    assert _way(state) == (THIRD,)


def _way(state: GitOpsSyncState) -> tuple[str | None, ...]:
    return (state.applied_commit_sha, *state.trail)


def test_a_way_that_begins_at_nothing_says_so() -> None:
    with pytest.raises(Rejected) as no:
        _state().advance(ELSE)
    assert no.value.sentence == ASTRAY.format(ELSE[:10], "nothing", FIRST[:10])


def test_the_trail_is_bounded_and_ends_in_what_is_desired() -> None:
    state = _state()
    shas = [f"{number:040x}" for number in range(MOST_TRAIL + 5)]
    for sha in shas:
        state.desire(sha, has_grown=True)
    assert state.trail == tuple(shas[-MOST_TRAIL:])


def test_a_sync_state_is_of_one_environment() -> None:
    with pytest.raises(Rejected) as no:
        _state().environment = "prod"
    assert no.value.sentence == "a sync state is of one environment"


def _resource(number: int) -> ReconciledResource:
    return ReconciledResource(api_version="v1", kind="ConfigMap", namespace="n", name=f"c{number}")


def test_of_too_many_drifts_the_corrected_ones_are_forgotten_first() -> None:
    old = reviewed((), {_resource(0): "is gone"}, START, of_resources=True).records
    right = reviewed(old, {}, START, of_resources=True).records
    many: Found = {_resource(number): "is gone" for number in range(1, MOST_DRIFTS + 10)}
    review = reviewed(right, many, START + timedelta(seconds=1), of_resources=True)
    assert (len(review.records), review.new) == (MOST_DRIFTS, MOST_DRIFTS)
    assert all(record.is_open for record in review.records)
    again = reviewed(review.records, many, START + timedelta(seconds=2), of_resources=True)
    assert (again.records, again.new) == (review.records, 0)


def test_a_drift_that_goes_on_is_not_forgotten_for_newer_ones() -> None:
    old = DriftRecord(resource=_resource(0), change="is gone", detected_at=START)
    newer = [
        DriftRecord(resource=_resource(1), change="is gone", detected_at=START, corrected_at=START)
        for _ in range(MOST_DRIFTS + 1)
    ]
    review = reviewed([old, *newer], {_resource(0): "is gone"}, START, of_resources=True)
    assert review.records == (old, *newer[: MOST_DRIFTS - 1])


def test_an_operator_reads_the_first_drifts_and_how_many_more() -> None:
    state = _state(applied_commit_sha=FIRST, trail=())
    resources = [ProvidedResource("v1", "ConfigMap", "n", f"c{number}") for number in range(7)]
    drifts = [ProvidedDrift(resource, "is gone") for resource in resources]
    state.observe(Look(FIRST, ProvidedSync(FIRST, FIRST, None, True, ""), drifts=drifts), START)
    assert state.message.endswith("ConfigMap c4: is gone; and 2 more")
