"""A template with its parameters: which resources it declares, in which order, and what it puts out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from infra.local.emulation.state import Json
from infra.local.resource_manager import functions
from infra.local.resource_manager.errors import invalid_template
from infra.local.resource_manager.expressions import Unresolved, evaluate

_TYPES = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "array": list,
    "object": dict,
    "secureobject": dict,
}
# Parts of a declaration that are no part of the resource.
_DECLARATION = frozenset({"dependsOn", "condition", "comments", "name", "type", "apiVersion", "scope"})


@dataclass(frozen=True)
class Declared:
    id: str
    type: str
    name: str
    api_version: str
    body: Json
    """As written: expressions are worked out when what they refer to is there."""
    depends_on: tuple[str, ...]


class Template:
    """Raises InvalidTemplate for what is wrong, or not supported here."""

    def __init__(
        self, document: Json, given: Json, group: Json, deployment: str, lookup: Callable[[str], Json | None]
    ) -> None:
        self._document = document
        self._group = group
        self._deployment = deployment
        self._lookup = lookup
        self._variables: dict[str, Any] = {}
        self._symbols: dict[str, str] = {}
        self.parameters: Json = {}
        for name, value in self._resolved(given):
            self.parameters[name] = value
        self.resources = self._in_order(list(self._declared()))

    @property
    def hash(self) -> str:
        text = json.dumps(self._document, sort_keys=True, separators=(",", ":"))
        return str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))

    def render_parameters(self) -> Json:
        """Secure values are left out."""
        declared = self._document.get("parameters") or {}
        rendered: Json = {}
        for name, value in self.parameters.items():
            kind = str(declared[name]["type"])
            secure = kind.lower().startswith("secure")
            rendered[name] = {"type": kind[:1].upper() + kind[1:], **({} if secure else {"value": value})}
        return rendered

    def body_of(self, declared: Declared, *, keep_unresolved: bool = False) -> Json:
        """The resource that a declaration asks for."""
        body: Json = evaluate(declared.body, self._call, keep_unresolved=keep_unresolved)
        return {
            "id": declared.id,
            "type": declared.type,
            "name": declared.name,
            "apiVersion": declared.api_version,
            **body,
        }

    def outputs(self) -> Json:
        declared = self._document.get("outputs") or {}
        return {
            name: {
                "type": str(output["type"])[:1].upper() + str(output["type"])[1:],
                "value": evaluate(output["value"], self._call),
            }
            for name, output in declared.items()
            if evaluate(output.get("condition", True), self._call)
        }

    def _resolved(self, given: Json) -> Iterator[tuple[str, Any]]:
        declared = self._document.get("parameters") or {}
        if unknown := sorted(set(given) - set(declared)):
            raise invalid_template(f"the template parameters '{', '.join(unknown)}' are not declared")
        for name, body in declared.items():
            if name in given:
                if not isinstance(given[name], dict) or "value" not in given[name]:
                    raise invalid_template(f"the template parameter '{name}' has no value")
                value = given[name]["value"]
            elif "defaultValue" in body:
                value = evaluate(body["defaultValue"], self._call)
            else:
                raise invalid_template(f"the value for the template parameter '{name}' is not provided")
            kind = _TYPES.get(str(body.get("type", "")).lower())
            if kind is None or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise invalid_template(f"the value of the template parameter '{name}' is of the wrong type")
            if "allowedValues" in body and value not in body["allowedValues"]:
                raise invalid_template(f"the value of the template parameter '{name}' is not allowed")
            yield name, value

    def _declared(self) -> Iterator[Declared]:
        found = self._document.get("resources") or []
        listed = list(found.items()) if isinstance(found, dict) else [(None, body) for body in found]
        for symbol, body in listed:
            if not isinstance(body, dict) or "copy" in body or "resources" in body:
                raise invalid_template("copy loops and nested resources are not supported here")
            if body.get("existing") is True or not evaluate(body.get("condition", True), self._call):
                continue
            type_ = str(body.get("type") or "")
            if type_.lower() == "microsoft.resources/deployments":
                raise invalid_template("nested deployments are not supported here")
            name, version = evaluate(body.get("name"), self._call), body.get("apiVersion")
            if not isinstance(name, str) or not isinstance(version, str) or "/" not in type_:
                raise invalid_template("a resource needs a type, a name and an apiVersion")
            declared = Declared(
                id=functions.identity(self._group["id"], type_, name),
                type=type_,
                name=name,
                api_version=version,
                body={key: value for key, value in body.items() if key not in _DECLARATION},
                depends_on=tuple(evaluate(body.get("dependsOn") or [], self._call)),
            )
            if symbol is not None:
                self._symbols[symbol] = declared.id
            yield declared

    def _in_order(self, declared: list[Declared]) -> list[Declared]:
        by_id = {resource.id.lower(): resource for resource in declared}

        def named(text: str) -> str | None:
            identity = self._symbols.get(text, text).lower()
            if identity in by_id:
                return identity
            return next((key for key, resource in by_id.items() if resource.name.lower() == identity), None)

        graph = {key: [n for d in resource.depends_on if (n := named(d))] for key, resource in by_id.items()}
        if len(by_id) != len(declared):
            raise invalid_template("a resource is defined more than once")
        try:
            return [by_id[key] for key in TopologicalSorter(graph).static_order()]
        except CycleError as error:
            raise invalid_template("circular dependency detected on resources") from error

    def _call(self, name: str, arguments: list[Any]) -> Any:
        own: dict[str, Callable[..., Any]] = {
            "parameters": self._parameter,
            "variables": self._variable,
            "resourceid": lambda *parts: functions.resource_id(self._group["id"], *parts),
            "reference": self._reference,
            "resourcegroup": lambda: self._group,
            "subscription": lambda: {
                "id": "/".join(self._group["id"].split("/")[:3]),
                "subscriptionId": self._group["id"].split("/")[2],
            },
            "deployment": lambda: {"name": self._deployment},
        }
        function = own.get(name.lower())
        if function is None:
            return functions.call(name, arguments)
        try:
            return function(*arguments)
        except (TypeError, ValueError) as error:
            raise invalid_template(f"the arguments of the function '{name}' are not valid") from error

    def _parameter(self, name: str) -> Any:
        if name not in self.parameters:
            raise invalid_template(f"the template parameter '{name}' is not found")
        return self.parameters[name]

    def _variable(self, name: str) -> Any:
        declared = self._document.get("variables") or {}
        if name not in declared:
            raise invalid_template(f"the template variable '{name}' is not found")
        if name not in self._variables:
            self._variables[name] = evaluate(declared[name], self._call)
        return self._variables[name]

    def _reference(self, resource: str, _version: str = "", full: str = "") -> Any:
        found = self._lookup(self._symbols.get(resource, resource))
        if found is None:
            raise Unresolved(resource)
        return found if full.lower() == "full" else found.get("properties") or {}
