"""Git's own rules for names: branches as check-ref-format has them, paths that can't escape, object ids."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from domain.kernel.values import matching

# What `git check-ref-format --branch` refuses, one rule a line.
_REF_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\x00-\x1f\x7f]"), "must not contain control characters"),
    (re.compile(r"[ ~^:?*\[\\]"), r"must not contain a space or any of ~ ^ : ? * [ \ "),
    (re.compile(r"^/|/$|//"), "must not begin or end with a slash, or have two in a row"),
    (re.compile(r"(^|/)\."), "no part of it may begin with a dot"),
    (re.compile(r"\.lock(/|$)"), "no part of it may end with .lock"),
    (re.compile(r"\.\."), "must not contain two dots in a row"),
    (re.compile(r"\.$"), "must not end with a dot"),
    (re.compile(r"@\{"), "must not contain @{"),
    (re.compile(r"^-"), "must not begin with a dash"),
    (re.compile(r"^HEAD$"), "must not be HEAD, which git itself uses"),
)


def check_branch_name(name: str) -> str:
    """The name, if git takes it for a branch. Raises ValueError with the broken rule."""
    for pattern, problem in _REF_RULES:
        if pattern.search(name):
            raise ValueError(problem)
    return name


def check_short(name: str) -> str:
    """Git would take `refs/heads/main` for a branch, as refs/heads/refs/heads/main: nobody means that."""
    if name.startswith("refs/"):
        raise ValueError("must be a short name, without refs/heads/")
    return name


# What is there already may have any name that git takes; what a command asks for, a short one.
BranchName = Annotated[str, Field(min_length=1), AfterValidator(check_branch_name)]
ShortBranchName = Annotated[BranchName, Field(max_length=250), AfterValidator(check_short)]
_OBJECT_ID = matching(r"[0-9a-f]{40}", "must be 40 lower-case hexadecimal digits")
CommitSha = Annotated[str, _OBJECT_ID]
TreeHash = Annotated[str, _OBJECT_ID]

# A status check as providers name it: `genre/name`.
CheckName = Annotated[
    str,
    Field(max_length=200),
    matching(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", "must be genre/name, like ci/build"),
]

_UNSAFE_CHARACTER = re.compile(r"[\x00-\x1f\x7f\\:]")


def check_file_path(path: str) -> str:
    """The path, if it stays inside a work tree on every system. Raises ValueError with the broken rule."""
    if _UNSAFE_CHARACTER.search(path):
        raise ValueError("must not contain control characters, a backslash or a colon")
    if path.startswith("/"):
        raise ValueError("must be relative")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise ValueError("must not contain empty, . or .. parts")
        # Windows drops trailing dots and spaces, and HFS+ ignores some invisible characters: `.git. ` and
        # `.g\u200cit` would be `.git` there. `git~1` is its 8.3 name.
        seen = "".join(c for c in unicodedata.normalize("NFKC", part) if unicodedata.category(c) != "Cf")
        if seen.rstrip(". ").casefold() in (".git", "git~1"):
            raise ValueError("must not reach into .git")
        if part != part.rstrip(". "):
            raise ValueError("no part of it may end with a dot or a space")
    return path


FilePath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(check_file_path)]


def check_distinct_paths(paths: Iterable[str]) -> None:
    """No path twice, as a case-insensitive file system sees it, and none a folder of another."""
    seen: dict[str, str] = {}
    for path in paths:
        folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
        if folded in seen:
            raise ValueError(f"{path} and {seen[folded]} are the same file where case does not count")
        seen[folded] = path
    for folded, path in seen.items():
        parent = folded.rpartition("/")[0]
        while parent:
            if parent in seen:
                raise ValueError(f"{seen[parent]} can't be a file and the folder of {path}")
            parent = parent.rpartition("/")[0]
