"""The grammar of repository names, tags and digests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from infra.local.container_registry.errors import digest_invalid, name_invalid

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_LONGEST_NAME = 255
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"(sha256):([a-f0-9]{64})|(sha512):([a-f0-9]{128})")


@dataclass(frozen=True)
class Digest:
    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Raises DIGEST_INVALID for what is malformed or of another algorithm."""
        found = _DIGEST.fullmatch(text)
        if found is None:
            raise digest_invalid(text)
        return cls(found[1] or found[3], found[2] or found[4])

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    @classmethod
    def of_file(cls, path: Path, algorithm: str) -> Digest:
        with path.open("rb") as file:
            return cls(algorithm, hashlib.file_digest(file, algorithm).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"


def checked_repository(name: str) -> str:
    """Raises NAME_INVALID."""
    if len(name) > _LONGEST_NAME or not _REPOSITORY.fullmatch(name):
        raise name_invalid(name)
    return name


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """A tag has no colon, so a reference with one is meant as a digest."""
    return ":" in text
