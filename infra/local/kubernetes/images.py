"""How images behave that are not simply fine; a mark counts for every image that contains its text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.emulation.state import State

type Json = dict[str, Any]

_KIND = "image-mark"
USUAL_P95 = 0.05


@dataclass(frozen=True)
class Behaviour:
    """`error_rate` is the share of 5xx answers, `p95` is in seconds."""

    broken: bool = False
    unhealthy: bool = False
    error_rate: float = 0.0
    p95: float = USUAL_P95


class Images:
    """Marks outlive the process."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._marks = state.list(_KIND)
        self.on_change: list[Callable[[], None]] = []

    def mark(self, match: str, mark: Json) -> None:
        """Replaces what the same text was marked with."""
        kept = {"match": match, **mark}
        self._state.put(_KIND, "", match, kept)
        self._marks = [found for found in self._marks if found["match"] != match] + [kept]
        self._tell()

    def clear(self, match: str | None = None) -> None:
        for found in self._marks:
            if match in (None, found["match"]):
                self._state.delete(_KIND, "", found["match"])
        self._marks = [found for found in self._marks if match not in (None, found["match"])]
        self._tell()

    def render(self) -> list[Json]:
        return list(self._marks)

    def behaviour(self, image: str) -> Behaviour:
        """All marks that match together; of the numbers the largest."""
        marks = [mark for mark in self._marks if mark["match"] in image]
        return Behaviour(
            broken=any(mark.get("broken") for mark in marks),
            unhealthy=any(mark.get("unhealthy") for mark in marks),
            error_rate=max((float(mark.get("errorRate", 0)) for mark in marks), default=0.0),
            p95=max((float(mark["p95"]) for mark in marks if "p95" in mark), default=USUAL_P95),
        )

    def _tell(self) -> None:
        for listener in self.on_change:
            listener()
