"""Azure DevOps service hooks: authenticated, stored once, answered 202; what matters is re-read later.

Azure DevOps loses events for good when it is answered anything but 2xx or 503, so an answer in between
(401, 413) is given only to what can't be ours.
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import azure.functions as func
from pydantic import ValidationError

from domain.devops.source_control.branch import ObserveBranch
from domain.devops.source_control.pull_request import ObservePullRequest
from domain.devops.source_control.repository import Repository
from domain.kernel.command import Observation
from domain.kernel.errors import Invalid
from domain.kernel.journal import Journal, Outcome
from domain.kernel.values import Model, ProjectId, TenantId, derived_id, parse_json, validated
from domain.kernel.work import Partition
from functions.answers import answered, json_answer, problem, retry_later
from functions.bootstrap import HOOK_USER, hook_password, now, platform
from functions.messages import observed, to_message

log = logging.getLogger(__name__)
blueprint = func.Blueprint()

BODY_LIMIT = 1024 * 1024
ACTOR = "azure-devops"


class _Route(Model):
    tenant_id: TenantId
    project_id: ProjectId


def authenticated(header: str | None, secrets: tuple[bytes, ...], partition: Partition) -> bool:
    """Constant time; during a rotation the previous secret counts too."""
    given = (header or "").encode("utf-8", "replace")
    expected = [
        b"Basic " + base64.b64encode(f"{HOOK_USER}:{hook_password(secret, partition)}".encode())
        for secret in secrets
    ]
    # All are compared, whichever fits: the time taken tells nothing.
    return sum(hmac.compare_digest(given, candidate) for candidate in expected) > 0


def inbox_key(hook: Mapping[str, Any], raw: bytes) -> tuple[str, ...]:
    """What tells a notification from its repeats; older payloads lack the first pair, some have no id."""
    subscription, notification = hook.get("subscriptionId"), hook.get("notificationId")
    if subscription and notification is not None:
        return ("notification", str(subscription), str(notification))
    if hook.get("id"):
        return ("id", str(hook["id"]))
    return ("body", hashlib.sha256(raw).hexdigest())


def observations_of(hook: Mapping[str, Any], partition: Partition) -> Iterator[Observation]:
    """What a hook says may have changed. `git.pullrequest.merged` is only an attempt to build the merge
    commit; whether anything was merged is read from the provider like all the rest."""
    resource = hook.get("resource")
    event = hook.get("eventType")
    if not isinstance(resource, dict):
        return
    repository = resource.get("repository")
    external_id = repository.get("id") if isinstance(repository, dict) else None
    if not isinstance(external_id, str):
        return
    id = Repository.id_for(partition, external_id)
    if event == "git.push":
        for update in resource.get("refUpdates") or ():
            name = update.get("name") if isinstance(update, dict) else None
            if isinstance(name, str) and name.startswith("refs/heads/"):
                yield ObserveBranch(repository_id=id, name=name.removeprefix("refs/heads/"))
    elif event in ("git.pullrequest.created", "git.pullrequest.updated", "git.pullrequest.merged"):
        yield ObservePullRequest(repository_id=id, number=resource.get("pullRequestId", 0))


def received(hook: Mapping[str, Any], raw: bytes, partition: Partition, moment: datetime) -> Journal:
    """The notification as a journal row of its own, with the observations that it sends on."""
    key = inbox_key(hook, raw)
    try:
        observations = list(observations_of(hook, partition))
    except (ValidationError, TypeError):
        observations = []
    hook_id = derived_id("hook", partition.tenant_id, partition.project_id, *key)
    if not observations:
        log.warning("parked: %s: %s says nothing that is understood", hook_id, hook.get("eventType"))
    messages = [
        to_message(observed(partition, observation, moment, hook_id), ACTOR) for observation in observations
    ]
    outcome = Outcome(
        command_id=hook_id,
        command=str(hook.get("eventType"))[:100],
        fingerprint="|".join(key),
        rejection=None,
        reply={"commandId": hook_id, "outcome": "accepted" if observations else "parked", "events": []},
    )
    return Journal(partition, outcome, tuple(messages), (), pending=bool(messages))


async def receive(request: func.HttpRequest) -> func.HttpResponse:
    route = validated(_Route, dict(request.route_params))
    partition = Partition(route.tenant_id, route.project_id)
    if not authenticated(
        request.headers.get("Authorization"), platform().settings.webhook_secrets, partition
    ):
        return problem(401, "Not authenticated", "the hook's user name or password is wrong")
    raw = request.get_body()
    if len(raw) > BODY_LIMIT:
        return problem(413, "Too large", f"a notification has at most {BODY_LIMIT} bytes")
    try:
        hook = parse_json(raw)
    except Invalid as error:
        log.warning("parked: %s", error)
        hook = {}
    journal = received(hook, raw, partition, now())
    stored = await platform().dispatcher.receive(journal, raw.decode("utf-8", "backslashreplace"))
    return json_answer({"id": stored.outcome.command_id, "outcome": stored.outcome.reply["outcome"]}, 202)


@blueprint.function_name("azure_devops_hook")
@blueprint.route(
    trigger_arg_name="request",
    route="webhooks/azure-devops/{tenantId}/{projectId}",
    methods=["POST"],
    auth_level=func.AuthLevel.ANONYMOUS,
)
async def azure_devops_hook(request: func.HttpRequest) -> func.HttpResponse:
    try:
        return await answered(receive, request)
    except Exception:
        # A 500 would put the subscription on probation and lose what comes next; a 503 is sent again.
        log.exception("a hook could not be taken in")
        return retry_later("the notification could not be stored", None)
