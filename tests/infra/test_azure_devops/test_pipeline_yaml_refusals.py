"""YAML of pipelines that is refused: each refusal names what is wrong, and where."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.infra.test_azure_devops.client import Running
from tests.infra.test_azure_devops.pipeline_ground import Preview

FILE = "/azure-pipelines.yml"


@pytest_asyncio.fixture(scope="module")
async def preview(server: Running) -> Preview:
    return await Preview.create(await server.project(), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stagess: []", "(Line: 1, Col: 1): Unexpected value 'stagess'"),
        ("steps:\n- bash: a\n  bsh: b", "(Line: 3, Col: 3): Unexpected value 'bsh'"),
        ("steps:\n- bsh: a", "(Line: 2, Col: 3): Unexpected value 'bsh'"),
        ("steps:\n- bash: a\n  bash: b", "(Line: 3, Col: 3): 'bash' is already defined"),
        ("jobs:\n- job: a b\n  steps: []", "(Line: 2, Col: 8): Job name 'a b' is invalid."),
        ("jobs:\n- job: a\n  step: []", "(Line: 3, Col: 3): Unexpected value 'step'"),
        ("stages:\n- stage: a\n  job: []", "(Line: 3, Col: 3): Unexpected value 'job'"),
        ("pool: {image: x}\nsteps: []", "(Line: 1, Col: 8): Unexpected value 'image'"),
        ("steps: a", "(Line: 1, Col: 8): Expected a sequence"),
        ("steps:\n- bash: [a]", "(Line: 2, Col: 9): A sequence was not expected"),
        ("steps:\n- task: Bash", "(Line: 2, Col: 9): Task name 'Bash' is invalid."),
        ("steps: []\njobs: []", "Unexpected value 'steps'"),
        ("trigger: none", "Add one of these properties: extends, jobs, stages, steps"),
        ("trigger: all\nsteps: []", "(Line: 1, Col: 10): Unexpected value 'all'"),
        ("a: b: c", "(Line: 1, Col: 5): Mapping values are not allowed here"),
        ("steps: &x []", "(Line: 1, Col: 8): Anchors are not currently supported. Remove the anchor 'x'"),
        ("steps: []\n---\nsteps: []", "A file may hold one document only"),
        ("- bash: a", "(Line: 1, Col: 1): Expected a mapping"),
        ("steps:\n- bash: ${{ foo(1) }}", "Unrecognized function: 'foo'. Located at position 1"),
        ("steps:\n- bash: ${{ nothing }}", "Unrecognized value: 'nothing'"),
        ("steps:\n- bash: ${{ eq(1) }}", "Unexpected number of arguments to function: 'eq'"),
        ("steps:\n- bash: ${{ eq(1, 2 }}", "Unexpected end of expression"),
        ("steps:\n- bash: ${{ 'a'", "(Line: 2, Col: 9): The expression is not closed."),
        ("steps:\n- ${{ else }}:\n  - bash: a", "The directive 'else' must follow 'if'"),
        ("steps:\n- bash: a\n  enabled: maybe", "Expected a boolean value. Actual value: 'maybe'"),
        ("variables:\n- group: secrets\nsteps: []", "Variable group secrets could not be found."),
    ],
)
async def test_what_does_not_belong_is_named_with_its_place(
    preview: Preview, text: str, message: str
) -> None:
    found = await preview.refusal(text)
    assert found.startswith(FILE)
    assert message in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs:\n- job: a\n  dependsOn: b\n  steps: []", "job a depends on unknown job b."),
        (
            "jobs:\n- {job: a, dependsOn: b, steps: []}\n- {job: b, dependsOn: a, steps: []}",
            "depends on itself",
        ),
        (
            "jobs:\n- {job: a, steps: []}\n- {job: A, steps: []}",
            "The job name A appears more than once.",
        ),
        (
            "stages:\n- {stage: a, dependsOn: z, jobs: [{job: j, steps: []}]}",
            "Stage a depends on unknown stage z.",
        ),
        ("stages:\n- {stage: a, jobs: []}", "Stage a must contain at least one job."),
        ("jobs:\n- deployment: d\n  strategy: {runOnce: {deploy: {steps: []}}}", "'environment'"),
        ("jobs:\n- deployment: d\n  environment: e\n  strategy: {canary: {}}", "Unexpected value 'canary'"),
    ],
)
async def test_a_graph_that_can_not_run_is_refused(preview: Preview, text: str, message: str) -> None:
    assert message in await preview.refusal(text)


async def test_loops_that_multiply_are_stopped(preview: Preview) -> None:
    numbers = ", ".join(str(number) for number in range(60))
    text = f"""
parameters:
- name: n
  type: object
  default: [{numbers}]
steps:
- ${{{{ each a in parameters.n }}}}:
  - ${{{{ each b in parameters.n }}}}:
    - ${{{{ each c in parameters.n }}}}:
      - bash: x
"""
    assert "maximum memory exceeded" in await preview.refusal(text)
