"""Where to kill: moments of an undisturbed run, cut into relays.

A promotion is killed more than once on its way, each time a little further on: so the way to a late moment is
short, and whoever was killed before must not do twice what it had done by then either.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.end_to_end.forked_hosts import Moment

# Turns and activities come to three moments each.
_UNIT = 3


def relays(moments: Sequence[Moment], runners: int, legs: int, lot: random.Random) -> list[list[int]]:
    """For each runner the numbers at which its hosts are killed, each counted from that host's beginning.
    Every leg ends within its own part of the way, at each kind of moment there before at any for the second
    time."""
    length = len(moments)
    places = [
        _drawn(moments, range(length * leg // legs, length * (leg + 1) // legs), runners, lot)
        for leg in range(legs)
    ]
    return [list(_counted([part[runner] for part in places])) for runner in range(runners)]


def _drawn(moments: Sequence[Moment], part: range, count: int, lot: random.Random) -> list[int]:
    """Places of a part by lot: of every step before a second of any, of every kind before a second."""
    drawn: list[int] = []
    seen: Counter[tuple[str, ...]] = Counter()
    turns: list[tuple[int, int, int]] = []
    for place in lot.sample(part, len(part)):
        step, kind = (moments[place].name,), (moments[place].kind, moments[place].name)
        turns.append((seen[kind], seen[step], place))
        seen.update((step, kind))
    # Sorting keeps the order of the lot among those whose turn it is.
    in_turn = [place for *_, place in sorted(turns, key=lambda each: each[:2])]
    while len(drawn) < count:
        drawn += in_turn[: count - len(drawn)]
    return lot.sample(drawn, count)


def _counted(places: Sequence[int]) -> Iterator[int]:
    """The next host begins the unit that was cut anew, or the next one where its end had been stored."""
    begins = 0
    for place in places:
        yield max(place - begins, 0) + 1
        unit = place // _UNIT
        begins = (unit + (place % _UNIT == _UNIT - 1)) * _UNIT


def kinds(killed: Sequence[Moment]) -> Counter[str]:
    """What was killed at: the kind of moment, and of which step; a turn is of the orchestration."""
    return Counter(f"{one.kind} {one.name}" for one in killed)
