"""Ways to break a payload, derived from the model's JSON schema: wrong type, missing, null."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain.kernel.values import Model

type Schema = dict[str, Any]
type Path = tuple[str | int, ...]

MISSING = object()

# One value of each JSON type. A bool is no probe for a number and a number none for a bool: the reader is
# lenient about 0, 1 and numerals in strings, so the probes are values that no leniency covers.
_PROBES: dict[str, object] = {
    "null": None,
    "object": {"unexpected": {}},
    "array": [["unexpected"]],
    "string": "~ not of the right type ~",
    "number": 12.5,
}


@dataclass(frozen=True)
class Mutation:
    """The value to put at a path of the payload; `MISSING` takes the field away."""

    path: Path
    value: object

    @property
    def field(self) -> str:
        """As `Invalid` names it."""
        return ".".join(("payload", *(str(part) for part in self.path)))

    def applied_to(self, payload: dict[str, Any]) -> dict[str, Any]:
        target: Any = payload
        for part in self.path[:-1]:
            target = target[part]
        if self.value is MISSING:
            del target[self.path[-1]]
        else:
            target[self.path[-1]] = self.value
        return payload


def mutations(model: type[Model], payload: dict[str, Any]) -> Iterator[Mutation]:
    """Every way to break every field that the payload has, in nested objects and arrays too."""
    schema = model.model_json_schema(by_alias=True)
    yield from _of_object(schema, schema.get("$defs", {}), payload, ())


def _of_object(schema: Schema, defs: Schema, value: dict[str, Any], at: Path) -> Iterator[Mutation]:
    required = schema.get("required", ())
    for name, of_field in schema["properties"].items():
        path = (*at, name)
        if name in required:
            yield Mutation(path, MISSING)
        yield from _of_value(of_field, defs, value.get(name), path)


def _of_value(schema: Schema, defs: Schema, value: object, at: Path) -> Iterator[Mutation]:
    variants = [_resolved(variant, defs) for variant in schema.get("anyOf", [schema])]
    allowed = {_json_type(variant) for variant in variants}
    for name, probe in _PROBES.items():
        if name not in allowed:
            yield Mutation(at, probe)
    for variant in variants:
        # What is inside is broken too: each wrong enum value, each member, the first item.
        if "enum" in variant:
            yield Mutation(at, "~ not a member ~")
        if isinstance(value, dict) and "properties" in variant:
            yield from _of_object(variant, defs, value, at)
        if isinstance(value, list) and value and "items" in variant:
            yield from _of_value(variant["items"], defs, value[0], (*at, 0))


def _resolved(schema: Schema, defs: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    resolved: Schema = defs[reference.rpartition("/")[2]]
    return resolved


def _json_type(schema: Schema) -> str:
    name: str = schema["type"]
    # A whole number must refuse 12.5, so "number" stays a probe for it.
    return "boolean" if name in ("integer", "boolean") else name
