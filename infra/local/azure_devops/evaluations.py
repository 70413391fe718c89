"""Policy evaluations over REST, and a build's result as a build policy sees it, set from outside: runs of
pipelines do not report to policies."""

from __future__ import annotations

import re

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import invalid_argument, not_found
from infra.local.azure_devops.evaluation_schedule import schedule_evaluation
from infra.local.azure_devops.policies import render_policy
from infra.local.azure_devops.projects import project_of
from infra.local.azure_devops.pull_request_store import (
    artifact_id,
    key_of,
    load_pull_request,
    pull_request_key,
    save_pull_request,
)
from infra.local.azure_devops.routing import Answer, Call, Route, listing, page
from infra.local.emulation.state import Json

_ARTIFACT = re.compile(r"vstfs:///CodeReview/CodeReviewId/([^/]+)/(\d+)", re.IGNORECASE)


async def list_evaluations(call: Call) -> Answer:
    project = project_of(call)
    found = _ARTIFACT.fullmatch(call.query.get("artifactid", ""))
    if found is None or found[1].lower() != project["id"]:
        raise invalid_argument("artifactId must name a pull request of this project.")
    pull_request = load_pull_request(call.emulator, pull_request_key(call.org, found[2]))
    rendered = []
    for record in call.emulator.state.list("evaluation", key_of(pull_request)):
        policy = call.emulator.state.get("policy", project["id"], str(record["policyId"]))
        if policy is None:
            continue
        if record["status"] == "notApplicable" and not call.flag("includeNotApplicable"):
            continue
        rendered.append(_render(call.emulator, call.org, pull_request, policy, record))
    return listing(page(call, rendered, default_top=100))


def _render(emulator: Emulator, org: str, pull_request: Json, policy: Json, record: Json) -> Json:
    body: Json = {
        "evaluationId": record["evaluationId"],
        "artifactId": artifact_id(pull_request),
        "status": record["status"],
        "startedDate": record["startedDate"],
        "configuration": render_policy(emulator, org, policy),
        "context": None,
    }
    if record["completedDate"]:
        body["completedDate"] = record["completedDate"]
    return body


async def report_build(call: Call) -> Answer:
    """Set what a build policy sees: status approved, rejected, running or queued, for the current source."""
    body = call.object_body()
    key = pull_request_key(call.org, call.params["pr"])
    repository_id = load_pull_request(call.emulator, key)["repositoryId"]
    if body.get("status") not in ("approved", "rejected", "running", "queued"):
        raise invalid_argument("status must be approved, rejected, running or queued.")
    async with call.emulator.git.lock(repository_id):
        pull_request = load_pull_request(call.emulator, key)
        if call.emulator.state.get("policy", pull_request["projectId"], call.params["policy"]) is None:
            raise not_found("PolicyConfigurationNotFoundException", "There is no such policy.")
        pull_request["builds"][call.params["policy"]] = {
            "status": body["status"],
            "commitId": pull_request["lastMergeSourceCommit"],
        }
        save_pull_request(call.emulator, pull_request)
    schedule_evaluation(call.emulator, key)
    return Answer(204)


ROUTES = [
    Route("GET", "/{org}/{project}/_apis/policy/evaluations", list_evaluations, preview=True),
    Route("PUT", "/_local/{org}/pullrequests/{pr}/builds/{policy}", report_build),
]
