"""Route templates: `orders/{tenant}/{id:int?}/{*rest}`, matched regardless of case, most literal first."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

_PARAMETER = re.compile(r"\{(\*{0,2})(\w+)((?::\w+(?:\((?:[^()]|\([^()]*\))*\))?)*)(?:=([^}]*))?(\??)\}")
_CONSTRAINT = re.compile(r":(\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?")

# Digits of the platform's inbound precedence: the smaller is tried first.
_LITERAL, _CONSTRAINED, _PLAIN, _CONSTRAINED_REST, _REST = range(1, 6)


class InvalidTemplate(Exception):
    """The route template can't be read; the text says where."""


@dataclass(frozen=True)
class _Parameter:
    name: str
    constraints: tuple[Callable[[str], bool], ...]
    default: str | None
    optional: bool

    def accepts(self, value: str) -> bool:
        return all(constraint(value) for constraint in self.constraints)


@dataclass(frozen=True)
class _Segment:
    pattern: re.Pattern[str]
    parameters: tuple[_Parameter, ...]
    rest: bool
    precedence: int

    @property
    def may_be_absent(self) -> bool:
        lone = len(self.parameters) == 1 and (self.precedence != _LITERAL)
        return lone and (self.rest or self.parameters[0].optional or self.parameters[0].default is not None)

    def match(self, text: str) -> dict[str, str] | None:
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        values = {
            parameter.name: unquote(value)
            for parameter, value in zip(self.parameters, found.groups(), strict=True)
        }
        if not all(parameter.accepts(values[parameter.name]) for parameter in self.parameters):
            return None
        return values

    def absent(self) -> dict[str, str]:
        """The values of a segment that the request left out."""
        return {each.name: each.default for each in self.parameters if each.default is not None}


class RouteTemplate:
    """One template, ready to match the raw (still encoded) path of a request."""

    def __init__(self, template: str) -> None:
        self.template = template
        self._segments = tuple(_segment(part) for part in _split(template))
        for segment in self._segments[:-1]:
            if segment.rest:
                raise InvalidTemplate(f"'{template}': a catch-all parameter must come last")
        self.precedence = tuple(segment.precedence for segment in self._segments)

    def match(self, raw_path: str) -> dict[str, str] | None:
        """The route values, decoded, or None. An encoded slash stays inside its segment."""
        parts = [part for part in raw_path.strip("/").split("/") if part]
        values: dict[str, str] = {}
        for index, segment in enumerate(self._segments):
            if segment.rest and index < len(parts):
                values |= segment.match("/".join(parts[index:])) or {}
                return values
            if index >= len(parts):
                if not segment.may_be_absent:
                    return None
                values |= segment.absent()
                continue
            found = segment.match(parts[index])
            if found is None:
                return None
            values |= found
        return values if len(parts) <= len(self._segments) else None


class RouteTable[T]:
    """Templates with what they lead to; `find` answers the most literal match for the method."""

    def __init__(self, routes: Iterable[tuple[str, frozenset[str], T]]) -> None:
        ready = [(RouteTemplate(template), methods, target) for template, methods, target in routes]
        self._routes = sorted(ready, key=lambda route: (route[0].precedence, route[0].template.lower()))

    def find(self, method: str, raw_path: str) -> tuple[T, dict[str, str]] | None:
        """The target and its route values; None when no route takes this path with this method."""
        for template, methods, target in self._routes:
            if methods and method.upper() not in methods:
                continue
            values = template.match(raw_path)
            if values is not None:
                return target, values
        return None


def _split(template: str) -> list[str]:
    parts: list[str] = []
    depth, current = 0, ""
    for character in template.strip("/"):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part for part in [*parts, current] if part]


def _segment(text: str) -> _Segment:
    pattern, parameters, position, rest = "", [], 0, False
    for found in _PARAMETER.finditer(text):
        pattern += _literal(text[position : found.start()])
        star, name, constraints, default, optional = found.groups()
        rest = rest or bool(star)
        parameters.append(
            _Parameter(
                name,
                tuple(_constraint(*each) for each in _CONSTRAINT.findall(constraints)),
                default,
                bool(optional),
            )
        )
        pattern += "(.*)" if star else "([^/]+?)"
        position = found.end()
    pattern += _literal(text[position:])
    lone = len(parameters) == 1 and text.startswith("{") and position == len(text)
    if rest and not lone:
        raise InvalidTemplate(f"'{text}': a catch-all parameter must be a whole segment")
    constrained = any(parameter.constraints for parameter in parameters)
    if not parameters:
        precedence = _LITERAL
    elif rest:
        precedence = _CONSTRAINED_REST if constrained else _REST
    else:
        precedence = _CONSTRAINED if constrained or not lone else _PLAIN
    return _Segment(re.compile(pattern, re.IGNORECASE | re.DOTALL), tuple(parameters), rest, precedence)


def _literal(text: str) -> str:
    if "{" in text or "}" in text:
        raise InvalidTemplate(f"'{text}': unreadable parameter")
    return re.escape(text)


def _is_date(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_NUMBER = r"-?\d+(\.\d+)?"
_PATTERNS = {
    "alpha": r"[A-Za-z]*",
    "bool": r"(?i:true|false)",
    "decimal": _NUMBER,
    "double": _NUMBER + r"(?:[eE][+-]?\d+)?",
    "float": _NUMBER + r"(?:[eE][+-]?\d+)?",
    "guid": r"\{?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?",
}


def _integer(low: int, high: int) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(r"[+-]?[0-9]+", value) is not None and low <= int(value) <= high


def _length(low: int, high: int) -> Callable[[str], bool]:
    return lambda value: low <= len(value) <= high


def _constraint(name: str, argument: str) -> Callable[[str], bool]:
    if name in _PATTERNS:
        return _matching(re.compile(f"(?:{_PATTERNS[name]})\\Z"))
    if name == "regex":
        return _matching(re.compile(f".*?(?:{argument})", re.IGNORECASE | re.DOTALL))
    if name == "datetime":
        return _is_date
    numbers = [int(number) for number in argument.split(",")] if argument else []
    return _numeric_constraint(name, numbers)


def _matching(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.match(value) is not None


def _numeric_constraint(name: str, numbers: list[int]) -> Callable[[str], bool]:
    match name, numbers:
        case "int", []:
            return _integer(-(2**31), 2**31 - 1)
        case "long", []:
            return _integer(-(2**63), 2**63 - 1)
        case "min", [low]:
            return _integer(low, 2**63 - 1)
        case "max", [high]:
            return _integer(-(2**63), high)
        case "range", [low, high]:
            return _integer(low, high)
        case (("length" | "minlength"), [low]):
            return _length(low, low if name == "length" else 2**31)
        case "length", [low, high]:
            return _length(low, high)
        case "maxlength", [high]:
            return _length(0, high)
    raise InvalidTemplate(f"unknown constraint '{name}'")
