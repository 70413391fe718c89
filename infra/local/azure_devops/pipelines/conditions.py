"""Expressions that are evaluated while a run goes on: conditions, and variables written as `$[ ... ]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.azure_devops.pipelines.expression_functions import FUNCTIONS, Function
from infra.local.azure_devops.pipelines.expression_values import Value, text, truth, value_of
from infra.local.azure_devops.pipelines.expressions import evaluate
from infra.local.azure_devops.pipelines.yaml_document import NOWHERE, from_python


@dataclass(frozen=True)
class Scope:
    """What an expression sees: variables and dependencies by name, and the functions of its place."""

    names: Mapping[str, Mapping[str, Any]]
    functions: Mapping[str, Function] = field(default_factory=dict)


def holds(condition: str, scope: Scope) -> bool:
    """Raises `ExpressionInvalid`."""
    return truth(_evaluated(condition, scope))


def evaluate_variable(value: str, scope: Scope) -> str:
    """A variable's value; only `$[ ... ]` is an expression. Raises `ExpressionInvalid`."""
    written = value.strip()
    if written.startswith("$[") and written.endswith("]"):
        return text(_evaluated(written[2:-1], scope)) or ""
    return value


def _evaluated(expression: str, scope: Scope) -> Value:
    names = {name.lower(): value_of(from_python(_folded(of), NOWHERE)) for name, of in scope.names.items()}
    return evaluate(expression, names, {**FUNCTIONS, **scope.functions})


def _folded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Names without regard to case: of two that are alike the later one is meant, as it overrides."""
    return dict({name.lower(): (name, value) for name, value in values.items()}.values())
