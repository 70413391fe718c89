"""Versions in their slots."""

from domain.devops.release.arrangement import Arrangement, Candidate, SlotName


def version(number: int) -> Candidate:
    return Candidate(manifest_id=f"man-{number}", release_id=f"rel-{number}", version=f"1.{number}.0")


OLD, NEW = version(1), version(2)


def live(**weights: int) -> Arrangement:
    """`live(blue=90, green=10)`: versions 1 and 2 in these slots."""
    placed = enumerate(weights.items(), start=1)
    return Arrangement(slots=tuple(version(n).at(SlotName(name), weight) for n, (name, weight) in placed))
