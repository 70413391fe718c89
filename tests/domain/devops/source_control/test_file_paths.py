"""File paths against what file systems would make of them: `git_names.py`."""

import posixpath
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.devops.source_control.git_names import check_distinct_paths, check_file_path

SAFE = [
    "a",
    "src/app.py",
    ".github/workflows/ci.yml",
    ".gitignore",
    "a.git/b",
    "git",
    "日本/é.txt",
    "a b/c",
    "~a",
]
UNSAFE = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../a",
    "a/../../b",
    "a/..",
    ".",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "C:/a",
    "a:b",
    "a\\..\\b",
    "\\\\host\\share",
    "a\x00b",
    "a\nb",
    "a\x7f",
    ".git",
    ".git/config",
    "a/.git/hooks/post-checkout",
    ".GIT/config",
    ".Git",
    "git~1/config",
    "GIT~1",
    ".git ",
    ".git.",
    ".git . .",
    ".g\u200cit/config",
    "\u200e.git",
    ".gi\ufefft",
    "．git",
    "a ",
    "a.",
    "a./b",
    "a /b",
]


@pytest.mark.parametrize("path", SAFE)
def test_a_path_inside_the_work_tree_is_taken(path: str) -> None:
    assert check_file_path(path) == path


@pytest.mark.parametrize("path", UNSAFE, ids=repr)
def test_a_path_that_could_leave_the_work_tree_or_reach_into_git_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"must|may"):
        check_file_path(path)


path_pieces = st.sampled_from(
    [
        "a",
        "b",
        "..",
        ".",
        "/",
        "\\",
        ":",
        " ",
        ".git",
        ".GIT",
        "git~1",
        "~",
        "\u200c",
        "．",
        "\x00",
        "\n",
        "é",
    ]
)
paths = st.lists(path_pieces, max_size=7).map("".join) | st.text(max_size=10)


@settings(max_examples=400)
@given(paths)
def test_no_path_that_is_taken_escapes_its_root_on_any_system(path: str) -> None:
    try:
        check_file_path(path)
    except ValueError:
        return
    for separators in (path, path.replace("\\", "/")):
        landed = posixpath.normpath(posixpath.join("/root/tree", separators))
        assert landed == f"/root/tree/{path}"
    parts = [part.rstrip(". ").casefold() for part in path.split("/")]
    assert ".git" not in parts
    assert "git~1" not in parts


def twins(one: str, other: str) -> bool:
    """Unicode's canonical caseless match: one file to a file system that ignores case and composition."""

    def folded(path: str) -> str:
        return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())

    return folded(one) == folded(other)


# Letters whose case or composition is not one code point for one.
tricky = st.text("aAéÉßẞΐΪıIİiſsSKKÅåÅ\u0301\u030a\u0308\u0307ǰJj\u030c", min_size=1, max_size=4)


@settings(max_examples=400)
@given(tricky, st.data())
@example("ΐ", None)
def test_no_two_paths_of_a_commit_are_case_twins(one: str, data: st.DataObject | None) -> None:
    variants = [one.upper(), one.lower(), one.swapcase(), unicodedata.normalize("NFD", one)]
    variants += [unicodedata.normalize("NFC", variant) for variant in variants]
    chosen = variants if data is None else [data.draw(st.sampled_from(variants) | tricky)]
    for other in chosen:
        if twins(one, other):
            with pytest.raises(ValueError, match="are the same file where case does not count"):
                check_distinct_paths([one, other])


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (["a", "a"], "are the same file"),
        (["src/App.py", "SRC/app.PY"], "are the same file"),
        (["é", "e\u0301"], "are the same file"),
        (["ΐ", "Ϊ́"], "are the same file"),
        (["a", "a/b"], "a can't be a file and the folder of a/b"),
        (["A/b/c", "a"], "a can't be a file and the folder of A/b/c"),
        (["a/b/c", "a/B"], "a/B can't be a file and the folder of a/b/c"),
    ],
)
def test_paths_that_could_not_stand_together_are_refused(paths: list[str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_distinct_paths(paths)


def test_paths_that_can_stand_together_are_taken() -> None:
    check_distinct_paths(["a", "b", "src/a", "src/b", "src.py", "srca/b", "b.d/a"])
