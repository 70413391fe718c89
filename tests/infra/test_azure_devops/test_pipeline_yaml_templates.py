"""Templates of YAML: files of the repository and of others, their parameters, and their limits."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.infra.test_azure_devops.client import Project, Running, edit
from tests.infra.test_azure_devops.pipeline_ground import Preview

STEPS = """
parameters:
- name: word
  type: string
- name: before
  type: stepList
  default: []
steps:
- ${{ each step in parameters.before }}:
  - ${{ step }}
- bash: ${{ parameters.word }} ${{ variables.region }}
- template: more/last.yml
"""
LAST = "steps:\n- template: /steps/more/sibling.yml\n"
SIBLING = "parameters: {word: legacy}\nsteps:\n- bash: ${{ parameters.word }}\n"
JOBS = """
parameters:
- name: names
  type: object
- name: extra
  type: jobList
  default: []
jobs:
- ${{ each name in parameters.names }}:
  - job: ${{ name }}
    steps: []
- ${{ parameters.extra }}
"""
STAGES = "stages:\n- stage: first\n  jobs:\n  - template: jobs.yml\n    parameters: {names: [a, b]}\n"
VARIABLES = (
    "parameters:\n- name: region\nvariables:\n- name: region\n  value: ${{ upper(parameters.region) }}\n"
)
BASE = """
parameters:
- name: words
  type: stepList
variables:
  own: base
stages:
- stage: only
  jobs:
  - job: guarded
    steps:
    - bash: before
    - ${{ parameters.words }}
    - bash: ${{ variables.own }}
"""


@pytest_asyncio.fixture(scope="module")
async def preview(server: Running) -> Preview:
    files = {
        "/steps/steps.yml": STEPS,
        "/steps/more/last.yml": LAST,
        "/steps/more/sibling.yml": SIBLING,
        "/jobs.yml": JOBS,
        "/stages.yml": STAGES,
        "/variables.yml": VARIABLES,
        "/base.yml": BASE,
        "/again.yml": "steps:\n- template: again.yml\n",
        "/ends.yml": "steps:\n- bash: x\n",
    }
    return await Preview.create(await server.project(), files)


async def test_templates_of_steps_and_variables_are_found_from_the_file_that_names_them(
    preview: Preview,
) -> None:
    text = """
variables:
- template: variables.yml
  parameters: {region: eu}
steps:
- template: steps/steps.yml
  parameters:
    word: hello
    before:
    - bash: given
"""
    assert await preview.scripts(text) == ["given", "hello EU", "legacy"]


async def test_templates_of_stages_and_jobs_nest(preview: Preview) -> None:
    text = """
stages:
- template: stages.yml
- stage: second
  jobs:
  - template: jobs.yml
    parameters:
      names: []
      extra: [{job: z, dependsOn: [], steps: [{bash: x}]}]
"""
    stages = (await preview.final(text))["stages"]
    assert [[job["job"] for job in stage["jobs"]] for stage in stages] == [["a", "b"], ["z"]]
    assert stages[1]["dependsOn"] == ["first"]


async def test_an_extended_template_surrounds_what_it_is_given(preview: Preview) -> None:
    text = """
variables: {mine: 1}
extends:
  template: base.yml
  parameters:
    words:
    - bash: mine ${{ variables.mine }}
"""
    final = await preview.final(text)
    steps = final["stages"][0]["jobs"][0]["steps"]
    assert [step["bash"] for step in steps] == ["before", "mine 1", "base"]
    assert {v["name"]: v["value"] for v in final["variables"]} == {"mine": "1", "own": "base"}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{template: no.yml}", "File /no.yml not found in repository api branch main version"),
        ("{template: ends.yml, parameters: {x: 1}}", "(Line: 2, Col: 37): Unexpected parameter 'x'"),
        ("{template: steps/steps.yml}", "A value for the 'word' parameter must be provided."),
        (
            "{template: steps/steps.yml, parameters: {word: a, before: b}}",
            "The 'before' parameter is not a valid StepList.",
        ),
        (
            "{template: jobs.yml, parameters: {names: []}}",
            "/jobs.yml (Line: 8, Col: 1): Unexpected value 'jobs'",
        ),
        ("{template: a.yml@other}", "Repository 'other' not found"),
        ("{template: again.yml}", "Maximum depth of templates exceeded: 50"),
        ("{template: ../../azure-pipelines.yml, displayName: x}", "Unexpected value 'displayName'"),
    ],
)
async def test_a_template_that_does_not_fit_is_refused(preview: Preview, step: str, message: str) -> None:
    assert message in await preview.refusal(f"steps:\n- {step}\n")


async def test_no_more_than_a_hundred_templates_are_read(preview: Preview) -> None:
    assert len(await preview.scripts("steps:\n" + "- template: ends.yml\n" * 100)) == 100
    assert "Maximum file count exceeded" in await preview.refusal("steps:\n" + "- template: ends.yml\n" * 101)


async def test_a_repository_resource_is_read_at_its_tag_and_at_its_branch(
    project: Project, preview: Preview
) -> None:
    shared = await project.server.project()
    repository = await shared.repository("templates")
    old = await repository.commit(
        "main", "0" * 40, {"/a/x.yml": "steps:\n- template: y.yml\n", "/a/y.yml": "steps:\n- bash: old\n"}
    )
    tag = [{"name": "refs/tags/v1.0.0", "oldObjectId": "0" * 40, "newObjectId": old}]
    assert (await repository.call("POST", "refs", tag)).status == 200
    new = await repository.push("main", old, edit("/a/y.yml", "steps:\n- bash: new\n"))
    assert new.status == 201
    text = f"""
resources:
  repositories:
  - {{repository: tagged, type: git, name: {shared.name}/templates, ref: refs/tags/v1.0.0}}
  - {{repository: latest, type: git, name: {shared.name}/templates, ref: refs/heads/main}}
steps:
- template: a/x.yml@tagged
- template: a/x.yml@latest
- template: ends.yml@self
"""
    assert await preview.scripts(text) == ["old", "new", "x"]
    assert "using ref refs/tags/v9" in await preview.refusal(text.replace("refs/tags/v1.0.0", "refs/tags/v9"))
    assert "could not be retrieved" in await preview.refusal(text.replace("/templates", "/nothing"))
    broken = await repository.push(
        "main", new.body["refUpdates"][0]["newObjectId"], edit("/a/y.yml", "stepss: []\n")
    )
    assert broken.status == 201
    assert await preview.refusal(text) == "/a/y.yml@latest (Line: 1, Col: 1): Unexpected value 'stepss'"
