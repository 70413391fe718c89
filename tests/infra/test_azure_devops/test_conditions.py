"""Expressions of a run that goes on: the functions of templates, and those that only a run has."""

from __future__ import annotations

import pytest

from infra.local.azure_devops.pipelines.conditions import Scope, evaluate_variable, holds
from infra.local.azure_devops.pipelines.executor_scopes import step_scope
from infra.local.azure_devops.pipelines.expressions import ExpressionInvalid
from infra.local.azure_devops.pipelines.timeline import FAILED, SUCCEEDED, WITH_ISSUES

SCOPE = Scope(
    {
        "variables": {"Build.Reason": "Manual", "level": "3", "Level": "4", "version": "1.2.3", "empty": ""},
        "stageDependencies": {"Build": {"one": {"result": "succeeded", "outputs": {"meta.tag": "V;1"}}}},
    }
)


@pytest.mark.parametrize(
    "condition",
    [
        "eq(variables['build.reason'], 'manual')",
        "eq(4, variables.level)",
        "gt(5, variables['LEVEL'])",
        "eq(stagedependencies.build.one.outputs['META.tag'], 'v;1')",
        "and(eq(stageDependencies.Build.one.result, 'Succeeded'), not(variables.absent))",
        "eq(variables.version, 1.2.3)",
        "in(variables.level, 1, '4')",
        "containsValue(stageDependencies.Build.one.outputs, 'V;1')",
        "eq(coalesce(variables.empty, variables.absent, 'it''s'), 'it''s')",
        "endsWith(split(variables.version, '.')[2], 3)",
        "eq(length(stageDependencies.Build.*.result), 1)",
    ],
)
def test_a_condition_sees_names_without_regard_to_case_and_the_last_of_two_values(condition: str) -> None:
    assert holds(condition, SCOPE) is True
    assert holds(f"not({condition})", SCOPE) is False


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("", "Unexpected end of expression"),
        ("eq(1, 1) 2", "Unexpected symbol: '2'. Located at position 10"),
        ("variables.level ! 3", "Unexpected symbol: '!'"),
        ("eq(variables.level)", "Unexpected number of arguments to function: 'eq'"),
        ("resources.pipeline", "Unrecognized value: 'resources'"),
        ("succeeded()", "Unrecognized function: 'succeeded'"),
        ("format('{1}', 'a')", "format string is invalid"),
    ],
)
def test_what_a_condition_can_not_be_is_said(condition: str, sentence: str) -> None:
    with pytest.raises(ExpressionInvalid) as raised:
        holds(condition, SCOPE)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("level", "level"),
        ("$(level)", "$(level)"),
        (" $[ variables.level ] ", "4"),
        ("$[ eq(1, 1) ]", "True"),
        ("$[ variables.absent ]", ""),
        ("$[ 2.50 ]", "2.5"),
        ("$[ format('{0}-{{x}}', variables.version) ]", "1.2.3-{x}"),
        ("$[ stageDependencies.Build ]", ""),
    ],
)
def test_only_what_is_written_as_an_expression_is_one(value: str, found: str) -> None:
    assert evaluate_variable(value, SCOPE) == found


@pytest.mark.parametrize(
    ("status", "cancelled", "true"),
    [
        (SUCCEEDED, False, {"succeeded", "succeededOrFailed", "always"}),
        (WITH_ISSUES, False, {"succeeded", "succeededOrFailed", "always"}),
        (FAILED, False, {"failed", "succeededOrFailed", "always"}),
        (FAILED, True, {"canceled", "always"}),
        (SUCCEEDED, True, {"canceled", "always"}),
    ],
)
def test_status_functions_speak_of_the_steps_before(status: str, cancelled: bool, true: set[str]) -> None:
    scope = step_scope({}, status, cancelled)
    every = ("succeeded", "failed", "succeededOrFailed", "canceled", "always")
    assert {name for name in every if holds(f"{name}()", scope)} == true
