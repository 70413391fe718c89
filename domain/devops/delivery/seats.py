"""Seats that distinct persons fill: how many at most, whoever came first."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

type _Node = tuple[str, str]

_SOURCE, _SINK = ("source", ""), ("sink", "")


@dataclass(frozen=True)
class Claim:
    """One person gives one voice, their own or that of whom they stand for. The voice is known to be in these
    groups, and in those that other claims know it to be in."""

    person: str
    voice: str
    groups: frozenset[str]


def filled(claims: Iterable[Claim], seats: Mapping[str, int]) -> int:
    """How many of the groups' seats can be filled at most, where nobody fills two: neither as the person
    who gives a voice nor as the voice that is given. The order of the claims does not matter."""
    # A maximum flow: source -> person -> voice -> group -> sink. Persons and voices let one through; the
    # numbers are small (a release has a handful of decisions), so paths are sought one by one.
    spare: dict[_Node, dict[_Node, int]] = defaultdict(lambda: defaultdict(int))
    for claim in claims:
        person, voice, given = ("person", claim.person), ("voice", claim.voice), ("given", claim.voice)
        spare[_SOURCE][person] = spare[person][voice] = spare[voice][given] = 1
        for group in claim.groups & seats.keys():
            spare[given]["group", group] = 1
    for group, count in seats.items():
        spare["group", group][_SINK] = count
    flow = 0
    while _push(spare, _SOURCE, set()):
        flow += 1
    return flow


def _push(spare: dict[_Node, dict[_Node, int]], node: _Node, seen: set[_Node]) -> bool:
    """Let one more through from here to the sink, moving whom that takes; False where none fits."""
    if node == _SINK:
        return True
    seen.add(node)
    for onward, room in list(spare[node].items()):
        if room > 0 and onward not in seen and _push(spare, onward, seen):
            spare[node][onward] -= 1
            spare[onward][node] += 1
            return True
    return False
