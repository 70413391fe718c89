"""Programs in Pulumi YAML: Pulumi.yaml and Pulumi.<stack>.yaml become declared resources in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

from infra.local.pulumi.errors import OperationFailed
from infra.local.pulumi.expressions import references

# Every other option would have to change what the engine does, so a program with one is refused.
_OPTIONS = frozenset({"dependsOn", "protect", "replaceOnChanges", "parent", "provider", "version"})
_BUILT_IN = "pulumi"


@dataclass(frozen=True)
class Declared:
    name: str
    type: str
    properties: dict[str, Any]
    depends_on: tuple[str, ...] = ()
    parent: str | None = None
    protect: bool = False
    replace_on_changes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Program:
    """Resources come after everything they refer to."""

    name: str
    config: dict[str, Any]
    variables: dict[str, Any]
    resources: tuple[Declared, ...]
    outputs: dict[str, Any]
    refresh: bool = False
    """Pulumi.yaml says options.refresh: always."""
    config_keys: dict[str, Any] = field(default_factory=dict)
    """The configuration under its full keys, as an update records it."""


def read_program(project_file: str, stack_file: str | None, project: str) -> Program:
    """Raises OperationFailed for what is wrong, or not supported here."""
    document = _mapping(_load(project_file, "Pulumi.yaml"), "Pulumi.yaml")
    name = str(document.get("name") or "")
    if name != project:
        raise OperationFailed(f"the project name in Pulumi.yaml is {name!r}, the stack's is {project!r}")
    runtime = document.get("runtime")
    kind = runtime.get("name") if isinstance(runtime, dict) else runtime
    if kind != "yaml":
        raise OperationFailed(f"the runtime {kind!r} is not supported by this local service, only 'yaml'")
    config = _config(document, stack_file, project)
    variables = _mapping(document.get("variables"), "variables")
    declared = [
        _declared(str(key), _mapping(body, f"resource {key}"))
        for key, body in _mapping(document.get("resources"), "resources").items()
    ]
    return Program(
        name=name,
        config={key.removeprefix(f"{project}:"): value for key, value in config.items()},
        variables=variables,
        resources=tuple(_in_order(declared, variables)),
        outputs=_mapping(document.get("outputs"), "outputs"),
        refresh=_mapping(document.get("options"), "options").get("refresh") == "always",
        config_keys=config,
    )


def _declared(name: str, body: dict[str, Any]) -> Declared:
    options = _mapping(body.get("options"), f"options of {name}")
    if unknown := sorted(set(options) - _OPTIONS):
        raise OperationFailed(f"resource {name}: options {', '.join(unknown)} are not supported here")
    kind = body.get("type")
    if not isinstance(kind, str) or not kind:
        raise OperationFailed(f"resource {name} has no type")
    depends_on = options.get("dependsOn") or []
    return Declared(
        name=name,
        type=kind,
        properties=_mapping(body.get("properties"), f"properties of {name}"),
        depends_on=tuple(references(depends_on)),
        parent=next(references(options.get("parent")), None),
        protect=options.get("protect") is True,
        replace_on_changes=frozenset(str(path) for path in options.get("replaceOnChanges") or []),
    )


def _in_order(declared: list[Declared], variables: dict[str, Any]) -> Iterable[Declared]:
    by_name = {resource.name: resource for resource in declared}
    through = {name: set(references(value)) for name, value in variables.items()}

    def needed(names: Iterable[str], seen: frozenset[str] = frozenset()) -> set[str]:
        found: set[str] = set()
        for name in names:
            if name in by_name:
                found.add(name)
            elif name in through and name not in seen:
                found |= needed(through[name], seen | {name})
        return found

    graph = {
        resource.name: needed(
            [
                *references(resource.properties),
                *resource.depends_on,
                *([resource.parent] if resource.parent else []),
            ]
        )
        for resource in declared
    }
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise OperationFailed(f"circular dependency of {' -> '.join(error.args[1])}") from error


def _config(document: dict[str, Any], stack_file: str | None, project: str) -> dict[str, Any]:
    """Defaults of the project under the values of the stack, keyed namespace:name."""
    given: dict[str, Any] = {}
    if stack_file is not None:
        body = _mapping(_load(stack_file, "the stack's configuration"), "the stack's configuration")
        given = {_full(str(k), project): v for k, v in _mapping(body.get("config"), "config").items()}
    for key, value in given.items():
        if isinstance(value, dict) and set(value) == {"secure"}:
            raise OperationFailed(f"the configuration {key} is encrypted, which is not supported here")
    for key, body in _mapping(document.get("config"), "config").items():
        full = _full(str(key), project)
        declared = isinstance(body, dict)
        if full in given:
            continue
        if not declared:
            given[full] = body
        elif "default" in body or "value" in body:
            given[full] = body.get("value", body.get("default"))
        else:
            raise OperationFailed(f"Missing required configuration variable '{full}'")
    return given


def _full(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _load(text: str, what: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise OperationFailed(f"{what} is not valid YAML: {error}") from error


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise OperationFailed(f"{what} must be a mapping")
    return value
