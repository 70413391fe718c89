"""The `GitOpsAgent` port on Argo CD's Applications; counterpart: `adapters.memory.gitops_agent`.

An environment is the Application that is named as its namespace.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, override

from adapters.kubernetes.client import ClusterCall, Json, KubernetesApi, Superseded, part, text
from adapters.kubernetes.kinds import APPLICATION
from adapters.kubernetes.objects import resource_of
from adapters.kubernetes.revisions import commit_of
from domain.kernel.errors import Rejected
from domain.kernel.naming import environment_namespace
from domain.ports import GitOpsAgent
from domain.provided import EnvironmentHandle, ProvidedDrift, ProvidedResource, ProvidedSync

OPERATION_ID = "cs-operation-id"
REFRESH = "argocd.argoproj.io/refresh"

_INITIATOR = "software-factory"
_ENDED = ("Succeeded", "Failed", "Error")


class ArgoCdAgent(GitOpsAgent):
    """`namespace`: where the Applications are. They are synced with pruning, unless their own automated
    policy has it off."""

    def __init__(self, api: KubernetesApi, namespace: str = "argocd") -> None:
        self._api, self._namespace = api, namespace

    @override
    async def reconcile(self, environment: EnvironmentHandle, *, token: str) -> None:
        call, path = self._api.call(environment.environment), self._path(environment)
        while True:
            found = await call.get(path)
            if found is None:
                raise _no_agent(environment)
            if token in (_requested(found), _token(found.get("operation")), _ran(found)):
                return
            if part(found, "operation"):
                # The field has room for one: what is there would be lost, by whoever asked for it.
                await call.pause("another sync is under way")
                continue
            try:
                if await call.merge(path, _sync_patch(found, token)) is None:
                    raise _no_agent(environment)
                return
            except Superseded:
                # Perhaps by our own patch, whose answer was lost: look again.
                await call.pause("the Application changes all the time")

    @override
    async def sync(self, environment: EnvironmentHandle) -> ProvidedSync | None:
        if not self._api.has(environment.environment):
            return None
        found = await self._api.call(environment.environment).get(self._path(environment))
        if found is None:
            return None
        desired = _revision(part(found, "status", "sync"))
        ready, message = _readiness(found, desired)
        resources = [_resource(one) for one in _resources(found) if not one.get("requiresPruning")]
        return ProvidedSync(desired, _applied(found), _handled(found), ready, message, tuple(resources))

    @override
    async def drift(
        self, environment: EnvironmentHandle, desired: Sequence[Mapping[str, Any]]
    ) -> Sequence[ProvidedDrift]:
        call: ClusterCall = self._api.call(environment.environment)
        namespace = environment_namespace(environment.partition, environment.environment)
        wanted = [resource_of(one, namespace) for one in desired]
        found = await call.get(self._path(environment))
        if found is None:
            raise _no_agent(environment)
        changes = {_identity(_resource(one)): _change(one) for one in _resources(found)}
        drifts = []
        for resource in wanted:
            cluster_wide = ProvidedResource(resource.api_version, resource.kind, "", resource.name)
            for one in (resource, cluster_wide):
                change = changes.get(_identity(one))
                if change is not None:
                    drifts.append(ProvidedDrift(one, change))
        return tuple(drifts)

    def _path(self, environment: EnvironmentHandle) -> str:
        name = environment_namespace(environment.partition, environment.environment)
        return APPLICATION.path(self._namespace, name)


def _no_agent(environment: EnvironmentHandle) -> Rejected:
    name = environment_namespace(environment.partition, environment.environment)
    return Rejected(f"environment {environment.environment} has no Application named {name}")


def _sync_patch(found: Json, token: str) -> Json:
    """A sync, and a look at the branch past all caches; only if the Application is still as we read it."""
    policy = part(found, "spec", "syncPolicy")
    automated = policy.get("automated")
    prune = automated.get("prune") is True if isinstance(automated, dict) else True
    options = policy.get("syncOptions")
    sync: Json = {"prune": prune, **({"syncOptions": options} if isinstance(options, list) else {})}
    return {
        "metadata": {
            "resourceVersion": text(found, "metadata", "resourceVersion"),
            # What ran is forgotten with the next operation: the annotation is what makes a repeat harmless.
            "annotations": {OPERATION_ID: token, REFRESH: "hard"},
        },
        "operation": {
            "initiatedBy": {"username": _INITIATOR},
            "info": [{"name": OPERATION_ID, "value": token}],
            "sync": sync,
        },
    }


def _readiness(found: Json, desired: str | None) -> tuple[bool | None, str]:
    """Whether what was fetched last is applied and healthy, and the words that tell."""
    state, health = part(found, "status", "operationState"), part(found, "status", "health")
    message = text(state, "message") or ""
    if part(found, "operation") or _is_refreshing(found) or state.get("phase") not in _ENDED:
        return None, message
    ran = _revision(part(state, "syncResult"))
    if ran not in (None, desired):
        return None, message
    if state.get("phase") != "Succeeded":
        return False, message
    if complaint := _complaint(found):
        return None, complaint
    words = text(health, "message") or message
    if not _is_assessed(found):
        return None, words
    return {"Healthy": True, "Degraded": False}.get(str(health.get("status"))), words


def _applied(found: Json) -> str | None:
    """The commit of the last sync; None unless all of it is applied, and healthy: Argo CD keeps no record of
    what once was, and a commit from before would look like a step back."""
    state = part(found, "status", "operationState")
    if state.get("phase") != "Succeeded" or not _is_assessed(found):
        return None
    if part(found, "status", "health").get("status") != "Healthy":
        return None
    # Somebody may have picked a few resources; then the rest is as it was.
    some = part(state, "operation", "sync").get("resources")
    if some and part(found, "status", "sync").get("status") != "Synced":
        return None
    return _revision(part(state, "syncResult"))


def _is_assessed(found: Json) -> bool:
    """Whether the health is that of what the last sync applied, not of what was there before."""
    return _moment(found, "status", "reconciledAt") >= _moment(
        found, "status", "operationState", "finishedAt"
    )


def _handled(found: Json) -> str | None:
    requested = _requested(found)
    if requested is not None and _token(found.get("operation")) != requested and not _is_refreshing(found):
        return requested
    ended = text(found, "status", "operationState", "phase") in _ENDED
    return _ran(found) if ended and not part(found, "operation") else None


def _requested(found: Json) -> str | None:
    return text(found, "metadata", "annotations", OPERATION_ID)


def _ran(found: Json) -> str | None:
    return _token(part(found, "status", "operationState").get("operation"))


def _token(operation: Any) -> str | None:
    info = operation.get("info") if isinstance(operation, dict) else None
    for one in info if isinstance(info, list) else []:
        if isinstance(one, dict) and one.get("name") == OPERATION_ID:
            return text(one, "value")
    return None


def _is_refreshing(found: Json) -> bool:
    return text(found, "metadata", "annotations", REFRESH) is not None


def _revision(one: Json) -> str | None:
    """Of several sources the first counts."""
    several = one.get("revisions")
    first = several[0] if isinstance(several, list) and several else None
    return commit_of(one.get("revision")) or commit_of(first)


def _complaint(found: Json) -> str | None:
    """Why the branch can't be compared with what runs."""
    conditions = part(found, "status").get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and str(condition.get("type")).endswith("Error"):
            return text(condition, "message") or str(condition.get("type"))
    return None


def _resources(found: Json) -> list[Json]:
    resources = part(found, "status").get("resources")
    return [one for one in resources if isinstance(one, dict)] if isinstance(resources, list) else []


def _resource(one: Json) -> ProvidedResource:
    group, version = text(one, "group"), text(one, "version") or ""
    api_version = f"{group}/{version}" if group else version
    return ProvidedResource(
        api_version, text(one, "kind") or "", text(one, "namespace") or "", text(one, "name") or ""
    )


def _identity(resource: ProvidedResource) -> tuple[str, str, str, str]:
    """The version is not a part of it: the same object is served in several."""
    group = resource.api_version.rpartition("/")[0]
    return group, resource.kind, resource.namespace, resource.name


def _change(one: Json) -> str | None:
    if one.get("status") != "OutOfSync":
        return None
    if part(one, "health").get("status") == "Missing":
        return "is gone"
    return "is not as the branch has it, says Argo CD"


def _moment(one: Json, *path: str) -> datetime:
    written = text(one, *path)
    try:
        return datetime.fromisoformat(written) if written is not None else datetime.fromisoformat(_NEVER)
    except ValueError:
        return datetime.fromisoformat(_NEVER)


_NEVER = "0001-01-01T00:00:00+00:00"
