"""How often each route was called, so that a test can count effects instead of guessing."""

from __future__ import annotations

from collections import Counter

from infra.local.emulation.state import Json


class RequestLog:
    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def record(self, method: str, route: str, status: int) -> None:
        """Status 0 stands for a connection cut without an answer."""
        self._counts[(method, route, status)] += 1

    def clear(self) -> None:
        self._counts.clear()

    def render(self) -> Json:
        totals: Counter[tuple[str, str]] = Counter()
        statuses: dict[tuple[str, str], dict[str, int]] = {}
        for (method, route, status), count in self._counts.items():
            totals[(method, route)] += count
            statuses.setdefault((method, route), {})[str(status)] = count
        rows = [
            {"method": method, "route": route, "count": count, "statuses": statuses[(method, route)]}
            for (method, route), count in sorted(totals.items())
        ]
        return {"count": sum(totals.values()), "value": rows}
