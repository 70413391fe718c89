"""Service hooks of Azure DevOps and webhooks of the registry: authenticated, stored once, answered 202; what
matters is re-read later.

Azure DevOps loses events for good when it is answered anything but 2xx or 503, so an answer in between
(401, 413) is given only to what can't be ours.
"""

import base64
import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import azure.functions as func
from pydantic import ValidationError

from domain.kernel.actor import Actor, service
from domain.kernel.errors import Invalid
from domain.kernel.journal import Journal, Outcome
from domain.kernel.values import Model, ProjectId, TenantId, derived_id, parse_json, validated
from domain.kernel.work import Partition
from functions.answers import answered, json_answer, problem, retry_later
from functions.bootstrap import HOOK_USER, REGISTRY_USER, hook_password, now, platform, registry_password
from functions.hook_payloads import (
    Seen,
    azure_devops_observations,
    inbox_key,
    registry_observations,
)
from functions.messages import observed, proven

log = logging.getLogger(__name__)
blueprint = func.Blueprint()

BODY_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Sender:
    """Who sends hooks, how it signs in, and how its payloads are read."""

    user: str
    actor: Actor
    password: Callable[[bytes, Partition], str]
    event: str
    """the payload's field that names what happened"""
    observations: Callable[[Mapping[str, Any], Partition], Iterator[Seen]]


AZURE_DEVOPS = Sender(
    HOOK_USER, service("azure-devops"), hook_password, "eventType", azure_devops_observations
)
# A registry is shared by all projects, and so is what it signs in with; whose an image is, its name says.
REGISTRY = Sender(
    REGISTRY_USER,
    service("container-registry"),
    lambda secret, _: registry_password(secret),
    "action",
    registry_observations,
)


class _Route(Model):
    tenant_id: TenantId
    project_id: ProjectId


def authenticated(
    header: str | None, secrets: tuple[bytes, ...], partition: Partition, sender: Sender = AZURE_DEVOPS
) -> bool:
    """Constant time; during a rotation the previous secret counts too."""
    given = (header or "").encode("utf-8", "replace")
    expected = [
        b"Basic " + base64.b64encode(f"{sender.user}:{sender.password(secret, partition)}".encode())
        for secret in secrets
    ]
    # All are compared, whichever fits: the time taken tells nothing.
    return sum(hmac.compare_digest(given, candidate) for candidate in expected) > 0


def received(
    hook: Mapping[str, Any],
    raw: bytes,
    partition: Partition,
    moment: datetime,
    proof_key: bytes,
    sender: Sender = AZURE_DEVOPS,
) -> Journal:
    """The notification as a journal row of its own, with the observations that it sends on."""
    key, event = inbox_key(hook, raw), str(hook.get(sender.event))
    try:
        seen = list(sender.observations(hook, partition))
    except (ValidationError, TypeError):
        seen = []
    hook_id = derived_id("hook", partition.tenant_id, partition.project_id, sender.user, *key)
    if not seen:
        log.warning("parked: %s: %s says nothing that is understood", hook_id, event)
    messages = [
        proven(observed(partition, observation, moment, what or hook_id), sender.actor, proof_key)
        for observation, what in seen
    ]
    outcome = Outcome(
        command_id=hook_id,
        command=event[:100],
        fingerprint="|".join(key),
        rejection=None,
        reply={"commandId": hook_id, "outcome": "accepted" if seen else "parked", "events": []},
    )
    return Journal(partition, outcome, tuple(messages), (), pending=bool(messages))


async def receive(request: func.HttpRequest, sender: Sender = AZURE_DEVOPS) -> func.HttpResponse:
    route = validated(_Route, dict(request.route_params))
    partition = Partition(route.tenant_id, route.project_id)
    settings = platform().settings
    if not authenticated(request.headers.get("Authorization"), settings.webhook_secrets, partition, sender):
        return problem(401, "Not authenticated", "the hook's user name or password is wrong")
    raw = request.get_body()
    if len(raw) > BODY_LIMIT:
        return problem(413, "Too large", f"a notification has at most {BODY_LIMIT} bytes")
    try:
        hook = parse_json(raw)
    except Invalid as error:
        log.warning("parked: %s", error)
        hook = {}
    journal = received(hook, raw, partition, now(), settings.proof_key, sender)
    stored = await platform().dispatcher.receive(journal, raw.decode("utf-8", "backslashreplace"))
    return json_answer({"id": stored.outcome.command_id, "outcome": stored.outcome.reply["outcome"]}, 202)


async def _taken_in(request: func.HttpRequest, sender: Sender) -> func.HttpResponse:
    try:
        return await answered(lambda one: receive(one, sender), request)
    except Exception:
        # A 500 would put the subscription on probation and lose what comes next; a 503 is sent again.
        log.exception("a hook could not be taken in")
        return retry_later("the notification could not be stored", None)


@blueprint.function_name("azure_devops_hook")
@blueprint.route(
    trigger_arg_name="request",
    route="webhooks/azure-devops/{tenantId}/{projectId}",
    methods=["POST"],
)
async def azure_devops_hook(request: func.HttpRequest) -> func.HttpResponse:
    return await _taken_in(request, AZURE_DEVOPS)


@blueprint.function_name("container_registry_hook")
@blueprint.route(
    trigger_arg_name="request",
    route="webhooks/container-registry/{tenantId}/{projectId}",
    methods=["POST"],
)
async def container_registry_hook(request: func.HttpRequest) -> func.HttpResponse:
    return await _taken_in(request, REGISTRY)
