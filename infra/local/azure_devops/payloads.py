"""The body of a web hook, rendered when it is sent: it shows the subject as it is then."""

from __future__ import annotations

from infra.local.azure_devops.commits import render_commit
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.identities import deterministic_id
from infra.local.azure_devops.pull_request_store import pull_request_url, render_pull_request
from infra.local.azure_devops.push_documents import pushed_commits, render_push
from infra.local.azure_devops.run_payloads import (
    minimal_run_resource,
    render_build_resource,
    render_run_resource,
)
from infra.local.emulation.state import Json

_PIPELINES = "ms.vss-pipelines."
_KEPT = ("pushId", "pullRequestId", "url", "id")


async def render_payload(
    emulator: Emulator, subscription: Json, notification: Json, *, old_format: bool = False
) -> Json | None:
    """None when the subject is gone; old_format leaves out the ids that earlier payloads did not have."""
    event = notification["event"]
    inputs = subscription["consumerInputs"]
    found = await _resource(emulator, event, str(subscription["resourceVersion"]))
    if found is None:
        return None
    resource, text = found
    details = str(inputs.get("resourceDetailsToSend") or "all").lower()
    if details == "minimal":
        resource = _minimal(event, resource)
    message = {"text": text, "html": text, "markdown": text}
    org_url = f"{emulator.base_url}/{event['org']}/"
    organization_id = deterministic_id("organization", event["org"])
    body: Json = (
        {}
        if old_format
        else {
            "subscriptionId": subscription["id"],
            "notificationId": notification["id"],
        }
    )
    body.update(
        id=event["id"],
        eventType=event["eventType"],
        publisherId=subscription["publisherId"],
        message=message if str(inputs.get("messagesToSend") or "all").lower() != "none" else None,
        detailedMessage=(
            message if str(inputs.get("detailedMessagesToSend") or "all").lower() != "none" else None
        ),
        resource=resource if details != "none" else None,
        resourceVersion=subscription["resourceVersion"],
        resourceContainers={
            "collection": {"id": organization_id, "baseUrl": org_url},
            "account": {"id": organization_id, "baseUrl": org_url},
            "project": {"id": event["projectId"], "baseUrl": org_url},
        },
        createdDate=event["createdDate"],
    )
    return body


def _minimal(event: Json, resource: Json) -> Json:
    if event["eventType"].startswith(_PIPELINES):
        return minimal_run_resource(resource)
    return {name: resource[name] for name in _KEPT if name in resource}


async def _resource(emulator: Emulator, event: Json, version: str) -> tuple[Json, str] | None:
    if event["eventType"].startswith(_PIPELINES):
        return await render_run_resource(emulator, event)
    if event["eventType"] == "build.complete":
        return render_build_resource(emulator, event, version)
    repository = emulator.state.find("repository", event["repositoryId"])
    kind = "push" if event["eventType"] == "git.push" else "pull-request"
    subject = emulator.state.get(kind, event["repositoryId"], event["subject"])
    if repository is None or subject is None:
        return None
    if kind == "push":
        body = render_push(emulator, repository, subject, with_updates=True)
        found = await pushed_commits(emulator, subject, 100)
        body["commits"] = [render_commit(emulator, repository, commit, listed=True) for commit in found]
        return body, f"{subject['pushedBy']['displayName']} pushed updates to {repository['name']}."
    number = subject["pullRequestId"]
    body = render_pull_request(emulator, subject)
    body["_links"] = {"web": {"href": f"{body['repository']['webUrl']}/pullrequest/{number}"}}
    body["url"] = pull_request_url(emulator, subject)
    action = event["eventType"].rpartition(".")[2]
    return body, f"Pull request {number} in {repository['name']}: {action}."
