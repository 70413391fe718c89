"""Shared value objects: how moments look, and that derived ids are stable and keep apart."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import Invalid
from domain.kernel.values import Identifier, Model, Person, Timestamp, derived_id, timestamp, validated

moments = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 6, 11, 18, 22, 5, tzinfo=UTC), "2026-06-11T18:22:05Z"),
        (datetime(2026, 6, 11, 18, 22, 5, 120_000, tzinfo=UTC), "2026-06-11T18:22:05.120Z"),
        (datetime(2026, 6, 11, 18, 22, 5, 999, tzinfo=UTC), "2026-06-11T18:22:05Z"),
        (datetime(2026, 6, 11, 20, 22, 5, tzinfo=timezone(timedelta(hours=2))), "2026-06-11T18:22:05Z"),
    ],
)
def test_a_moment_is_written_in_utc_as_the_specification_writes_it(moment: datetime, text: str) -> None:
    assert timestamp(moment) == text


@given(moments)
def test_a_written_moment_is_read_back_within_its_millisecond(moment: datetime) -> None:
    read = datetime.fromisoformat(timestamp(moment))
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert timestamp(read) == timestamp(moment)


@given(moments, moments)
def test_moments_are_written_in_their_order(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert datetime.fromisoformat(timestamp(first)) <= datetime.fromisoformat(timestamp(second))


parts = st.lists(st.text(max_size=8) | st.integers(), max_size=4)


@given(parts, parts)
def test_other_parts_give_another_id(one: list[object], other: list[object]) -> None:
    same = [str(part) for part in one] == [str(part) for part in other]
    assert (derived_id("evt", *one) == derived_id("evt", *other)) is same


def test_parts_that_only_join_to_the_same_text_are_kept_apart() -> None:
    ids = {
        derived_id("evt", *parts)
        for parts in [
            ("a", "bc"),
            ("ab", "c"),
            ("abc",),
            ("a", "b", "c"),
            ("1:a", "b"),
            ("", "abc"),
            ("abc", ""),
        ]
    }
    assert len(ids) == 7


def test_an_id_is_the_same_in_every_process_and_every_release() -> None:
    # Stored ids were derived so: another answer would make every redelivery a new message.
    assert derived_id("evt", "cmd-1", "BranchCreated", 0) == "evt-8d9df2ae-c92d-5411-b9f7-faf87c4dc597"
    code = (
        "from domain.kernel.values import derived_id; print(derived_id('evt', 'cmd-1', 'BranchCreated', 0))"
    )
    for seed in ("1", "2"):
        fresh = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        )
        assert fresh.stdout.strip() == derived_id("evt", "cmd-1", "BranchCreated", 0)


@given(st.lists(st.text(max_size=8), max_size=3))
def test_a_derived_id_is_an_identifier(parts: list[str]) -> None:
    assert validated(_Named, {"someName": derived_id("evt", *parts)})


class _Named(Model):
    some_name: Identifier
    by_whom: Person | None = None
    seen_at: Timestamp | None = None


def test_fields_are_camel_case_on_the_wire_and_read_by_either_name() -> None:
    value = _Named(some_name="a", by_whom="Ada")
    assert value.model_dump(mode="json", by_alias=True) == {"someName": "a", "byWhom": "Ada", "seenAt": None}
    assert validated(_Named, {"some_name": "a"}) == validated(_Named, {"someName": "a", "unknown": 1})


def test_a_value_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(_Named(some_name="a"), "some_name", "b")  # noqa: B010 - the assignment is a type error


def test_what_is_wrong_is_named_by_its_path_on_the_wire() -> None:
    class Outer(Model):
        many_names: tuple[_Named, ...]

    with pytest.raises(Invalid) as refused:
        validated(Outer, {"manyNames": [{"someName": "a"}, {"someName": "/"}, {}]}, at="payload")
    assert [error.field for error in refused.value.errors] == [
        "payload.manyNames.1.someName",
        "payload.manyNames.2.someName",
    ]
