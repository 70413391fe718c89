"""NuGet versions: SemVer 2 with an optional fourth number, written in one normal form."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"(\d+(?:\.\d+){{0,3}})(?:-({_LABELS}))?(?:\+({_LABELS}))?", re.ASCII)
_LARGEST = 2**31 - 1


class InvalidVersion(ValueError):
    """Not a version that a feed takes."""


@dataclass(frozen=True)
class Version:
    numbers: tuple[int, int, int, int]
    labels: tuple[str, ...] = ()
    metadata: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Missing numbers are zero; raises `InvalidVersion`."""
        found = _VERSION.fullmatch(text.strip())
        if found is None:
            raise InvalidVersion(f"'{text}' is not a valid version string.")
        given = [int(number) for number in found[1].split(".")]
        if max(given) > _LARGEST:
            raise InvalidVersion(f"A number of version '{text}' is too large.")
        major, minor, patch, revision = given + [0] * (4 - len(given))
        labels = tuple(found[2].split(".")) if found[2] else ()
        return cls((major, minor, patch, revision), labels, found[3] or "")

    @property
    def normalized(self) -> str:
        """Without leading zeros, a fourth number that is zero, and build metadata."""
        shown = self.numbers if self.numbers[3] else self.numbers[:3]
        return ".".join(str(number) for number in shown) + "".join(
            f"{'.' if index else '-'}{label}" for index, label in enumerate(self.labels)
        )

    @property
    def full(self) -> str:
        return f"{self.normalized}+{self.metadata}" if self.metadata else self.normalized

    @property
    def key(self) -> str:
        """Equal for versions that a feed takes for the same one."""
        return self.normalized.lower()

    @property
    def is_prerelease(self) -> bool:
        return bool(self.labels)

    @property
    def precedence(self) -> tuple[object, ...]:
        """Sorts as SemVer 2 does, labels without regard to case."""
        labels = tuple(
            (0, int(label), "") if label.isdecimal() else (1, 0, label.lower()) for label in self.labels
        )
        return (self.numbers, not self.labels, labels)
