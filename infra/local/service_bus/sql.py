"""A recursive-descent parser of the SQL filters and rule actions of Service Bus; the result is closures."""

from collections.abc import Callable
from typing import Any

from infra.local.service_bus import sql_values as values
from infra.local.service_bus.amqp_types import Long
from infra.local.service_bus.content import Content
from infra.local.service_bus.sql_tokens import SqlError, Token, tokenize
from infra.local.service_bus.sql_values import SYSTEM_PROPERTIES, Expression

type Action = Callable[[Content], Content]
type Edit = Callable[[Content, list[Any], dict[str, Any]], None]


def parse_filter(text: str) -> Callable[[Content], bool]:
    """A predicate on messages; SqlError, with the position, for text outside the subset."""
    parser = _Parser(text)
    expression = parser.disjunction()
    parser.expect_end()
    return lambda content: expression(content) is True


def parse_action(text: str) -> Action:
    """SET and REMOVE statements separated by semicolons; the copy that a subscription gets is changed."""
    parser = _Parser(text)
    edits = [parser.statement()]
    while parser.take("symbol", ";"):
        if parser.next.kind == "end":
            break
        edits.append(parser.statement())
    parser.expect_end()

    def apply(content: Content) -> Content:
        properties, application = list(content.properties), dict(content.application)
        for edit in edits:
            edit(content, properties, application)
        return content.replaced(properties, application)

    return apply


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._index = 0

    @property
    def next(self) -> Token:
        return self._tokens[self._index]

    def take(self, kind: str, *texts: str) -> Token | None:
        token = self.next
        if token.kind != kind or (texts and token.text not in texts):
            return None
        self._index += 1
        return token

    def expect(self, kind: str, *texts: str) -> Token:
        token = self.take(kind, *texts)
        if token is None:
            raise self._error(f"expected {' or '.join(texts) or f'a {kind}'}")
        return token

    def expect_end(self) -> None:
        if self.next.kind != "end":
            raise self._error("expected the end")

    def _error(self, problem: str) -> SqlError:
        found = repr(self.next.text) if self.next.kind != "end" else "the end"
        return SqlError(f"{problem}, found {found}", self._text, self.next.position)

    # Logic, weakest first

    def disjunction(self) -> Expression:
        left = self._conjunction()
        while self.take("keyword", "OR"):
            left = values.disjunction(left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self.take("keyword", "AND"):
            left = values.conjunction(left, self._negation())
        return left

    def _negation(self) -> Expression:
        if self.take("keyword", "NOT"):
            return values.negation(self._negation())
        return self._predicate()

    def _predicate(self) -> Expression:
        if self.take("keyword", "EXISTS"):
            self.expect("symbol", "(")
            operand = self._property()
            self.expect("symbol", ")")
            return values.negation(values.is_null(operand))
        left = self._sum()
        if operator := self.take("symbol", "=", "<>", "!=", "<", "<=", ">", ">="):
            return values.comparison(operator.text, left, self._sum())
        if self.take("keyword", "IS"):
            negated = self.take("keyword", "NOT")
            self.expect("keyword", "NULL")
            return values.negation(values.is_null(left)) if negated else values.is_null(left)
        negated = self.take("keyword", "NOT")
        if self.take("keyword", "IN"):
            result = values.membership(left, self._candidates())
        elif self.take("keyword", "LIKE"):
            result = self._like(left)
        elif negated:
            raise self._error("expected IN or LIKE")
        else:
            return left
        return values.negation(result) if negated else result

    def _candidates(self) -> list[Expression]:
        self.expect("symbol", "(")
        candidates = [self._sum()]
        while self.take("symbol", ","):
            candidates.append(self._sum())
        self.expect("symbol", ")")
        return candidates

    def _like(self, operand: Expression) -> Expression:
        pattern = self.expect("string").text
        escape = self.expect("string").text if self.take("keyword", "ESCAPE") else None
        return values.like(operand, pattern, escape)

    # Values

    def _sum(self) -> Expression:
        left = self._product()
        while operator := self.take("symbol", "+", "-"):
            left = values.arithmetic(operator.text, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while operator := self.take("symbol", "*", "/", "%"):
            left = values.arithmetic(operator.text, left, self._factor())
        return left

    def _factor(self) -> Expression:
        if self.take("symbol", "-"):
            return values.arithmetic("-", values.literal(0), self._factor())
        if self.take("symbol", "+"):
            return self._factor()
        if self.take("symbol", "("):
            inner = self.disjunction()
            self.expect("symbol", ")")
            return inner
        if number := self.take("number"):
            return values.literal(Long(number.text) if number.text.isdigit() else float(number.text))
        if string := self.take("string"):
            return values.literal(string.text)
        if boolean := self.take("keyword", "TRUE", "FALSE"):
            return values.literal(boolean.text == "TRUE")
        if self.take("keyword", "NULL"):
            return values.literal(None)
        return self._property()

    def _property(self) -> Expression:
        scope, name = self._property_name()
        return (
            values.system_property(SYSTEM_PROPERTIES[name]) if scope == "sys" else values.user_property(name)
        )

    def _property_name(self) -> tuple[str, str]:
        token = self.expect("name")
        if token.text.lower() not in ("sys", "user") or not self.take("symbol", "."):
            return "user", token.text
        name = self.expect("name")
        if token.text.lower() == "user":
            return "user", name.text
        if name.text.lower() not in SYSTEM_PROPERTIES:
            raise SqlError(f"unknown system property {name.text!r}", self._text, name.position)
        return "sys", name.text.lower()

    # Actions

    def statement(self) -> Edit:
        if self.take("keyword", "REMOVE"):
            return _assign(*self._property_name(), values.literal(None))
        self.expect("keyword", "SET")
        scope, name = self._property_name()
        self.expect("symbol", "=")
        return _assign(scope, name, self._sum())


def _assign(scope: str, name: str, expression: Expression) -> Edit:
    """Setting a property to null removes it. Expressions see the message as it was before the action."""

    def edit(content: Content, properties: list[Any], application: dict[str, Any]) -> None:
        value = expression(content)
        if scope == "sys":
            properties[SYSTEM_PROPERTIES[name]] = value
        elif value is None:
            application.pop(name, None)
        else:
            application[name] = value

    return edit
