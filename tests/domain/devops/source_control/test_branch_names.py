"""Branch names against git itself: `git_names.py`."""

import os
import subprocess

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.devops.source_control.git_names import check_branch_name, check_short

BATCH = 40


def git_takes(names: list[str]) -> list[bool]:
    """What `git check-ref-format --branch` says to each, asked by one shell."""
    script = 'for name in "$@"; do git check-ref-format --branch "$name" >/dev/null 2>&1; echo $?; done'
    # Outside any repository, so that @{-1} and the like mean nothing.
    environment = {"PATH": os.environ["PATH"], "GIT_DIR": "/nonexistent", "LC_ALL": "C.UTF-8"}
    asked = [os.fsencode(name) for name in names]
    answered = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *asked], capture_output=True, check=True, env=environment, text=True
    )
    return [line == "0" for line in answered.stdout.splitlines()]


def we_take(name: str) -> bool:
    try:
        return check_short(check_branch_name(name)) == name
    except ValueError:
        return False


def expected(name: str, git: bool) -> bool:
    """Beyond git: whoever spells out refs/ in a command is mistaken."""
    return git and not name.startswith("refs/")


# Pieces that the rules are about, among letters that none is about.
_PIECES = (
    "a B 1 - _ . .. / // @ @{ { } ~ ^ : ? * [ ] \\ .lock lock .LOCK "
    "HEAD refs/ heads/ é 日 ! # $ % & ' \" ( ) + , ; < = > | `"
)
pieces = st.sampled_from([*_PIECES.split(" "), " ", "\t", "\n", "\x7f", "\x01", "\u200b", "\u202e"])
names = st.lists(pieces, min_size=1, max_size=6).map("".join) | st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12
)


# Each example asks git about a batch, for starting a process is what takes the time; and none is shrunk.
@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(st.lists(names, min_size=BATCH, max_size=BATCH))
def test_we_take_the_branch_names_that_git_takes(batch: list[str]) -> None:
    wrong = [
        (name, git)
        for name, git in zip(batch, git_takes(batch), strict=True)
        if we_take(name) is not expected(name, git)
    ]
    assert wrong == []


BRANCHES = {
    "main": True,
    "feature/reservations-api": True,
    "release/1.4.0": True,
    "users/ada/日本": True,
    "a.b": True,
    "a@b": True,
    "@": True,
    "a-": True,
    "feature/@": True,
    "@/feature": True,
    "HEADS": True,
    "a/HEAD": True,
    "{a}": True,
    "HEAD": False,
    "-a": False,
    ".a": False,
    "a/.b": False,
    "a.": False,
    "a..b": False,
    "a//b": False,
    "/a": False,
    "a/": False,
    "a.lock": False,
    "a.lock/b": False,
    "a b": False,
    "a~1": False,
    "a^": False,
    "a:b": False,
    "a?": False,
    "a*": False,
    "a[b": False,
    "a\\b": False,
    "@{-1}": False,
    "a@{b": False,
    "a\x7fb": False,
    "a\n": False,
    "refs/heads/a": False,
    "refs/a": False,
}


def test_the_known_names_are_judged_as_git_does() -> None:
    assert {name: we_take(name) for name in BRANCHES} == BRANCHES
    judged = {
        name: expected(name, git) for name, git in zip(BRANCHES, git_takes(list(BRANCHES)), strict=True)
    }
    assert judged == BRANCHES


def test_a_name_with_nul_is_refused() -> None:
    assert not we_take("a\x00b")


def test_a_refused_name_says_which_rule_it_breaks() -> None:
    with pytest.raises(ValueError, match="must not contain two dots in a row"):
        check_branch_name("a..b")
    with pytest.raises(ValueError, match="must be a short name, without refs/heads/"):
        check_short("refs/heads/a")


def test_what_is_there_already_may_be_called_what_git_allows() -> None:
    assert check_branch_name("refs/heads/a") == "refs/heads/a"
