"""What the suites counted, for the summary at the end of the run; adds up over test processes."""

from collections import Counter

LINES: list[str] = []
COUNTS: Counter[tuple[str, str]] = Counter()


def say(line: str) -> None:
    LINES.append(line)


def count(what: str, of: str, number: int) -> None:
    """Add to a figure that many tests contribute to: `<what>: <of> <number>, ...`."""
    COUNTS[what, of] += number


def told() -> list[str]:
    """All lines, the counted ones last."""
    figures: dict[str, list[str]] = {}
    for (what, of), number in sorted(COUNTS.items()):
        figures.setdefault(what, []).append(f"{of} {number}")
    return [*LINES, *(f"{what} {', '.join(each)}" for what, each in figures.items())]
