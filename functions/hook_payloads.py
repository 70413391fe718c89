"""What service hooks and webhooks say may have changed: pure functions from a payload to observations.

A payload only triggers: what matters is read again. Payloads come in several ages, and any field may be
missing; what names nothing to look at gives nothing, and is parked by the receiver.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from domain.devops.packaging.container_image import ObserveImage
from domain.devops.pipelines.pipeline_run import ObserveRun
from domain.devops.source_control.branch import ObserveBranch
from domain.devops.source_control.pull_request_observation import ObservePullRequest
from domain.devops.source_control.repository import Repository
from domain.kernel.command import Observation
from domain.kernel.naming import registry_prefix
from domain.kernel.work import Partition

type Json = Mapping[str, Any]
type Key = tuple[object, ...]

# Hooks that say the same of the same thing are one: whoever looks once has seen it.
type Seen = tuple[Observation, Key | None]

_PULL_REQUEST_EVENTS = ("git.pullrequest.created", "git.pullrequest.updated", "git.pullrequest.merged")
_RUN_EVENTS = (
    "ms.vss-pipelines.run-state-changed-event",
    "ms.vss-pipelines.stage-state-changed-event",
    "ms.vss-pipelines.job-state-changed-event",
)
# Where older payloads have no id, its address or URI still ends with it.
_RUN_ADDRESS = re.compile(r".*(?:/runs/|/builds/|/Build/Build/|[?&]buildId=)([0-9]{1,9})(?:[/?&#].*)?", re.I)


def inbox_key(hook: Json, raw: bytes) -> tuple[str, ...]:
    """What tells a notification from its repeats; older payloads lack the first pair, some have no id."""
    subscription, notification = hook.get("subscriptionId"), hook.get("notificationId")
    if subscription and notification is not None:
        return ("notification", str(subscription), str(notification))
    if hook.get("id"):
        return ("id", str(hook["id"]))
    return ("body", hashlib.sha256(raw).hexdigest())


def azure_devops_observations(hook: Json, partition: Partition) -> Iterator[Seen]:
    """`git.pullrequest.merged` is only an attempt to build the merge commit; whether anything was merged is
    read from the provider like all the rest."""
    resource, event = hook.get("resource"), hook.get("eventType")
    if not isinstance(resource, dict):
        return
    if event == "build.complete":
        yield from _build(resource)
    elif event in _RUN_EVENTS:
        yield from _run(str(event), resource)
    else:
        yield from _git(event, resource, partition)


def _git(event: object, resource: Json, partition: Partition) -> Iterator[Seen]:
    external_id = _part(resource, "repository").get("id")
    if not isinstance(external_id, str):
        return
    id = Repository.id_for(partition, external_id)
    if event == "git.push":
        for update in resource.get("refUpdates") or ():
            name = update.get("name") if isinstance(update, dict) else None
            if isinstance(name, str) and name.startswith("refs/heads/"):
                yield ObserveBranch(repository_id=id, name=name.removeprefix("refs/heads/")), None
    elif event in _PULL_REQUEST_EVENTS:
        yield ObservePullRequest(repository_id=id, number=resource.get("pullRequestId", 0)), None


def _build(resource: Json) -> Iterator[Seen]:
    run_id = _run_id(resource)
    if run_id is not None:
        yield ObserveRun(run_id=run_id), _key("build", run_id, None, resource.get("result"), resource)


def _run(event: str, resource: Json) -> Iterator[Seen]:
    stage, job = _part(resource, "stage"), _part(resource, "job")
    candidates = (_part(resource, "run"), _part(stage, "run"), _part(job, "run"), resource)
    run_id = next((id for one in candidates if (id := _run_id(one)) is not None), None)
    if run_id is None:
        return
    subject = job if "job-" in event else stage if "stage-" in event else candidates[0]
    what = subject.get("id") or subject.get("name")
    yield ObserveRun(run_id=run_id), _key(event, run_id, what, subject.get("state"), subject)


def _key(event: str, run_id: int, what: object, state: object, subject: Json) -> Key | None:
    """None where the payload does not say how things stand: then it may be about anything."""
    if not isinstance(state, str):
        return None
    return (event, run_id, what, subject.get("attempt"), state, subject.get("result"))


def _run_id(resource: Json) -> int | None:
    """The id, or what an address of it ends with."""
    for name in ("id", "runId", "buildId"):
        value = resource.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
    links = _part(resource, "_links")
    addresses = [resource.get("url"), resource.get("uri")]
    addresses += [_part(links, name).get("href") for name in ("self", "web", "pipeline.web")]
    for address in addresses:
        if isinstance(address, str) and (found := _RUN_ADDRESS.fullmatch(address)):
            return int(found[1])
    return None


def registry_observations(hook: Json, partition: Partition) -> Iterator[Seen]:
    """A manifest was pushed or deleted; only those of this project's own repositories count."""
    target, request = _part(hook, "target"), _part(hook, "request")
    repository, digest, host = target.get("repository"), target.get("digest"), request.get("host")
    if not (isinstance(repository, str) and isinstance(digest, str) and isinstance(host, str)):
        return
    if repository.startswith(registry_prefix(partition)):
        yield ObserveImage(registry=host, repository=repository, digest=digest), None


def _part(of: Json, name: str) -> Json:
    part = of.get(name)
    return part if isinstance(part, dict) else {}
