"""YAML as the service reads it: scalars stay text, every value knows its place, anchors are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from infra.local.azure_devops.pipelines.model import PipelineInvalid

MAXIMUM_DEPTH = 100


@dataclass(frozen=True)
class SourceFile:
    """A file of a repository resource, with its path from the root."""

    alias: str
    path: str

    def __str__(self) -> str:
        return self.path if self.alias == "self" else f"{self.path}@{self.alias}"


@dataclass(frozen=True)
class Place:
    file: SourceFile
    line: int
    column: int

    def invalid(self, message: str) -> PipelineInvalid:
        return PipelineInvalid(f"{self.file} (Line: {self.line}, Col: {self.column}): {message}")


NOWHERE = Place(SourceFile("self", ""), 0, 0)
"""Of values that no file holds."""


@dataclass(frozen=True)
class Scalar:
    """Text as written; another type only if an expression or a parameter made it. Plain means unquoted."""

    value: str | bool | float | None
    place: Place
    plain: bool = False


@dataclass(frozen=True)
class Items:
    values: tuple[Token, ...]
    place: Place


@dataclass(frozen=True)
class Members:
    """Pairs, since the same directive may stand there twice."""

    pairs: tuple[tuple[Scalar, Token], ...]
    place: Place


type Token = Scalar | Items | Members


def parse(text: str, file: SourceFile) -> Token:
    """The one document of a file."""
    try:
        return _Reader(yaml.parse(text, Loader=yaml.SafeLoader), file).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = (error.problem or "The document can't be read").capitalize()
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise place.invalid(words) from error
    except yaml.YAMLError as error:
        raise Place(file, 1, 1).invalid(" ".join(str(error).split())) from error


class _Reader:
    """Builds tokens from the parser's events."""

    def __init__(self, events: Iterator[Any], file: SourceFile) -> None:
        self._events = events
        self._file = file

    def document(self) -> Token:
        root: Token | None = None
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if root is not None:
                    raise self._place(event).invalid("A file may hold one document only")
                root = self._token(event, 0)
        return root if root is not None else Scalar("", Place(self._file, 1, 1), plain=True)

    def _place(self, event: Any) -> Place:
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _token(self, event: Any, depth: int) -> Token:
        place = self._place(event)
        if depth > MAXIMUM_DEPTH:
            raise place.invalid("Maximum object depth exceeded")
        if event.anchor is not None:
            raise place.invalid(f"Anchors are not currently supported. Remove the anchor '{event.anchor}'")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, place, plain=event.style is None)
        if isinstance(event, yaml.SequenceStartEvent):
            values = []
            while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
                values.append(self._token(following, depth + 1))
            return Items(tuple(values), place)
        pairs: list[tuple[Scalar, Token]] = []
        while not isinstance(following := next(self._events), yaml.MappingEndEvent):
            key = self._token(following, depth + 1)
            if not isinstance(key, Scalar):
                raise key.place.invalid("Expected a scalar value")
            pairs.append((key, self._token(next(self._events), depth + 1)))
        return Members(tuple(pairs), place)


def from_python(value: Any, place: Place) -> Token:
    """A token for a value that came as JSON."""
    if isinstance(value, dict):
        return Members(
            tuple((Scalar(str(name), place), from_python(found, place)) for name, found in value.items()),
            place,
        )
    if isinstance(value, list | tuple):
        return Items(tuple(from_python(found, place) for found in value), place)
    if isinstance(value, bool | str) or value is None:
        return Scalar(value, place)
    return Scalar(float(value), place)


def to_python(token: Token) -> Any:
    """The plain value, for JSON; whole numbers are written without a fraction."""
    if isinstance(token, Members):
        return {str(key.value): to_python(value) for key, value in token.pairs}
    if isinstance(token, Items):
        return [to_python(value) for value in token.values]
    value = token.value
    return int(value) if isinstance(value, float) and value.is_integer() else value
