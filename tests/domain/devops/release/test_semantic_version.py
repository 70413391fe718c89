"""Semantic versions: which texts are ones, and their order as semver.org gives it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.devops.pipelines.semantic_version import SemanticVersion, precedence, same_version

_VERSION: TypeAdapter[str] = TypeAdapter(SemanticVersion)


def is_version(text: str) -> bool:
    try:
        return _VERSION.validate_python(text) == text
    except ValidationError:
        return False


@pytest.mark.parametrize(
    "text",
    [
        "0.0.4",
        "1.2.3",
        "10.20.30",
        "1.1.2-prerelease+meta",
        "1.1.2+meta",
        "1.0.0-alpha",
        "1.0.0-alpha.beta.1",
        "1.0.0-0A.is.legal",
        "1.0.0-alpha0.valid",
        "1.0.0-rc.1+build.1",
        "1.2.3----RC-SNAPSHOT.12.9.1--.12",
        "1.0.0+0.build.1-rc.10000aaa",
        "1.0.0-0",
        "99999999999999.0.0",
    ],
)
def test_a_version_is_taken(text: str) -> None:
    assert is_version(text)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "01.1.1",
            "1.01.1",
            "1.1.01",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3-",
            "1.2.3+",
            "1.2.3+a+b",
            "-1.0.0",
        ],
        *["1.2.3-é", "1.2.3-a_b", "20260611.3", "١.٢.٣"],
        "",
        "1.2.3 ",
        "1.2.3\n",
        f"1.0.0-{'a' * 64}",
    ],
)
def test_what_is_none_is_not_taken(text: str) -> None:
    assert not is_version(text)


def test_versions_are_ordered_as_the_specification_says() -> None:
    ordered = [
        "0.9.9",
        "1.0.0-0",
        "1.0.0-2",
        "1.0.0-11",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1-a",
        "1.0.1",
        "1.2.0",
        "1.10.0",
        "2.0.0",
    ]
    mixed = ordered[1::2] + ordered[::2]
    assert sorted(mixed, key=precedence) == ordered
    assert len({precedence(version) for version in ordered}) == len(ordered)


numbers = st.integers(0, 10**6).map(str)
words = st.from_regex(r"[0-9]{0,3}[A-Za-z-][0-9A-Za-z-]{0,4}", fullmatch=True)
versions = st.builds(
    lambda core, pre: ".".join(core) + ("-" + ".".join(pre) if pre else ""),
    st.tuples(numbers, numbers, numbers),
    st.lists(numbers | words, max_size=3),
)


@given(versions)
def test_what_is_built_like_a_version_is_one_and_metadata_changes_nothing(version: str) -> None:
    assert is_version(version)
    assert precedence(f"{version}+build.7") == precedence(version)
    assert same_version(f"{version.upper()}+build.7") == same_version(version)


@given(versions, versions)
def test_only_versions_that_differ_are_before_one_another(one: str, other: str) -> None:
    assert (precedence(one) == precedence(other)) == (one == other)
