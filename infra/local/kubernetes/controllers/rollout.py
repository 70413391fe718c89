"""The arithmetic of a rolling update: how many replicas the new and the old sets get next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Counted:
    """One replica set: what it asks for and what serves."""

    name: str
    wanted: int
    available: int


@dataclass(frozen=True)
class Limits:
    desired: int
    surge: int
    unavailable: int

    @classmethod
    def read(cls, desired: int, surge: int | str, unavailable: int | str) -> Limits:
        """Percentages are of the desired replicas: surge rounds up, the other down; both 0 would not move."""
        more = _resolved(surge, desired, up=True)
        fewer = _resolved(unavailable, desired, up=False)
        return cls(desired, more, 1 if more == fewer == 0 else fewer)

    @property
    def least_available(self) -> int:
        return self.desired - min(self.unavailable, self.desired)


def _resolved(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * total / 100
    return math.ceil(share) if up else math.floor(share)


def new_size(limits: Limits, new: Counted, old: Sequence[Counted]) -> int:
    """As far up as the surge allows."""
    if new.wanted >= limits.desired:
        return limits.desired
    total = new.wanted + sum(found.wanted for found in old)
    room = limits.desired + limits.surge - total
    return min(limits.desired, new.wanted + max(0, room))


def old_sizes(limits: Limits, new: Counted, old: Sequence[Counted]) -> dict[str, int]:
    """The old sets' sizes: what does not serve goes first, then as many as may be missing."""
    total = new.wanted + sum(found.wanted for found in old)
    budget = total - limits.least_available - (new.wanted - new.available)
    sizes = {found.name: found.wanted for found in old}
    if budget <= 0:
        return sizes
    for found in old:
        sick = min(budget, found.wanted - found.available)
        if sick > 0:
            sizes[found.name] -= sick
            budget -= sick
    spare = new.available + sum(found.available for found in old) - limits.least_available
    for found in old:
        healthy = min(spare, found.available, sizes[found.name])
        if healthy > 0:
            sizes[found.name] -= healthy
            spare -= healthy
    return sizes
