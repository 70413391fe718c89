"""What the state of Flux's two objects comes to."""

from typing import Any

import pytest

from adapters.kubernetes.client import KubernetesApi
from adapters.kubernetes.flux import REQUESTED_AT, FluxAgent
from adapters.kubernetes.kinds import GIT_REPOSITORY, KUSTOMIZATION
from adapters.kubernetes.revisions import commit_of
from domain.kernel.errors import Rejected, Unavailable
from domain.provided import ProvidedResource, ProvidedSync
from tests.adapters import scripted_cluster
from tests.adapters.scripted_cluster import ENVIRONMENT, NAMESPACE, ScriptedCluster, answers, merged, status

scripted, api = scripted_cluster.scripted, scripted_cluster.api

type Json = dict[str, Any]

NEW, OLD = "b" * 40, "a" * 40
SOURCE = GIT_REPOSITORY.path(NAMESPACE, "gitops")
APPLIER = KUSTOMIZATION.path(NAMESPACE, "gitops")


def condition(type: str, state: str, reason: str = "Because", message: str = "", seen: int = 1) -> Json:
    said = message or f"{type} is {state}"
    return {"type": type, "status": state, "reason": reason, "message": said, "observedGeneration": seen}


def source(*conditions: Json, revision: str = f"env/staging@sha1:{NEW}", **status: Any) -> Json:
    state = {"artifact": {"revision": revision}, "observedGeneration": 1, "lastHandledReconcileAt": "cmd-1"}
    ready = [condition("Ready", "True")]
    whole = {**state, "conditions": list(conditions) or ready, **status}
    return {"kind": "GitRepository", "metadata": {"generation": 1}, "spec": {}, "status": whole}


def kustomization(*conditions: Json, revision: str = f"env/staging@sha1:{NEW}", **status: Any) -> Json:
    state = {
        "lastAppliedRevision": revision,
        "lastAttemptedRevision": revision,
        "observedGeneration": 1,
        "lastHandledReconcileAt": "cmd-1",
    }
    ready = [condition("Ready", "True")]
    whole = {**state, "conditions": list(conditions) or ready, **status}
    spec = {"sourceRef": {"kind": "GitRepository", "name": "gitops"}}
    return {"kind": "Kustomization", "metadata": {"generation": 1}, "spec": spec, "status": whole}


async def sync_of(scripted: ScriptedCluster, api: KubernetesApi, *objects: Json) -> ProvidedSync:
    for path, one in zip((SOURCE, APPLIER), objects, strict=True):
        scripted.put(path, one)
    found = await FluxAgent(api).sync(ENVIRONMENT)
    assert found is not None and await FluxAgent(api).sync(ENVIRONMENT) == found
    return found


@pytest.mark.parametrize(
    ("revision", "commit"),
    [
        (f"main@sha1:{NEW}", NEW),
        (f"env/staging@sha1:{NEW}", NEW),
        (f"refs/heads/main@sha1:{NEW}", NEW),
        (f"main/{NEW}", NEW),
        (f"env/staging/{NEW}", NEW),
        (f"sha1:{NEW}", NEW),
        (f"v1@sha256:{'c' * 64}", "c" * 64),
        (NEW, NEW),
        ("main", None),
        ("", None),
        (None, None),
        (3, None),
        (f"main@sha1:{NEW[1:]}", None),
        (f"main@sha1:{NEW}0", None),
        ("6.1.0", None),
    ],
)
def test_a_revision_names_its_commit(revision: object, commit: str | None) -> None:
    assert commit_of(revision) == commit


PROGRESSING = condition("Reconciling", "True", "Progressing", "Running health checks")
RETRYING = condition("Reconciling", "True", "ProgressingWithRetry", "Health check failed")
UNKNOWN = condition("Ready", "Unknown", "Progressing", "Running health checks")
FAILED = condition("Ready", "False", "HealthCheckFailed", "timeout waiting for Deployment/orders")
UNBUILT = condition("Ready", "False", "BuildFailed", "kustomize build failed")
UNFETCHED = condition("Ready", "False", "GitOperationFailed", "authentication required")
TERMINAL = condition("Stalled", "True", "URLInvalid", "no such scheme")


@pytest.mark.parametrize(
    ("objects", "ready", "message"),
    [
        ((source(), kustomization()), True, "Ready is True"),
        ((source(), kustomization(UNKNOWN, PROGRESSING)), None, "Running health checks"),
        ((source(), kustomization(condition("Ready", "True"), PROGRESSING)), None, "Ready is True"),
        ((source(), kustomization(FAILED, RETRYING)), False, "timeout waiting for Deployment/orders"),
        ((source(), kustomization(UNBUILT)), False, "kustomize build failed"),
        # Failed, but not with what is wanted now.
        ((source(), kustomization(FAILED, revision=f"main@sha1:{OLD}")), None, FAILED["message"]),
        ((source(), kustomization(revision=f"main@sha1:{OLD}")), None, "Ready is True"),
        # What others are waited for with may still come.
        (
            (source(), kustomization(condition("Ready", "False", "DependencyNotReady", "wait"))),
            None,
            "wait",
        ),
        ((source(), kustomization(condition("Ready", "False", "ArtifactFailed", "gone"))), None, "gone"),
        ((source(), kustomization(condition("Ready", "False", "HealthCheckCanceled", "new"))), None, "new"),
        ((source(UNFETCHED), kustomization()), None, "authentication required"),
        ((source(UNFETCHED, TERMINAL), kustomization()), False, "no such scheme"),
        ((source(), kustomization(FAILED, TERMINAL)), False, "no such scheme"),
        ((source(), kustomization(FAILED, TERMINAL, revision=f"main@sha1:{OLD}")), None, FAILED["message"]),
        # A failure is not counted in the status, only in the condition.
        ((source(), kustomization(FAILED, RETRYING, observedGeneration=-1)), False, FAILED["message"]),
        ((source(), {**kustomization(), "metadata": {"generation": 2}}), None, "Ready is True"),
        (({**source(), "metadata": {"generation": 2}}, kustomization()), None, "Ready is True"),
        ((source(), kustomization(FAILED, observedGeneration=0) | {"metadata": {"generation": 2}}), None, ""),
        # Nobody has looked at it yet.
        (({**source(), "status": {}}, {**kustomization(), "status": {}}), None, ""),
        (({**source(), "status": None}, {**kustomization(), "status": None}), None, ""),
        ((source(), kustomization(status=3, conditions="x")), None, ""),
    ],
)
async def test_whether_it_is_ready(
    scripted: ScriptedCluster,
    api: KubernetesApi,
    objects: tuple[Json, Json],
    ready: bool | None,
    message: str,
) -> None:
    found = await sync_of(scripted, api, *objects)
    assert found.ready is ready
    assert message in found.message


@pytest.mark.parametrize(
    ("objects", "handled"),
    [
        ((source(), kustomization()), "cmd-1"),
        ((source(lastHandledReconcileAt="cmd-2"), kustomization()), None),
        ((source(), kustomization(lastHandledReconcileAt="cmd-2")), None),
        # The Kustomization was asked before its source had fetched, and applied what was there.
        ((source(), kustomization(revision=f"main@sha1:{OLD}")), None),
        ((source(), kustomization(UNKNOWN, PROGRESSING, lastAppliedRevision=f"main@sha1:{OLD}")), None),
        ((source(), kustomization(FAILED, lastAppliedRevision=f"main@sha1:{OLD}")), "cmd-1"),
        # The request was carried out, though nothing came of it.
        ((source(UNFETCHED), kustomization()), "cmd-1"),
        ((source(lastHandledReconcileAt=None), kustomization(lastHandledReconcileAt=None)), None),
    ],
)
async def test_a_request_is_handled_when_both_have(
    scripted: ScriptedCluster, api: KubernetesApi, objects: tuple[Json, Json], handled: str | None
) -> None:
    assert (await sync_of(scripted, api, *objects)).handled_token == handled


async def test_the_commits_are_those_of_fetching_and_applying(
    scripted: ScriptedCluster, api: KubernetesApi
) -> None:
    attempt = {"lastAppliedRevision": f"main/{OLD}", "lastAttemptedRevision": f"main/{NEW}"}
    found = await sync_of(scripted, api, source(revision=f"main/{NEW}"), kustomization(FAILED, **attempt))
    assert (found.desired_sha, found.applied_sha, found.ready) == (NEW, OLD, False)


async def test_what_it_has_applied_is_its_inventory(scripted: ScriptedCluster, api: KubernetesApi) -> None:
    entries: list[Any] = [
        {"id": "shop_orders_apps_Deployment", "v": "v1"},
        {"id": "shop_orders__Service", "v": "v1"},
        {"id": "_system__view_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
        {"id": "_gadgets.example.com_apiextensions.k8s.io_CustomResourceDefinition", "v": "v1"},
        {"id": "nonsense", "v": "v1"},
        {},
        "text",
    ]
    found = await sync_of(scripted, api, source(), kustomization(inventory={"entries": entries}))
    assert found.resources == (
        ProvidedResource("apps/v1", "Deployment", "shop", "orders"),
        ProvidedResource("v1", "Service", "shop", "orders"),
        ProvidedResource("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:view"),
        ProvidedResource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "gadgets.example.com"),
    )


async def test_what_is_suspended_says_so(scripted: ScriptedCluster, api: KubernetesApi) -> None:
    applier = merged(kustomization(UNKNOWN), {"spec": {"suspend": True}})
    found = await sync_of(scripted, api, source(), applier)
    assert (found.ready, found.message) == (None, "Kustomization is suspended; before: Running health checks")


async def test_a_request_is_written_to_the_source_first(
    scripted: ScriptedCluster, api: KubernetesApi
) -> None:
    scripted.put(SOURCE, source())
    scripted.put(APPLIER, kustomization())
    for _ in range(2):
        await FluxAgent(api).reconcile(ENVIRONMENT, token="cmd-2")
    patches = [(path, query, body) for method, path, query, body in scripted.requests if method == "PATCH"]
    body = {"metadata": {"annotations": {REQUESTED_AT: "cmd-2"}}}
    query = {"fieldManager": "cs-runtime"}
    assert patches == [(SOURCE, query, body), (APPLIER, query, body)] * 2
    versions = [scripted.objects[path]["metadata"]["resourceVersion"] for path in (SOURCE, APPLIER)]
    assert versions == ["3", "4"]


async def test_the_kustomization_is_the_one_that_applies_the_source(
    scripted: ScriptedCluster, api: KubernetesApi
) -> None:
    scripted.put(SOURCE, source())
    other = merged(kustomization(), {"spec": {"sourceRef": {"name": "other"}}})
    scripted.put(KUSTOMIZATION.path(NAMESPACE, "other"), other)
    assert await FluxAgent(api).sync(ENVIRONMENT) is None
    scripted.put(KUSTOMIZATION.path(NAMESPACE, "anything"), kustomization(UNBUILT))
    found = await FluxAgent(api).sync(ENVIRONMENT)
    assert found is not None and found.ready is False
    # Two that nobody could choose among.
    scripted.put(KUSTOMIZATION.path(NAMESPACE, "second"), kustomization())
    with pytest.raises(Rejected, match="has no GitOps agent"):
        await FluxAgent(api).reconcile(ENVIRONMENT, token="cmd-1")
    for name in (NAMESPACE, "gitops"):
        scripted.put(KUSTOMIZATION.path(NAMESPACE, name), kustomization())
        found = await FluxAgent(api).sync(ENVIRONMENT)
        assert found is not None and found.ready is True


async def test_half_an_agent_is_none(scripted: ScriptedCluster, api: KubernetesApi) -> None:
    scripted.put(APPLIER, kustomization())
    assert await FluxAgent(api).sync(ENVIRONMENT) is None
    with pytest.raises(Rejected, match="has no GitOps agent"):
        await FluxAgent(api).reconcile(ENVIRONMENT, token="cmd-1")


async def test_a_permission_that_is_missing_is_no_missing_agent(
    scripted: ScriptedCluster, api: KubernetesApi
) -> None:
    for call in (FluxAgent(api).sync(ENVIRONMENT), FluxAgent(api).reconcile(ENVIRONMENT, token="cmd-1")):
        scripted.faults = [answers(status(403, "gitrepositories is forbidden"))]
        with pytest.raises(Unavailable, match="our identity lacks a permission: gitrepositories"):
            await call
