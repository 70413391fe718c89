"""What the expressions of a file see, and how much an expansion may still make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from infra.local.azure_devops.pipelines.expression_values import Value
from infra.local.azure_devops.pipelines.expressions import ExpressionInvalid, evaluate
from infra.local.azure_devops.pipelines.yaml_document import Members, Place, Scalar

MAXIMUM_VALUES = 50_000


@dataclass
class Budget:
    """How many values an expansion may still make: loops multiply them."""

    left: int = MAXIMUM_VALUES

    def take(self, place: Place) -> None:
        self.left -= 1
        if self.left < 0:
            raise place.invalid("The expanded pipeline is too large: maximum memory exceeded")


@dataclass(frozen=True)
class Scope:
    """What expressions of a file see. Names are in lower case; depth counts the templates around it."""

    parameters: Members
    variables: Mapping[str, Scalar]
    budget: Budget
    loops: Mapping[str, Value]
    depth: int = 0

    @cached_property
    def _names(self) -> Mapping[str, Value]:
        place = self.parameters.place
        variables = tuple((Scalar(name, place), value) for name, value in self.variables.items())
        return {**self.loops, "parameters": self.parameters, "variables": Members(variables, place)}

    def evaluate(self, expression: str, place: Place) -> Value:
        try:
            return evaluate(expression, self._names)
        except ExpressionInvalid as error:
            raise place.invalid(str(error)) from error

    def with_variables(self, found: Mapping[str, str], place: Place) -> Scope:
        added = {name.lower(): Scalar(value, place) for name, value in found.items()}
        return replace(self, variables={**self.variables, **added})
