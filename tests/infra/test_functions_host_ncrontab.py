"""NCRONTAB expressions: tables of known occurrences, and laws over random ones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.functions_host.ncrontab import InvalidSchedule, Ncrontab
from infra.local.functions_host.timer_trigger import IntervalSchedule, parse_schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 */5 * * * *", "2026-03-01T10:02:30", "2026-03-01T10:05:00"),
        ("0 */5 * * * *", "2026-03-01T10:05:00", "2026-03-01T10:10:00"),
        ("*/15 * * * * *", "2026-03-01T10:00:44.900000", "2026-03-01T10:00:45"),
        ("0 0 * * * *", "2026-03-01T23:00:00", "2026-03-02T00:00:00"),
        ("30 59 23 31 12 *", "2026-12-31T23:59:30", "2027-12-31T23:59:30"),
        ("0 30 9 * * MON-FRI", "2026-03-06T09:30:00", "2026-03-09T09:30:00"),
        ("0 30 9 * * 1-5", "2026-03-06T09:30:00", "2026-03-09T09:30:00"),
        ("0 0 0 * * SUN", "2026-03-01T00:00:00", "2026-03-08T00:00:00"),
        ("0 0 0 * january,JUL *", "2026-02-01T00:00:00", "2026-07-01T00:00:00"),
        ("0 0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 0 31 * *", "2026-03-31T00:00:00", "2026-05-31T00:00:00"),
        ("0 0 9-17/4 * * *", "2026-03-01T09:00:00", "2026-03-01T13:00:00"),
        ("0 0 9-17/4 * * *", "2026-03-01T17:00:00", "2026-03-02T09:00:00"),
        ("5/20 * * * * *", "2026-03-01T00:00:05", "2026-03-01T00:00:25"),
        ("5/20 * * * * *", "2026-03-01T00:00:45", "2026-03-01T00:01:05"),
        ("1,2,59 0 0 * * *", "2026-03-01T00:00:02", "2026-03-01T00:00:59"),
        ("0 0 17-9 * * *", "2026-03-01T09:00:00", "2026-03-01T10:00:00"),
        ("*/5 * * * *", "2026-03-01T00:00:01", "2026-03-01T00:05:00"),
    ],
)
def test_the_next_occurrence_is_the_platforms(expression: str, after: str, expected: str) -> None:
    assert Ncrontab(expression).next_after(at(after)) == at(expected)


def test_day_and_weekday_must_both_agree() -> None:
    friday_the_13th = Ncrontab("0 0 0 13 * FRI")
    assert friday_the_13th.next_after(at("2026-03-14T00:00:00")) == at("2026-11-13T00:00:00")


def test_a_schedule_that_never_comes_has_no_next_occurrence() -> None:
    assert Ncrontab("0 0 0 30 2 *").next_after(at("2026-01-01T00:00:00")) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "*/0 * * * * *",
        "*/x * * * * *",
        "a * * * * *",
        "* * * * * MO",
        "1,,2 * * * * *",
        "-5 * * * * *",
    ],
)
def test_an_unreadable_expression_is_refused(expression: str) -> None:
    with pytest.raises(InvalidSchedule):
        Ncrontab(expression)


def test_a_time_span_is_a_constant_interval() -> None:
    schedule = parse_schedule("1.02:03:04")
    assert isinstance(schedule, IntervalSchedule)
    start = at("2026-03-01T00:00:00")
    assert schedule.next_after(start) == start + timedelta(days=1, hours=2, minutes=3, seconds=4)


@pytest.mark.parametrize("text", ["00:00:00", "-00:01:00", "soon", "99"])
def test_an_unreadable_time_span_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchedule):
        parse_schedule(text)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    step = st.integers(1, max(1, high - low))
    part = st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{pair[0]}-{pair[1]}"),
        step.map(lambda every: f"*/{every}"),
        st.tuples(number, number, step).map(lambda three: f"{three[0]}-{three[1]}/{three[2]}"),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


expressions = st.tuples(
    field(0, 59), field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)
).map(" ".join)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(expressions, moments)
def test_the_next_occurrence_is_later_and_matches(expression: str, moment: datetime) -> None:
    schedule = Ncrontab(expression)
    following = schedule.next_after(moment)
    assert following is not None
    assert following > moment
    assert following.microsecond == 0
    assert schedule.matches(following)


@given(expressions, moments, st.integers(1, 5_000))
def test_nothing_that_matches_is_skipped(expression: str, moment: datetime, seconds: int) -> None:
    schedule = Ncrontab(expression)
    following = schedule.next_after(moment)
    between = moment.replace(microsecond=0) + timedelta(seconds=seconds)
    if following is not None and moment < between < following:
        assert not schedule.matches(between)
