"""How a release gets into an environment, as it is configured: freezes with their repeats, gates, sources."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.delivery.deployment_policy import Comparison, FreezeWindow, Repeats

NOON = datetime(2026, 6, 12, 12, tzinfo=UTC)
GAPLESS = "must leave some time before it repeats"
PERIODS = {Repeats.DAILY: timedelta(days=1), Repeats.WEEKLY: timedelta(weeks=1)}

moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
lengths = st.timedeltas(timedelta(seconds=1), timedelta(days=20))
repeats = st.sampled_from(Repeats)


def a_freeze(hours: float = 2, **changes: Any) -> FreezeWindow:
    fields = {"name": "night", "starts_at": NOON, "ends_at": NOON + timedelta(hours=hours), **changes}
    return FreezeWindow.model_validate(fields)


def at(window: FreezeWindow, **after: float) -> datetime | None:
    return window.end_at(NOON + timedelta(**after))


def test_a_freeze_holds_from_its_start_until_just_before_its_end() -> None:
    window, end = a_freeze(), NOON + timedelta(hours=2)
    assert at(window, seconds=-1) is None
    assert at(window) == at(window, hours=1) == at(window, hours=2, seconds=-1) == end
    assert at(window, hours=2) is None and at(window, days=1) is None


@pytest.mark.parametrize(("repeats", "days"), [("Daily", 1), ("Weekly", 7)])
def test_a_freeze_that_repeats_holds_each_time(repeats: str, days: int) -> None:
    window = a_freeze(repeats=repeats)
    for times in (0, 1, 2, 100):
        assert at(window, days=times * days, hours=1) == NOON + timedelta(days=times * days, hours=2)
        assert at(window, days=times * days, hours=2) is None
        assert at(window, days=times * days, seconds=-1) is None
    assert at(window, days=-days, hours=1) is None


def test_a_weekly_freeze_leaves_the_other_days() -> None:
    window = a_freeze(repeats="Weekly")
    assert [day for day in range(14) if at(window, days=day, hours=1) is not None] == [0, 7]


def test_a_freeze_over_midnight_holds_on_both_sides() -> None:
    window = a_freeze(hours=14, repeats="Daily")
    assert at(window, hours=13) == NOON + timedelta(hours=14)
    assert at(window, days=1, hours=13) == NOON + timedelta(days=1, hours=14)
    assert at(window, hours=15) is None


@given(starts=moments, length=lengths, repeats=repeats, now=moments)
def test_it_holds_where_one_of_its_times_does(
    starts: datetime, length: timedelta, repeats: Repeats, now: datetime
) -> None:
    """Compared to all of its times, written out one after another."""
    window = FreezeWindow(name="w", starts_at=starts, ends_at=starts + length, repeats=repeats)
    if window.problem is not None:
        assert length >= PERIODS[repeats]
        return
    times = [starts]
    if repeats is not Repeats.NEVER:
        while times[-1] <= now:
            times.append(times[-1] + PERIODS[repeats])
    ends = [each + length for each in times if each <= now < each + length]
    assert window.end_at(now) == (ends[0] if ends else None)


@given(starts=moments, length=lengths, repeats=repeats, now=moments)
def test_at_its_end_it_is_over(starts: datetime, length: timedelta, repeats: Repeats, now: datetime) -> None:
    """Or a promotion that waits until then would wait on."""
    window = FreezeWindow(name="w", starts_at=starts, ends_at=starts + length, repeats=repeats)
    end = window.end_at(now) if window.problem is None else None
    if end is not None:
        assert end > now and window.end_at(end) is None


@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        ({"ends_at": NOON}, "must be after startsAt"),
        ({"ends_at": NOON - timedelta(days=1)}, "must be after startsAt"),
        ({"ends_at": NOON + timedelta(days=1), "repeats": "Daily"}, GAPLESS),
        (
            {"ends_at": NOON + timedelta(days=8), "repeats": "Weekly"},
            GAPLESS,
        ),
    ],
)
@pytest.mark.parametrize("scope", ["project", "environment"])
def test_a_freeze_that_makes_no_sense_is_refused_by_its_place(
    window: dict[str, Any], sentence: str, scope: str
) -> None:
    freezes = [{"name": "night", "starts_at": NOON, **window}]
    settings: dict[str, Any] = {"freezes": freezes}
    if scope == "environment":
        settings = {"environments": [{"name": "dev", "freezes": freezes}]}
    with pytest.raises(ValidationError) as no:
        ConfigureDelivery.model_validate(settings)
    (problem,) = no.value.errors()
    place = ("freezes", 0, "endsAt")
    assert problem["msg"] == sentence
    assert problem["loc"] == (place if scope == "project" else ("environments", 0, *place))


REFUSED: dict[str, dict[str, Any]] = {
    "weights that do not rise": {"canary_weights": [50, 10]},
    "a weight twice": {"canary_weights": [10, 10]},
    "all of the traffic as a share": {"canary_weights": [10, 100]},
    "none of the traffic as a share": {"canary_weights": [0]},
    "no weights": {"canary_weights": []},
    "a gate twice": {"gates": {"http": [{"name": "a", "url": "http://x"}] * 2}},
    "a metric twice": {"gates": {"metrics": [{"name": "a", "query": "q", "threshold": 1}] * 2}},
    "a threshold that is none": {"gates": {"metrics": [{"name": "a", "query": "q", "threshold": "nan"}]}},
    "a URL of another kind": {"gates": {"http": [{"name": "a", "url": "file:///etc/passwd"}]}},
    "no time at all": {"gates": {"timeout_seconds": 0}},
    "a path out of the sources": {"manifest": {"path": "deploy/../../secrets"}},
    "a path from the root": {"manifest": {"path": "/deploy"}},
    "a value file out of the sources": {"manifest": {"values": ["../values.yaml"]}},
    "a gateway that is no label": {"gateway": "Edge.One"},
    "Bicep that is not legacy": {
        "infrastructure": {"engine": "Bicep", "stack": "main", "repository_id": "repo-1"}
    },
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused(what: str) -> None:
    with pytest.raises(ValidationError) as no:
        ConfigureDelivery.model_validate({"environments": [{"name": "dev", **REFUSED[what]}]})
    # Each names its place within the environment.
    assert all(problem["loc"][:2] == ("environments", 0) for problem in no.value.errors())


def test_what_is_at_the_threshold_keeps_to_it() -> None:
    assert Comparison.AT_MOST.holds(1.0, 1.0) and Comparison.AT_LEAST.holds(1.0, 1.0)
    assert not Comparison.AT_MOST.holds(1.1, 1.0) and not Comparison.AT_LEAST.holds(0.9, 1.0)
    # What is no number keeps to nothing.
    assert not Comparison.AT_MOST.holds(float("nan"), 1.0)
    assert not Comparison.AT_LEAST.holds(float("nan"), 1.0)
