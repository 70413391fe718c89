"""Deployments to an environment with an approval check wait until somebody decided."""

from __future__ import annotations

import pytest

from infra.local.azure_devops.pipelines.model import Pipeline
from tests.infra.test_azure_devops.client import ORG, Json, eventually
from tests.infra.test_azure_devops.run_ground import Definition, RunGround, bash, job, pipeline, stage


def _plan() -> Pipeline:
    return pipeline(
        stage("build", job("job", bash("true"))),
        stage(
            "deploy",
            job("job", bash("echo $(Environment.Name)", "go"), environment="Prod"),
            depends_on=["build"],
        ),
    )


@pytest.fixture
async def definition(ground: RunGround) -> Definition:
    made = await ground.pipeline()
    await ground.local(
        "PUT", f"environments/{ORG}/{made.project.name}/prod", {"approvers": ["ops@example.com"]}
    )
    return made


async def _pending(definition: Definition) -> Json:
    async def read() -> list[Json]:
        return (await definition.call("GET", "pipelines/approvals?state=pending&$expand=steps")).value

    return (await eventually(read, bool))[0]


async def _decide(definition: Definition, approval: Json, status: str) -> Json:
    body = [{"approvalId": approval["id"], "status": status, "comment": "seen"}]
    answer = await definition.call("PATCH", "pipelines/approvals", body)
    assert answer.status == 200, answer
    return answer.value[0]


async def test_a_stage_waits_for_its_approval_and_goes_on(definition: Definition) -> None:
    number = definition.start(_plan())
    approval = await _pending(definition)
    assert approval["steps"][0]["assignedApprover"]["uniqueName"] == "ops@example.com"
    assert approval["pipeline"]["owner"]["id"] == number
    records = {(r["type"], r["state"]): r for r in await definition.records(number)}
    waiting = records[("Checkpoint.Approval", "inProgress")]
    assert waiting["id"] == approval["id"]
    assert (await definition.build(number))["status"] == "inProgress"
    assert (await _decide(definition, approval, "approved"))["status"] == "approved"
    assert (await definition.done(number))["result"] == "succeeded"
    kept = (await definition.call("GET", f"pipelines/approvals/{approval['id']}")).body
    assert (kept["status"], kept["steps"][0]["comment"]) == ("approved", "seen")
    assert kept["steps"][0]["actualApprover"]["displayName"] == "Local User"


async def test_a_second_decision_is_refused(definition: Definition) -> None:
    number = definition.start(_plan())
    approval = await _pending(definition)
    await _decide(definition, approval, "rejected")
    body = [{"approvalId": approval["id"], "status": "approved"}]
    again = await definition.call("PATCH", "pipelines/approvals", body)
    assert (again.status, again.type_key) == (400, "ApprovalCompletedException")
    assert "already completed" in again.body["message"]
    assert (await definition.done(number))["result"] == "failed"
    results = {r["identifier"]: r["result"] for r in await definition.records(number)}
    assert (results["deploy"], results["deploy.job"]) == ("failed", "skipped")


async def test_a_rejected_stage_asks_anew_when_it_is_retried(definition: Definition) -> None:
    number = definition.start(_plan())
    first = await _pending(definition)
    await _decide(definition, first, "rejected")
    await definition.done(number)
    await definition.call("PATCH", f"build/builds/{number}/stages/deploy", {"state": "retry"})
    second = await _pending(definition)
    assert second["id"] != first["id"]
    await _decide(definition, second, "approved")
    assert (await definition.done(number))["result"] == "succeeded"


async def test_a_cancelled_run_withdraws_its_approval(definition: Definition) -> None:
    number = definition.start(_plan())
    approval = await _pending(definition)
    await definition.call("PATCH", f"build/builds/{number}", {"status": "cancelling"})
    assert (await definition.done(number))["result"] == "canceled"
    kept = (await definition.call("GET", f"pipelines/approvals/{approval['id']}")).body
    assert kept["status"] == "canceled"


async def test_without_a_check_nothing_waits(ground: RunGround) -> None:
    definition = await ground.pipeline()
    ran = await definition.ran(_plan())
    assert ran.result == "succeeded"
    assert "\nProd\n" in await ran.log("go")
    missing = await definition.call("GET", "pipelines/approvals/none")
    assert (missing.status, missing.type_key) == (404, "ApprovalNotFoundException")
