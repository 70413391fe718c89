"""A part of a YAML file as its expressions make it: directives are followed when the part is opened."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from infra.local.azure_devops.pipelines.expression_values import Value, text, truth
from infra.local.azure_devops.pipelines.model import PipelineInvalid
from infra.local.azure_devops.pipelines.scope import Scope
from infra.local.azure_devops.pipelines.yaml_document import Items, Members, Place, Scalar, Token

_EXPRESSION = re.compile(r"\$\{\{((?:[^'}]|'[^']*'|\}(?!\}))*)\}\}")
_DIRECTIVE = re.compile(r"(if|elseif|else|each|insert)\b\s*(.*)", re.DOTALL)
_EACH = re.compile(r"([A-Za-z_]\w*)\s+in\s+(.+)", re.DOTALL)


@dataclass(frozen=True)
class View:
    """A token and what its expressions see; a literal one has none left."""

    token: Token
    scope: Scope
    literal: bool = False

    @property
    def place(self) -> Place:
        return self.token.place

    def invalid(self, message: str) -> PipelineInvalid:
        return self.place.invalid(message)

    def opened(self) -> View:
        """The same, with a scalar evaluated: what a lone expression yields may be of any kind."""
        if self.literal or not isinstance(self.token, Scalar):
            return self
        return View(_scalar(self.token, self.scope), self.scope, literal=True)

    def is_empty(self) -> bool:
        token = self.opened().token
        return isinstance(token, Scalar) and text(token.value) == ""

    def text(self) -> str:
        token = self.opened().token
        if isinstance(token, Scalar):
            return text(token.value) or ""
        raise self.invalid(f"A {'mapping' if isinstance(token, Members) else 'sequence'} was not expected")

    def items(self) -> list[View]:
        view = self.opened()
        if not isinstance(view.token, Items):
            raise self.invalid("Expected a sequence")
        return list(_items(view.token, view))

    def members(self) -> list[tuple[Scalar, View]]:
        view = self.opened()
        if not isinstance(view.token, Members):
            raise self.invalid("Expected a mapping")
        found = list(_members(view.token, view))
        seen: set[str] = set()
        for key, _ in found:
            if str(key.value) in seen:
                raise key.place.invalid(f"'{key.value}' is already defined")
            seen.add(str(key.value))
        return found

    def fields(self, allowed: Collection[str]) -> dict[str, View]:
        """Members by name; a name that is not allowed is refused."""
        found = self.members()
        for key, _ in found:
            if key.value not in allowed:
                raise key.place.invalid(f"Unexpected value '{key.value}'")
        return {str(key.value): view for key, view in found}

    def resolve(self) -> Token:
        """All of it, with no expression left."""
        view = self.opened()
        if isinstance(view.token, Items):
            return Items(tuple(item.resolve() for item in view.items()), view.place)
        if isinstance(view.token, Members):
            return Members(tuple((key, found.resolve()) for key, found in view.members()), view.place)
        return view.token


def _scalar(token: Scalar, scope: Scope) -> Token:
    if not isinstance(token.value, str) or "${{" not in token.value:
        return token
    written, parts, end = token.value, [], 0
    for found in _EXPRESSION.finditer(written):
        if "${{" in written[end : found.start()]:
            break
        value = scope.evaluate(found[1], token.place)
        if found[0] == written.strip():
            return value if isinstance(value, Items | Members) else Scalar(value, token.place)
        words = text(value)
        if words is None:
            raise token.place.invalid("Unable to convert from Object to String")
        parts += [written[end : found.start()], words]
        end = found.end()
    if "${{" in written[end:]:
        raise token.place.invalid(
            "The expression is not closed. An unescaped ${{ sequence was found, "
            "but the closing }} sequence was not found."
        )
    return Scalar("".join(parts) + written[end:], token.place)


class _Chain:
    """Where an if with its elseif and else stands."""

    def __init__(self) -> None:
        self._open = False
        self._done = False

    def chosen(self, word: str, expression: str, place: Place, scope: Scope) -> bool:
        if word == "if":
            self._open, self._done = True, False
        elif not self._open:
            raise place.invalid(f"The directive '{word}' must follow 'if'")
        if word == "else":
            self._open = False
            return not self._done
        holds = not self._done and truth(scope.evaluate(expression, place))
        self._done = self._done or holds
        return holds

    def close(self) -> None:
        self._open = False


def _directive(key: Scalar, view: View) -> tuple[str, str] | None:
    if view.literal or not isinstance(key.value, str):
        return None
    whole = _EXPRESSION.fullmatch(key.value.strip())
    found = _DIRECTIVE.fullmatch(whole[1].strip()) if whole else None
    return (found[1], found[2].strip()) if found else None


def _branches(key: Scalar, directive: tuple[str, str], value: Token, view: View, chain: _Chain) -> list[View]:
    """The views of a directive's value: none, one, or one for each turn of a loop."""
    word, expression = directive
    if word == "insert":
        chain.close()
        return [View(value, view.scope)]
    if word != "each":
        chosen = chain.chosen(word, expression, key.place, view.scope)
        return [View(value, view.scope)] if chosen else []
    chain.close()
    parts = _EACH.fullmatch(expression)
    if parts is None:
        raise key.place.invalid(f"The directive 'each' is not valid: {expression}")
    name, over = parts[1].lower(), view.scope.evaluate(parts[2], key.place)
    turns: list[Value] = []
    if isinstance(over, Items):
        turns = [token.value if isinstance(token, Scalar) else token for token in over.values]
    elif isinstance(over, Members):
        turns = [
            Members(((Scalar("key", key.place), found), (Scalar("value", key.place), token)), key.place)
            for found, token in over.pairs
        ]
    elif over is not None and over != "":
        raise key.place.invalid(f"Expected a sequence or mapping to loop over: {parts[2]}")
    scopes = [replace(view.scope, loops={**view.scope.loops, name: turn}) for turn in turns]
    return [View(value, scope) for scope in scopes]


def _members(token: Members, view: View) -> Iterator[tuple[Scalar, View]]:
    chain = _Chain()
    for key, value in token.pairs:
        view.scope.budget.take(key.place)
        directive = _directive(key, view)
        if directive is None:
            chain.close()
            name = Scalar(View(key, view.scope, view.literal).text(), key.place)
            yield name, View(value, view.scope, view.literal)
            continue
        for branch in _branches(key, directive, value, view, chain):
            if not branch.is_empty():
                yield from branch.members()


def _items(token: Items, view: View) -> Iterator[View]:
    chain = _Chain()
    for value in token.values:
        view.scope.budget.take(value.place)
        directive = None
        if isinstance(value, Members) and len(value.pairs) == 1:
            directive = _directive(value.pairs[0][0], view)
        if directive is None or not isinstance(value, Members):
            chain.close()
            yield from _spliced(View(value, view.scope, view.literal))
            continue
        key, below = value.pairs[0]
        for branch in _branches(key, directive, below, view, chain):
            opened = branch.opened()
            if isinstance(opened.token, Items):
                yield from opened.items()
            elif not opened.is_empty():
                yield opened


def _spliced(view: View) -> Iterator[View]:
    """An item; a lone expression that yields a sequence stands for its items."""
    opened = view.opened() if isinstance(view.token, Scalar) else view
    if opened is not view and isinstance(opened.token, Items) and not view.literal:
        yield from opened.items()
    else:
        yield opened
