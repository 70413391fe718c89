"""Parameters of pipelines and templates: declared with a type, refused where a given value does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.local.azure_devops.pipelines.expression_values import text
from infra.local.azure_devops.pipelines.model import PipelineInvalid
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Items, Members, Place, Scalar, Token

_SEQUENCES = frozenset({"stepList", "jobList", "deploymentList", "stageList", "stringList"})
_MAPPINGS = frozenset({"step", "job", "deployment", "stage"})
_TYPES = frozenset({"string", "number", "boolean", "object"}) | _SEQUENCES | _MAPPINGS
_KEYS = ("name", "displayName", "type", "default", "values")


@dataclass(frozen=True)
class Declared:
    name: str
    type: str
    place: Place
    default: Token | None
    values: tuple[Token, ...]


def declared_parameters(view: View | None) -> list[Declared]:
    """Both forms: the list with types, and the mapping of names to defaults of templates."""
    if view is None or view.is_empty():
        return []
    if isinstance(view.opened().token, Members):
        return [
            Declared(str(key.value), "object", key.place, found.resolve(), ())
            for key, found in view.members()
        ]
    declared: list[Declared] = []
    for item in view.items():
        fields = item.fields(_KEYS)
        if "name" not in fields:
            raise item.invalid("Expected the property 'name' of the parameter")
        name = fields["name"].text()
        if any(other.name.lower() == name.lower() for other in declared):
            raise item.invalid(f"The parameter '{name}' is already defined")
        declared.append(_declared(name, item.place, fields))
    return declared


def _declared(name: str, place: Place, fields: Mapping[str, View]) -> Declared:
    kind = fields["type"].text() if "type" in fields else "string"
    if kind not in _TYPES:
        raise fields["type"].invalid(f"Unexpected value '{kind}'")
    values = tuple(item.resolve() for item in fields["values"].items()) if "values" in fields else ()
    default = fields["default"].resolve() if "default" in fields else None
    return Declared(name, kind, place, default, values)


def bind(
    declared: list[Declared], given: Mapping[str, Token], place: Place, unexpected: Mapping[str, Place]
) -> Members:
    """The value of every declared parameter; `place` is where the values were given."""
    known = {parameter.name.lower() for parameter in declared}
    for name in given:
        if name.lower() not in known:
            raise unexpected.get(name, place).invalid(f"Unexpected parameter '{name}'")
    lower = {name.lower(): token for name, token in given.items()}
    pairs: list[tuple[Scalar, Token]] = []
    for parameter in declared:
        token = lower.get(parameter.name.lower(), parameter.default)
        if token is None:
            raise place.invalid(f"A value for the '{parameter.name}' parameter must be provided.")
        value = _checked(parameter, token)
        if parameter.values and not any(_same(value, _checked(parameter, one)) for one in parameter.values):
            allowed = ", ".join(f"'{_shown(one)}'" for one in parameter.values)
            raise token.place.invalid(
                f"The '{parameter.name}' parameter value '{_shown(value)}' is not a valid value. "
                f"Allowed values: {allowed}"
            )
        pairs.append((Scalar(parameter.name, parameter.place), value))
    return Members(tuple(pairs), place)


def _checked(parameter: Declared, token: Token) -> Token:
    kind = parameter.type
    if kind == "object":
        return _with_booleans(token)
    if kind in _SEQUENCES:
        if isinstance(token, Items):
            return token
        if isinstance(token, Scalar) and text(token.value) == "":
            return Items((), token.place)
        raise token.place.invalid(
            f"The '{parameter.name}' parameter is not a valid {kind[0].upper()}{kind[1:]}."
        )
    if kind in _MAPPINGS:
        if isinstance(token, Members):
            return token
        raise token.place.invalid(f"The '{parameter.name}' parameter is not a valid {kind.capitalize()}.")
    if not isinstance(token, Scalar):
        raise token.place.invalid(f"The '{parameter.name}' parameter is not a valid {kind.capitalize()}.")
    return _checked_scalar(parameter, token)


def _checked_scalar(parameter: Declared, token: Scalar) -> Scalar:
    words = text(token.value) or ""
    if parameter.type == "string":
        return Scalar(words, token.place)
    if parameter.type == "boolean":
        if words.lower() in ("true", "false"):
            return Scalar(words.lower() == "true", token.place)
        raise _not_valid(parameter, token, words, "Boolean")
    try:
        return Scalar(float(words), token.place)
    except ValueError:
        raise _not_valid(parameter, token, words, "Number") from None


def _not_valid(parameter: Declared, token: Token, words: str, kind: str) -> PipelineInvalid:
    return token.place.invalid(f"The '{parameter.name}' parameter value '{words}' is not a valid {kind}.")


def _with_booleans(token: Token) -> Token:
    """In an object an unquoted true or false is a boolean."""
    if isinstance(token, Items):
        return Items(tuple(_with_booleans(value) for value in token.values), token.place)
    if isinstance(token, Members):
        return Members(tuple((key, _with_booleans(value)) for key, value in token.pairs), token.place)
    if token.plain and str(token.value).lower() in ("true", "false"):
        return Scalar(str(token.value).lower() == "true", token.place)
    return token


def _same(left: Token, right: Token) -> bool:
    return isinstance(left, Scalar) and isinstance(right, Scalar) and left.value == right.value


def _shown(token: Token) -> str:
    return (text(token.value) or "") if isinstance(token, Scalar) else "(object)"
