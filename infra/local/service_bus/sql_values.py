"""SQL's three-valued logic over message properties: None is 'unknown', which a filter treats as no match."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from infra.local.service_bus import content as section
from infra.local.service_bus.content import Content

type Expression = Callable[[Content], Any]

# sys. properties by lower-case name: position in the message's properties list.
SYSTEM_PROPERTIES: dict[str, int] = {
    "messageid": section.MESSAGE_ID,
    "to": section.TO,
    "label": section.SUBJECT,
    "subject": section.SUBJECT,
    "replyto": section.REPLY_TO,
    "correlationid": section.CORRELATION_ID,
    "contenttype": section.CONTENT_TYPE,
    "sessionid": section.GROUP_ID,
    "replytosessionid": section.REPLY_TO_GROUP_ID,
}


def literal(value: Any) -> Expression:
    return lambda _content: value


def user_property(name: str) -> Expression:
    return lambda content: content.application.get(name)


def system_property(position: int) -> Expression:
    return lambda content: content.properties[position]


def conjunction(left: Expression, right: Expression) -> Expression:
    def evaluate(content: Content) -> bool | None:
        first = _truth(left(content))
        if first is False:
            return False
        second = _truth(right(content))
        if second is False:
            return False
        return True if first and second else None

    return evaluate


def disjunction(left: Expression, right: Expression) -> Expression:
    def evaluate(content: Content) -> bool | None:
        first = _truth(left(content))
        if first is True:
            return True
        second = _truth(right(content))
        if second is True:
            return True
        return None if first is None or second is None else False

    return evaluate


def negation(operand: Expression) -> Expression:
    def evaluate(content: Content) -> bool | None:
        value = _truth(operand(content))
        return None if value is None else not value

    return evaluate


def comparison(operator: str, left: Expression, right: Expression) -> Expression:
    decide = _COMPARISONS[operator]

    def evaluate(content: Content) -> bool | None:
        first, second = left(content), right(content)
        return decide(first, second) if _comparable(first, second) else None

    return evaluate


def membership(operand: Expression, candidates: list[Expression]) -> Expression:
    """IN: unknown when nothing matches but something could not be compared."""

    def evaluate(content: Content) -> bool | None:
        value = operand(content)
        answer: bool | None = False
        for candidate in candidates:
            other = candidate(content)
            if not _comparable(value, other):
                answer = None
            elif value == other:
                return True
        return answer

    return evaluate


def like(operand: Expression, pattern: str, escape: str | None) -> Expression:
    expression = re.compile(_like_pattern(pattern, escape), re.DOTALL)

    def evaluate(content: Content) -> bool | None:
        value = operand(content)
        return expression.fullmatch(value) is not None if isinstance(value, str) else None

    return evaluate


def is_null(operand: Expression) -> Expression:
    return lambda content: operand(content) is None


def arithmetic(operator: str, left: Expression, right: Expression) -> Expression:
    compute = _ARITHMETIC[operator]

    def evaluate(content: Content) -> Any:
        first, second = left(content), right(content)
        if operator == "+" and isinstance(first, str) and isinstance(second, str):
            return str(first) + str(second)
        if not (_number(first) and _number(second)) or (operator in "/%" and second == 0):
            return None
        return compute(first, second)

    return evaluate


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _comparable(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return False
    if _number(first) or _number(second):
        return _number(first) and _number(second)
    for kind in (bool, str, bytes, datetime):
        if isinstance(first, kind):
            return isinstance(second, kind)
    return type(first) is type(second)


def _divide(first: float, second: float) -> float:
    if isinstance(first, int) and isinstance(second, int):
        # SQL truncates towards zero, Python's // rounds down.
        quotient = abs(first) // abs(second)
        return quotient if (first < 0) == (second < 0) else -quotient
    return first / second


def _remainder(first: float, second: float) -> float:
    return first - second * int(first / second)


def _like_pattern(pattern: str, escape: str | None) -> str:
    parts = []
    characters = iter(pattern)
    for character in characters:
        if escape and character == escape:
            parts.append(re.escape(next(characters, "")))
        elif character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        else:
            parts.append(re.escape(character))
    return "".join(parts)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda first, second: bool(first == second),
    "<>": lambda first, second: bool(first != second),
    "!=": lambda first, second: bool(first != second),
    "<": lambda first, second: bool(first < second),
    "<=": lambda first, second: bool(first <= second),
    ">": lambda first, second: bool(first > second),
    ">=": lambda first, second: bool(first >= second),
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda first, second: first + second,
    "-": lambda first, second: first - second,
    "*": lambda first, second: first * second,
    "/": _divide,
    "%": _remainder,
}
