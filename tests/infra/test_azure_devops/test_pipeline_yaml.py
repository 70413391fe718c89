"""YAML of pipelines: parameters, expressions, structure."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.infra.test_azure_devops.client import Running
from tests.infra.test_azure_devops.pipeline_ground import Preview

FILE = "/azure-pipelines.yml"


@pytest_asyncio.fixture(scope="module")
async def preview(server: Running) -> Preview:
    return await Preview.create(await server.project(), {})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("eq('Main', 'main')", "True"),
        ("eq(7, '7')", "True"),
        ("eq('', null)", "True"),
        ("ne('a', 'b')", "True"),
        ("and(true, 1, 'x')", "True"),
        ("or(false, 0, '')", "False"),
        ("not(eq(1, 2))", "True"),
        ("in('b', 'a', 'B')", "True"),
        ("notIn('c', 'a', 'b')", "True"),
        ("contains('release/1', 'LEASE')", "True"),
        ("startsWith('release/1', 'Release')", "True"),
        ("endsWith('release/1', '/1')", "True"),
        ("format('{0}-{1}-{{2}}', 'a', 2)", "a-2-{2}"),
        ("join(', ', parameters.list)", "one, two"),
        ("coalesce('', null, 'third')", "third"),
        ("lower('ABC')", "abc"),
        ("upper('abc')", "ABC"),
        ("replace('a.b.c', '.', '')", "abc"),
        ("length(parameters.list)", "2"),
        ("length('four')", "4"),
        ("parameters.object.inner['name']", "it's"),
        ("parameters.list[1]", "two"),
        ("join('+', parameters.people.*.name)", "ann+bob"),
        ("parameters.missing", ""),
        ("variables['Build.SourceBranchName']", "main"),
        ("'it''s'", "it's"),
        ("convertToJson(parameters.object)", '{\n  "inner": {\n    "name": "it\'s",\n    "on": true\n  }\n}'),
    ],
)
async def test_an_expression_has_the_value_that_the_service_gives_it(
    preview: Preview, expression: str, value: str
) -> None:
    text = f"""
parameters:
- name: list
  type: object
  default: [one, two]
- name: people
  type: object
  default: [{{name: ann}}, {{name: bob}}]
- name: object
  type: object
  default: {{inner: {{name: "it's", on: true}}}}
steps:
- bash: '[${{{{ {expression.replace("'", "''")} }}}}]'
"""
    assert await preview.scripts(text) == [f"[{value}]"]


async def test_if_else_and_each_choose_and_repeat_steps_and_keys(preview: Preview) -> None:
    text = """
parameters:
- name: env
  values: [dev, test, prod]
- name: regions
  type: object
  default: {eu: [a, b], us: [c]}
steps:
- ${{ if eq(parameters.env, 'dev') }}:
  - bash: dev
- ${{ elseif eq(parameters.env, 'test') }}:
  - bash: test
- ${{ else }}:
  - bash: other
- ${{ each region in parameters.regions }}:
  - ${{ each zone in region.value }}:
    - bash: ${{ region.key }}-${{ zone }}
- bash: last
  ${{ if eq(parameters.env, 'prod') }}:
    displayName: careful
  ${{ else }}:
    displayName: quick
"""
    for env, word, title in (
        ("dev", "dev", "quick"),
        ("test", "test", "quick"),
        ("prod", "other", "careful"),
    ):
        assert await preview.scripts(text, env=env) == [word, "eu-a", "eu-b", "us-c", "last"]
        steps = (await preview.final(text, env=env))["stages"][0]["jobs"][0]["steps"]
        assert steps[-1]["displayName"] == title


TYPED = """
parameters:
- name: word
  type: string
  default: a
  values: [a, b]
- name: count
  type: number
  default: 1
- name: fast
  type: boolean
  default: false
steps:
- bash: ${{ parameters.word }} ${{ parameters.count }} ${{ parameters.fast }}
"""


async def test_parameters_take_their_types_from_json_and_from_text(preview: Preview) -> None:
    assert await preview.scripts(TYPED) == ["a 1 False"]
    assert await preview.scripts(TYPED, word="b", count=2, fast=True) == ["b 2 True"]
    assert await preview.scripts(TYPED, count="2.5", fast="TRUE") == ["a 2.5 True"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"word": "c"}, "The 'word' parameter value 'c' is not a valid value. Allowed values: 'a', 'b'"),
        ({"count": "x"}, "The 'count' parameter value 'x' is not a valid Number."),
        ({"fast": "yes"}, "The 'fast' parameter value 'yes' is not a valid Boolean."),
        ({"word": {"a": 1}}, "The 'word' parameter is not a valid String."),
        ({"slow": True}, "Unexpected parameter 'slow'"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_refused(
    preview: Preview, parameters: dict[str, Any], words: str
) -> None:
    assert words in await preview.refusal(TYPED, **parameters)


async def test_a_parameter_without_a_default_must_be_given(preview: Preview) -> None:
    text = "parameters:\n- name: word\nsteps:\n- bash: ${{ parameters.word }}\n"
    assert await preview.refusal(text) == (
        f"{FILE} (Line: 1, Col: 1): A value for the 'word' parameter must be provided."
    )


async def test_shorthands_become_stages_and_the_order_is_told(preview: Preview) -> None:
    only_steps = await preview.final("steps:\n- bash: a\n")
    assert [(s["stage"], [j["job"] for j in s["jobs"]]) for s in only_steps["stages"]] == [
        ("__default", ["Job"])
    ]
    text = """
stages:
- stage: one
  jobs: [{job: a, steps: [{script: x}]}, {job: b, dependsOn: A, condition: failed(), steps: []}]
- stage: two
  jobs: [{job: c, steps: []}]
- stage: three
  dependsOn: []
  jobs: [{deployment: d, environment: prod, strategy: {runOnce: {deploy: {steps: [{bash: y}]}}}}]
- stage: four
  dependsOn: [one, three]
  jobs: [{job: e, steps: []}]
"""
    stages = (await preview.final(text))["stages"]
    assert [stage["dependsOn"] for stage in stages] == [[], ["one"], [], ["one", "three"]]
    assert stages[0]["jobs"][1] == {"job": "b", "dependsOn": ["a"], "condition": "failed()", "steps": []}
    assert stages[2]["jobs"][0]["environment"] == {"name": "prod"}


async def test_the_final_yaml_expands_to_itself(preview: Preview) -> None:
    text = """
name: 1.$(Rev:r)
trigger: {branches: {include: [main], exclude: [x/*]}, paths: {exclude: [docs]}}
variables: {region: eu, quoted: 'true'}
jobs:
- job: a
  timeoutInMinutes: 5
  variables: [{name: own, value: "${{ variables.region }}1"}]
  steps:
  - checkout: self
    fetchDepth: 1
  - bash: |
      echo one
      echo "$(own)"
    env: {KEY: value}
    failOnStderr: true
    continueOnError: true
  - task: UseDotNet@2
    inputs: {version: 8.10}
    enabled: false
  - publish: out
    artifact: drop
"""
    first = await preview.ask(text)
    again = await preview.ask(first.body["finalYaml"])
    assert first.status == again.status == 200, (first.body, again.body)
    assert first.body == again.body
    steps = (await preview.final(text))["stages"][0]["jobs"][0]["steps"]
    assert steps[2] == {
        "task": "UseDotNet@2",
        "inputs": {"version": "8.10"},
        "displayName": "UseDotNet",
        "enabled": False,
    }
