"""Semantic versions, as semver.org 2.0.0 has them: their form, their order, and when two are the same."""

from typing import Annotated

from pydantic import Field

from domain.kernel.values import matching

_NUMBER = "(0|[1-9][0-9]*)"
_WORD = "[0-9A-Za-z-]+"
# Within a pre-release a part of digits only is a number, and numbers have no leading zero.
_PART = f"({_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PART}(\.{_PART})*)?(\+{_WORD}(\.{_WORD})*)?"

# Longer than 64 characters a feed does not take it.
SemanticVersion = Annotated[
    str, Field(max_length=64), matching(_VERSION, "must be a semantic version, like 1.4.0 or 2.0.0-rc.1")
]

type Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


def precedence(version: str) -> Precedence:
    """What a `SemanticVersion` is ordered by; build metadata does not count."""
    core, _, pre_release = version.partition("+")[0].partition("-")
    major, minor, patch = (int(number) for number in core.split("."))
    parts = tuple(
        (False, int(part), "") if part.isdecimal() else (True, 0, part)
        for part in pre_release.split(".")
        if part
    )
    # A release comes after its pre-releases, and of two pre-releases that begin alike the longer one.
    return major, minor, patch, not parts, parts


def same_version(version: str) -> str:
    """Equal for versions that nobody can keep apart: feeds ignore build metadata and letter case."""
    return version.partition("+")[0].casefold()
