"""Runs started over REST from the YAML of a repository."""

from __future__ import annotations

import pytest

from tests.infra.test_azure_devops.client import Json, Reply, edit
from tests.infra.test_azure_devops.run_ground import Definition, Ran, RunGround

YAML = """
name: 1.$(Build.BuildId).$(Rev:r)
parameters:
- name: csOperationId
  type: string
  default: none
variables:
  greeting: hello
stages:
- stage: build
  jobs:
  - job: compile
    steps:
    - bash: |
        echo "$(greeting) ${{ parameters.csOperationId }} $(Build.SourceVersion)"
        cat marker.txt
      displayName: greet
    - publish: marker.txt
      artifact: marker
- stage: deploy
  dependsOn: build
  jobs:
  - deployment: roll
    environment: prod
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: cat "$(Pipeline.Workspace)/marker/marker.txt"
            displayName: read
"""


@pytest.fixture
async def definition(ground: RunGround) -> Definition:
    return await ground.pipeline({"/azure-pipelines.yml": YAML, "/marker.txt": "first\n"})


async def _start(definition: Definition, **body: object) -> Reply:
    return await definition.call("POST", f"pipelines/{definition.id}/runs", body)


async def _ran(definition: Definition, started: Reply) -> Ran:
    assert started.status == 200, started
    number = started.body["id"]
    return Ran(definition, await definition.done(number), await definition.records(number))


async def test_a_run_builds_deploys_and_tells_its_parameters(definition: Definition) -> None:
    started = await _start(definition, templateParameters={"csOperationId": "op-7"})
    assert (started.body["state"], started.body["templateParameters"]) == (
        "inProgress",
        {"csOperationId": "op-7"},
    )
    ran = await _ran(definition, started)
    assert ran.result == "succeeded", [r["issues"] for r in ran.records]
    assert f"\nhello op-7 {definition.commit}\nfirst\n" in await ran.log("greet")
    assert "\nfirst\n" in await ran.log("read")
    path = f"pipelines/{definition.id}/runs"
    run = (await definition.call("GET", f"{path}/{ran.id}?$expand=finalYaml")).body
    assert (run["state"], run["result"]) == ("completed", "succeeded")
    assert run["name"] == ran.build["buildNumber"] == f"1.{ran.id}.1"
    assert run["resources"]["repositories"]["self"]["version"] == definition.commit
    assert "op-7" in run["finalYaml"]
    assert ran.build["templateParameters"] == {"csOperationId": "op-7"}
    listed = (await definition.call("GET", path)).value
    assert [one["id"] for one in listed] == [ran.id]


async def test_a_run_takes_the_commit_it_is_given_not_the_tip(definition: Definition) -> None:
    await definition.repository.push("main", definition.commit, edit("/marker.txt", "second\n"))
    tip = await _ran(definition, await _start(definition))
    assert "\nsecond\n" in await tip.log("greet")
    given: Json = {"repositories": {"self": {"refName": "refs/heads/main", "version": definition.commit}}}
    old = await _ran(definition, await _start(definition, resources=given))
    assert "\nfirst\n" in await old.log("greet")
    assert old.build["sourceVersion"] == definition.commit


async def test_variables_of_the_request_come_over_those_of_the_yaml(definition: Definition) -> None:
    ran = await _ran(definition, await _start(definition, variables={"greeting": {"value": "bonjour"}}))
    assert "\nbonjour none" in await ran.log("greet")


async def test_what_cannot_be_expanded_or_found_starts_nothing(definition: Definition) -> None:
    for body in (
        {"templateParameters": {"unknown": "x"}},
        {"resources": {"repositories": {"self": {"refName": "refs/heads/gone"}}}},
        {"resources": {"repositories": {"self": {"version": "0" * 40}}}},
        {"stagesToSkip": ["nothing"]},
    ):
        refused = await _start(definition, **body)
        assert (refused.status, refused.type_key) == (400, "PipelineValidationException"), body
    assert (await definition.call("GET", f"pipelines/{definition.id}/runs")).value == []
    missing = await definition.call("POST", "pipelines/4711/runs", {})
    assert (missing.status, missing.type_key) == (404, "PipelineNotFoundException")


async def test_an_answer_that_is_lost_leaves_a_run_to_be_found(definition: Definition) -> None:
    rule = {"mode": "cut-after-commit", "match": {"method": "POST", "pathRegex": "/runs$"}}
    await definition.ground.local("POST", "faults", [rule])
    with pytest.raises(Exception, match=r"(?i)disconnected|reset"):
        await _start(definition, templateParameters={"csOperationId": "op-9"})
    query = f"definitions={definition.id}&queryOrder=queueTimeDescending"
    found = (await definition.call("GET", f"build/builds?{query}")).value
    assert [build["templateParameters"]["csOperationId"] for build in found] == ["op-9"]
    await definition.done(found[0]["id"])
