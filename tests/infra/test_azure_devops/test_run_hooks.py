"""Service hooks about builds, runs, stages and jobs."""

from __future__ import annotations

from typing import Any

from tests.infra.test_azure_devops.client import ORG, Json
from tests.infra.test_azure_devops.receiver import Receiver, subscribe, subscription_body
from tests.infra.test_azure_devops.run_ground import (
    Definition,
    bash,
    job,
    one_job,
    pipeline,
    stage,
)

RUN = "ms.vss-pipelines.run-state-changed-event"
STAGE = "ms.vss-pipelines.stage-state-changed-event"
JOB = "ms.vss-pipelines.job-state-changed-event"


async def _subscribe(definition: Definition, receiver: Receiver, event_type: str, **inputs: Any) -> Json:
    version = {} if event_type == "build.complete" else {"resourceVersion": "5.1-preview.1"}
    publisher = "tfs" if event_type == "build.complete" else "pipelines"
    consumer = inputs.pop("consumer", {})
    version |= inputs.pop("changes", {})
    publisher_inputs = {"repository": "", **inputs}
    return await subscribe(
        definition.repository,
        receiver,
        event_type,
        publisherId=publisher,
        publisher=publisher_inputs,
        consumer=consumer,
        **version,
    )


async def test_a_completed_build_is_announced_in_the_shape_that_was_asked_for(
    definition: Definition, receiver: Receiver
) -> None:
    await _subscribe(definition, receiver, "build.complete", changes={"resourceVersion": "2.0"})
    await _subscribe(
        definition, receiver, "build.complete", buildStatus="Failed", changes={"resourceVersion": "1.0"}
    )
    await _subscribe(definition, receiver, "build.complete", buildStatus="Succeeded")
    await _subscribe(definition, receiver, "build.complete", definitionName="other")
    ran = await definition.ran(one_job(bash("exit 1")))
    bodies = {one.body["resourceVersion"]: one.body for one in await receiver.take(2)}
    new, old = bodies["2.0"], bodies["1.0"]
    assert (new["publisherId"], new["eventType"]) == ("tfs", "build.complete")
    assert {k: v for k, v in new["resource"].items() if k != "lastChangedDate"}.items() <= ran.build.items()
    assert (new["resource"]["status"], new["resource"]["result"]) == ("completed", "failed")
    assert old["resource"]["status"] == "failed" and "result" not in old["resource"]
    assert old["resource"]["definition"]["definitionType"] == "Xaml"
    assert old["resource"]["requests"][0]["requestedFor"]["displayName"] == "Local User"
    assert receiver.arrived.empty()


async def test_a_run_a_stage_and_a_job_announce_their_states(
    definition: Definition, receiver: Receiver
) -> None:
    for event_type in (RUN, STAGE, JOB):
        await _subscribe(definition, receiver, event_type, pipelineId=str(definition.id))
    ran = await definition.ran(pipeline(stage("build", job("compile", bash("true")))))
    bodies = [one.body for one in await receiver.take(2 + 2 + 3)]
    assert {body["resourceVersion"] for body in bodies} == {"5.1-preview.1"}
    assert {body["resource"]["run"]["id"] for body in bodies} == {ran.id}
    assert {body["resource"]["projectId"] for body in bodies} == {definition.project.id}
    counts = {kind: sum(body["eventType"] == kind for body in bodies) for kind in (RUN, STAGE, JOB)}
    assert counts == {RUN: 2, STAGE: 2, JOB: 3}
    last = {
        body["eventType"]: body["resource"]
        for body in bodies
        if body["notificationId"] == counts[body["eventType"]]
    }
    run = last[RUN]["run"]
    assert (run["state"], run["result"], run["name"]) == ("completed", "succeeded", ran.build["buildNumber"])
    assert run["pipeline"]["id"] == definition.id
    assert last[RUN]["repositories"][0]["change"]["version"] == definition.commit
    found = last[STAGE]["stage"]
    assert (found["name"], found["state"], found["result"], found["attempt"]) == (
        "build",
        "completed",
        "succeeded",
        1,
    )
    assert found["id"] == ran.record("Stage", "build")["id"]
    assert (last[JOB]["job"]["name"], last[JOB]["stage"]["name"]) == ("compile", "build")


async def test_inputs_choose_stage_state_and_result(definition: Definition, receiver: Receiver) -> None:
    await _subscribe(definition, receiver, STAGE, stageNameId="two", stateId="Completed", resultId="Failed")
    await _subscribe(definition, receiver, STAGE, pipelineId="4711")
    plan = pipeline(stage("one", job("j", bash("exit 1"))), stage("two", job("j", bash("exit 1"))))
    await definition.ran(plan)
    body = (await receiver.next()).body
    assert (body["resource"]["stage"]["name"], body["resource"]["stage"]["result"]) == ("two", "failed")
    assert receiver.arrived.empty()


async def test_minimal_payloads_keep_the_ids_and_old_ones_lack_those_of_the_notification(
    definition: Definition, receiver: Receiver
) -> None:
    await _subscribe(
        definition, receiver, STAGE, stateId="Completed", consumer={"resourceDetailsToSend": "minimal"}
    )
    rule = {"mode": "old-payload", "match": {"eventType": STAGE}}
    await definition.ground.local("POST", "faults", [rule])
    ran = await definition.ran(one_job(bash("true")))
    body = (await receiver.next()).body
    assert "notificationId" not in body and "subscriptionId" not in body
    resource = body["resource"]
    assert set(resource) == {"projectId", "stage", "run", "pipeline"}
    assert (resource["run"]["id"], resource["pipeline"]["id"]) == (ran.id, definition.id)
    assert resource["stage"] == {"id": ran.record("Stage", "build")["id"], "attempt": 1}


async def test_the_resource_is_the_run_as_it_is_at_delivery(
    definition: Definition, receiver: Receiver
) -> None:
    await _subscribe(definition, receiver, RUN, stateId="InProgress")
    await definition.ground.local(
        "POST", "faults", [{"mode": "reorder-hooks", "delay": 1.0, "match": {"eventType": RUN}}]
    )
    await definition.ran(one_job(bash("true")))
    assert (await receiver.next()).body["resource"]["run"]["state"] == "completed"


async def test_each_publisher_has_its_own_events(definition: Definition, receiver: Receiver) -> None:
    for publisher, event_type in (("tfs", RUN), ("pipelines", "build.complete"), ("pipelines", "git.push")):
        body = subscription_body(definition.repository, receiver, event_type, publisherId=publisher)
        answer = await definition.ground.call("POST", f"/{ORG}/_apis/hooks/subscriptions", body)
        assert answer.status == 400
