"""How many requests each service of each route got, and whose turn is next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

type Json = dict[str, Any]


class Counts:
    def __init__(self) -> None:
        self._backends: Counter[tuple[str, str, str]] = Counter()
        self._statuses: Counter[tuple[str, str, int]] = Counter()
        self._turns: dict[str, dict[str, int]] = {}
        self._next: Counter[str] = Counter()

    def clear(self) -> None:
        self._backends.clear()
        self._statuses.clear()
        self._turns.clear()
        self._next.clear()

    def routed(self, namespace: str, route: str, service: str) -> None:
        self._backends[(namespace, route, service)] += 1

    def answered(self, namespace: str, service: str, status: int) -> None:
        self._statuses[(namespace, service, status)] += 1

    def weighted(self, turn: str, weights: Mapping[str, int]) -> str | None:
        """Smooth weighted round robin: 3 to 1 gives a a b a, never a run of three first."""
        total = sum(weights.values())
        if total <= 0:
            return None
        current = self._turns.get(turn)
        if current is None or set(current) != set(weights):
            current = self._turns[turn] = dict.fromkeys(weights, 0)
        for name, weight in weights.items():
            current[name] += weight
        chosen = max((name for name in weights if weights[name] > 0), key=lambda name: current[name])
        current[chosen] -= total
        return chosen

    def next_of[T](self, turn: str, choices: Sequence[T]) -> T:
        """Round robin."""
        self._next[turn] += 1
        return choices[(self._next[turn] - 1) % len(choices)]

    def fails(self, turn: str, rate: float) -> bool:
        """Whether this request is one of the share that fails: every fourth at a rate of 0.25."""
        self._next[turn] += 1
        count = self._next[turn]
        return int(count * rate + 1e-9) > int((count - 1) * rate + 1e-9)

    def render(self) -> Json:
        return {
            "backends": [
                {"namespace": namespace, "route": route, "service": service, "requests": count}
                for (namespace, route, service), count in sorted(self._backends.items())
            ],
            "services": [
                {"namespace": namespace, "service": service, "status": status, "requests": count}
                for (namespace, service, status), count in sorted(self._statuses.items())
            ],
        }
