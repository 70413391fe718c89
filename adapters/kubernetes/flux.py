"""The `GitOpsAgent` port on Flux's objects; counterpart: `adapters.memory.gitops_agent`.

An environment's namespace holds a GitRepository and a Kustomization that applies it. One controller fetches,
another applies; they know of each other by the revision alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, override

from adapters.kubernetes.client import ClusterCall, Json, KubernetesApi, number, part, text
from adapters.kubernetes.drift import find_drift
from adapters.kubernetes.kinds import GIT_REPOSITORY, KUSTOMIZATION
from adapters.kubernetes.revisions import commit_of
from domain.kernel.errors import Rejected
from domain.kernel.naming import environment_namespace
from domain.ports import GitOpsAgent
from domain.provided import EnvironmentHandle, ProvidedDrift, ProvidedResource, ProvidedSync

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
FIELD_MANAGER = "kustomize-controller"

# Reasons for which Ready is False though nothing of the revision has failed.
_WAITING = ("DependencyNotReady", "ArtifactFailed", "HealthCheckCanceled", "Progressing")


class FluxAgent(GitOpsAgent):
    """`name`: how the GitRepository is called in every environment. Of several Kustomizations that apply it
    the one counts that is named as the source, or as the namespace. It must wait for what it applies
    (`wait: true`): only then is what it has applied healthy too."""

    def __init__(self, api: KubernetesApi, name: str = "gitops") -> None:
        self._api, self._source = api, name

    @override
    async def reconcile(self, environment: EnvironmentHandle, *, token: str) -> None:
        call, namespace = self._api.call(environment.environment), _namespace(environment)
        kustomization = await self._kustomization(call, namespace)
        if kustomization is None:
            raise _no_agent(environment, namespace)
        # The same value again changes nothing, and so has no controller do anything.
        patch = {"metadata": {"annotations": {REQUESTED_AT: token}}}
        name = str(part(kustomization, "metadata").get("name"))
        for path in (GIT_REPOSITORY.path(namespace, self._source), KUSTOMIZATION.path(namespace, name)):
            if await call.merge(path, patch) is None:
                raise _no_agent(environment, namespace)

    @override
    async def sync(self, environment: EnvironmentHandle) -> ProvidedSync | None:
        if not self._api.has(environment.environment):
            return None
        call, namespace = self._api.call(environment.environment), _namespace(environment)
        # In this order: an applied state that is newer than the source's is told from what was asked for.
        source = await call.get(GIT_REPOSITORY.path(namespace, self._source))
        kustomization = await self._kustomization(call, namespace)
        if source is None or kustomization is None:
            return None
        desired = commit_of(part(source, "status", "artifact").get("revision"))
        attempted = commit_of(part(kustomization, "status").get("lastAttemptedRevision"))
        ready, message = _readiness(source, kustomization, is_attempted=attempted == desired)
        applied = commit_of(part(kustomization, "status").get("lastAppliedRevision"))
        tokens = [text(one, "status", "lastHandledReconcileAt") for one in (source, kustomization)]
        # Asked at once, the Kustomization may have been quicker than its source, with what was before: it has
        # carried the request out when its attempt at what came of it has ended.
        has_ended = applied == desired or _condition(kustomization, "Ready").get("status") == "False"
        is_handled = tokens[0] == tokens[1] and attempted == desired and has_ended
        return ProvidedSync(
            desired_sha=desired,
            applied_sha=applied,
            handled_token=tokens[0] if is_handled else None,
            ready=ready,
            message=message,
            resources=_inventory(kustomization),
        )

    @override
    async def drift(
        self, environment: EnvironmentHandle, desired: Sequence[Mapping[str, Any]]
    ) -> Sequence[ProvidedDrift]:
        call, namespace = self._api.call(environment.environment), _namespace(environment)
        kustomization = await self._kustomization(call, namespace)
        if kustomization is None:
            raise _no_agent(environment, namespace)
        target = text(kustomization, "spec", "targetNamespace")
        owner = {
            "kustomize.toolkit.fluxcd.io/name": str(part(kustomization, "metadata").get("name")),
            "kustomize.toolkit.fluxcd.io/namespace": namespace,
        }
        labels = {**part(kustomization, "spec", "commonMetadata", "labels"), **owner}
        if target is not None:
            desired = [_moved(wanted, target) for wanted in desired]
        return await find_drift(
            call, desired, namespace=target or namespace, manager=FIELD_MANAGER, labels=labels
        )

    async def _kustomization(self, call: ClusterCall, namespace: str) -> Json | None:
        """What applies the source; None where nothing does, or several that we can't choose among."""
        found = {
            str(part(one, "metadata").get("name")): one
            for one in await call.list(KUSTOMIZATION.path(namespace))
            if part(one, "spec", "sourceRef").get("name") == self._source
        }
        if len(found) == 1:
            return next(iter(found.values()))
        return found.get(self._source) or found.get(namespace)


def _namespace(environment: EnvironmentHandle) -> str:
    return environment_namespace(environment.partition, environment.environment)


def _moved(wanted: Mapping[str, Any], namespace: str) -> Json:
    """As Flux applies it where a target namespace is set."""
    return {**wanted, "metadata": {**part(dict(wanted), "metadata"), "namespace": namespace}}


def _no_agent(environment: EnvironmentHandle, namespace: str) -> Rejected:
    return Rejected(f"environment {environment.environment} has no GitOps agent in namespace {namespace}")


def _readiness(source: Json, kustomization: Json, *, is_attempted: bool) -> tuple[bool | None, str]:
    """Whether what was fetched last is applied and healthy, and whose words tell."""
    fetched, applied = _condition(source, "Ready"), _condition(kustomization, "Ready")
    if _is_stalled(source):
        return False, _message(_condition(source, "Stalled"), source)
    if _is_behind(source) or fetched.get("status") != "True":
        return None, _message(fetched, source)
    if _is_stalled(kustomization) and is_attempted:
        return False, _message(_condition(kustomization, "Stalled"), kustomization)
    message = _message(applied, kustomization)
    if _is_behind(kustomization) or not is_attempted:
        return None, message
    if applied.get("status") == "False":
        return (None if applied.get("reason") in _WAITING else False), message
    reconciling = _condition(kustomization, "Reconciling").get("status") == "True"
    return (True if applied.get("status") == "True" and not reconciling else None), message


def _condition(one: Json, type: str) -> Json:
    conditions = part(one, "status").get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("type") == type:
            return condition
    return {}


def _is_stalled(one: Json) -> bool:
    return not _is_behind(one) and _condition(one, "Stalled").get("status") == "True"


def _is_behind(one: Json) -> bool:
    """Its controller has not seen it as it is now. The status counts what succeeded, conditions also what
    failed."""
    generation = number(one, "metadata", "generation")
    seen = number(one, "status", "observedGeneration"), number(_condition(one, "Ready"), "observedGeneration")
    return generation not in seen


def _message(condition: Json, one: Json) -> str:
    words = text(condition, "message") or text(condition, "reason") or ""
    if part(one, "spec").get("suspend") is True:
        words = f"{one.get('kind')} is suspended" + (f"; before: {words}" if words else "")
    return words


def _inventory(kustomization: Json) -> tuple[ProvidedResource, ...]:
    entries = part(kustomization, "status", "inventory").get("entries")
    found = (
        [_entry(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    return tuple(resource for resource in found if resource is not None)


def _entry(entry: Json) -> ProvidedResource | None:
    """`<namespace>_<name>_<group>_<kind>`, the name with `__` for each colon."""
    before, _, kind = str(entry.get("id")).rpartition("_")
    before, _, group = before.rpartition("_")
    namespace, _, name = before.partition("_")
    version = str(entry.get("v"))
    if not (kind and name):
        return None
    api_version = f"{group}/{version}" if group else version
    return ProvidedResource(api_version, kind, namespace, name.replace("__", ":"))
