"""Reading what test runners and coverage tools wrote: JUnit, VSTest (trx), Cobertura."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_OUTCOMES = {
    "passed": "Passed",
    "failed": "Failed",
    "error": "Failed",
    "timeout": "Failed",
    "aborted": "Failed",
}


class ResultsInvalid(Exception):
    """The file is not what it was said to be."""


@dataclass
class TestRun:
    """One published run of tests: how many of each outcome, and which failed."""

    name: str
    outcomes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    failed: list[str] = field(default_factory=list)

    def count(self, outcome: str, name: str, seconds: float) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.seconds += seconds
        if outcome == "Failed":
            self.failed.append(name)

    def add(self, other: TestRun) -> None:
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        self.seconds += other.seconds
        self.failed += other.failed


@dataclass(frozen=True)
class Coverage:
    lines_covered: int
    lines: int
    branches_covered: int
    branches: int


def matching(folder: Path, patterns: list[str]) -> list[Path]:
    """Files by patterns with `**`; a pattern that begins with ! takes files out again."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found: dict[Path, None] = {}
    for pattern in patterns:
        excluded = pattern.startswith("!")
        text = pattern.removeprefix("!").strip()
        absolute = text if text.startswith("/") else f"{folder}/{text.removeprefix('./')}"
        for path in files:
            if path.full_match(absolute):
                if excluded:
                    found.pop(path, None)
                else:
                    found[path] = None
    return list(found)


def _elements(path: Path) -> Iterator[ET.Element]:
    """Every element when it ends, and forgotten after: such files may be large."""
    try:
        for _, element in ET.iterparse(path, events=("end",)):
            yield element
    except (ET.ParseError, OSError) as error:
        raise ResultsInvalid(f"Failed to read {path.name}: {error}") from error


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float((text or "0").replace(",", "")))
    except ValueError:
        return 0.0


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def read_junit(path: Path) -> TestRun:
    run, known = TestRun(path.stem), False
    for element in _elements(path):
        tag = _name(element)
        known = known or tag in ("testsuite", "testsuites")
        if tag != "testcase":
            continue
        inner = {_name(child) for child in element}
        outcome = (
            "Failed" if inner & {"failure", "error"} else "NotExecuted" if "skipped" in inner else "Passed"
        )
        name = ".".join(part for part in (element.get("classname"), element.get("name")) if part)
        run.count(outcome, name, _seconds(element.get("time")))
        element.clear()
    if not known:
        raise ResultsInvalid(f"Failed to read {path.name}: it is not a JUnit file.")
    return run


def read_trx(path: Path) -> TestRun:
    run, known = TestRun(path.stem), False
    for element in _elements(path):
        tag = _name(element)
        known = known or tag == "TestRun"
        if tag == "UnitTestResult":
            outcome = _OUTCOMES.get((element.get("outcome") or "").lower(), "NotExecuted")
            run.count(outcome, element.get("testName") or "", _clock(element.get("duration")))
            element.clear()
    if not known:
        raise ResultsInvalid(f"Failed to read {path.name}: it is not a trx file.")
    return run


def _clock(text: str | None) -> float:
    """Seconds of hh:mm:ss.fffffff."""
    parts = (text or "").split(":")
    if len(parts) != 3:
        return 0.0
    return _seconds(parts[0]) * 3600 + _seconds(parts[1]) * 60 + _seconds(parts[2])


TEST_READERS = {"junit": read_junit, "vstest": read_trx}


def read_cobertura(path: Path) -> Coverage:
    """The totals of the root; where a tool leaves them out, the lines are counted."""
    valid = covered = 0
    root: ET.Element | None = None
    for element in _elements(path):
        root = element
        if _name(element) == "class":
            for line in element.iterfind("lines/line"):
                valid += 1
                covered += _seconds(line.get("hits")) > 0
            element.clear()
    if root is None or _name(root) != "coverage":
        raise ResultsInvalid(f"Failed to read {path.name}: it is not a Cobertura file.")

    def total(name: str, otherwise: int) -> int:
        text = root.get(name)
        return int(text) if text and text.isdecimal() else otherwise

    return Coverage(
        total("lines-covered", covered),
        total("lines-valid", valid),
        total("branches-covered", 0),
        total("branches-valid", 0),
    )
