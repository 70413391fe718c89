"""How what runs is compared with what should, and in which words it is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.kubernetes.client import KubernetesApi
from adapters.kubernetes.differences import sentence
from adapters.kubernetes.flux import FluxAgent
from adapters.kubernetes.kinds import KUSTOMIZATION, Kind
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import EnvironmentHandle, ProvidedDrift, ProvidedResource
from tests import environments
from tests.adapters import scripted_cluster
from tests.adapters.scripted_cluster import ENVIRONMENT, NAMESPACE, ScriptedCluster, status
from tests.contracts.gitops_sites import FluxSite, handled
from tests.environments import RunningCluster, config_map, deployment, namespace_of

running_cluster, cluster = environments.running_cluster, environments.cluster
scripted, api = scripted_cluster.scripted, scripted_cluster.api

type Json = dict[str, Any]

CONFIG_MAP = Kind("v1", "configmaps", namespaced=True)


def of(kind: str = "Gadget", metadata: Json | None = None, **rest: Any) -> Json:
    return {"kind": kind, "metadata": {"name": "a", **(metadata or {})}, **rest}


def one_container(**fields: Any) -> Json:
    return {"containers": [{"name": "sidecar", "image": "s:1"}, {"name": "app", **fields}]}


@pytest.mark.parametrize(
    ("live", "wanted", "told"),
    [
        (of(spec={"replicas": 5}), of(spec={"replicas": 2}), "spec.replicas is 5, not 2"),
        (of(spec={"a": {"b": True}}), of(spec={"a": {"b": False}}), "spec.a.b is true, not false"),
        (of(spec={}), of(spec={"replicas": 2}), "spec.replicas is not set, but should be 2"),
        (of(spec={"paused": True}), of(spec={}), "spec.paused is true, but should not be set"),
        (
            of(spec=one_container(image="x:2")),
            of(spec=one_container(image="x:1")),
            "spec.containers[app].image is x:2, not x:1",
        ),
        (of(spec={"containers": []}), of(spec={"containers": []}), None),
        (
            of(spec={"containers": [{"name": "evil", "image": "e"}]}),
            of(spec={"containers": []}),
            "spec.containers[evil] is set, but should not be set",
        ),
        (of(spec={"args": ["a", "b"]}), of(spec={"args": ["a"]}), 'spec.args is ["a", "b"], not ["a"]'),
        # Without names that are their own, lists are compared as they are.
        (
            of(spec={"ports": [{"name": "a"}, {"name": "a"}]}),
            of(spec={"ports": [{"name": "a"}]}),
            "spec.ports is not what it should be",
        ),
        (
            of(metadata={"annotations": {"example.com/a": ""}}),
            of(metadata={"annotations": {"example.com/a": "b"}}),
            'metadata.annotations[example.com/a] is "", not b',
        ),
        (of(spec={"x": "line\none"}), of(spec={"x": "y" * 80}), f"spec.x is line one, not {'y' * 59}…"),
        (
            of(spec={"a": 1, "b": 1}),
            of(spec={"a": 2, "b": 2}),
            "spec.a is 1, not 2; spec.b is 1, not 2",
        ),
        (
            of(data={str(n): 1 for n in range(8)}),
            of(data={str(n): 2 for n in range(8)}),
            "; ".join(f"data.{n} is 1, not 2" for n in range(5)) + "; and 3 more",
        ),
        # What nobody may read.
        (
            of("Secret", data={"key": "old"}),
            of("Secret", data={"key": "new"}),
            "data.key is not what it should be",
        ),
        (
            of(spec=one_container(env=[{"name": "PASSWORD", "value": "a"}])),
            of(spec=one_container(env=[{"name": "PASSWORD", "value": "b"}])),
            "spec.containers[app].env[PASSWORD].value is not what it should be",
        ),
        (
            of(spec=one_container(env=[{"name": "PASSWORD", "value": "a"}])),
            of(spec=one_container()),
            "spec.containers[app].env is set, but should not be set",
        ),
        (
            of(spec=one_container()),
            of(spec=one_container(env=[{"name": "PASSWORD", "value": "a"}])),
            "spec.containers[app].env is not set, but should be",
        ),
        # What the server and its controllers write.
        (of(metadata={"resourceVersion": "1", "generation": 1, "uid": "x"}), of(), None),
        (of(metadata={"managedFields": [1], "creationTimestamp": "now"}), of(), None),
        (of(status={"replicas": 1}), of(status={"replicas": 2}), None),
        (of(metadata={"labels": {}}, spec={"x": None}), of(spec={"x": []}), None),
    ],
)
def test_a_difference_is_told_by_its_field(live: Json, wanted: Json, told: str | None) -> None:
    assert sentence(live, wanted) == told


@pytest.fixture
async def site(cluster: RunningCluster, tmp_path: Path) -> AsyncIterator[FluxSite]:
    made = FluxSite(cluster, tmp_path)
    yield made
    await made.api.close()


async def test_a_real_cluster_is_compared_field_by_field(
    cluster: RunningCluster, site: FluxSite, tmp_path: Path
) -> None:
    environment = EnvironmentHandle(Partition(f"tenant-{tmp_path.name}", "shop"), "staging")
    namespace = namespace_of(environment)
    labelled = {**config_map("fast"), "metadata": {"name": "orders", "labels": {"tier": "ops"}}}
    login = {"stringData": {"password": "hunter2"}, "metadata": {"name": "login"}}
    secret = {"apiVersion": "v1", "kind": "Secret", **login}
    desired = [deployment(), labelled, secret]
    await site.commit(environment, desired)
    await site.connect(environment)
    await handled(site, environment, "cmd-1")
    assert await site.agent.drift(environment, desired) == ()

    async def change(api_version: str, kind: str, name: str, patch: Json) -> None:
        where = {"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name}
        await cluster.local("POST", "drift", {**where, "patch": patch})

    evil = {"template": {"spec": {"containers": [{"name": "app", "image": "evil:1"}]}}}
    await change("apps/v1", "Deployment", "orders", {"spec": evil})
    await change("v1", "ConfigMap", "orders", {"metadata": {"labels": {"tier": None}}})
    await change("v1", "Secret", "login", {"data": {"password": "aHVudGVyMw=="}})
    before = await cluster.get(CONFIG_MAP.path(namespace, "orders"))
    image = "spec.template.spec.containers[app].image is evil:1, not registry.invalid/orders:1"
    for _ in range(2):
        drifts = await site.agent.drift(environment, desired)
        by_name = {drift.resource.kind: drift.change for drift in drifts}
        assert image in by_name.pop("Deployment")
        assert by_name == {
            "ConfigMap": "metadata.labels.tier is not set, but should be ops",
            "Secret": "data.password is not what it should be",
        }
    # Looking has changed nothing.
    assert await cluster.get(CONFIG_MAP.path(namespace, "orders")) == before
    # What the selector matches can't be changed: applying it would be refused.
    other = deployment()
    other["spec"]["selector"] = {"matchLabels": {"app": "x"}}
    (drift,) = await site.agent.drift(environment, [other])
    assert drift.change.startswith("can't become what it should be: ") and "spec.selector" in drift.change


@pytest.fixture
def agent(scripted: ScriptedCluster, api: KubernetesApi) -> FluxAgent:
    spec = {"sourceRef": {"name": "gitops"}, "commonMetadata": {"labels": {"team": "shop"}}}
    scripted.put(KUSTOMIZATION.path(NAMESPACE, "applier"), {"spec": spec})
    maps = {"name": "configmaps", "kind": "ConfigMap", "namespaced": True}
    spaces = {"name": "namespaces", "kind": "Namespace", "namespaced": False}
    scripted.put("/api/v1", {"resources": [maps, spaces]})
    return FluxAgent(api)


PATH = CONFIG_MAP.path(NAMESPACE, "orders")
RESOURCE = ProvidedResource("v1", "ConfigMap", NAMESPACE, "orders")


async def test_it_is_asked_as_the_agent_would_apply(scripted: ScriptedCluster, agent: FluxAgent) -> None:
    scripted.put(PATH, config_map("slow"))
    scripted.applies = lambda live, wanted: {**live, "data": wanted["data"]}
    drifts = await agent.drift(ENVIRONMENT, [config_map("fast")])
    assert drifts == (ProvidedDrift(RESOURCE, "data.mode is slow, not fast"),)
    _, path, query, body = scripted.requests[-1]
    assert (path, query["dryRun"], query["fieldManager"]) == (PATH, "All", "kustomize-controller")
    assert query["force"] == "true"
    # Without what the agent adds to each object its labels would look like drift.
    assert body["metadata"] == {
        "name": "orders",
        "namespace": NAMESPACE,
        "labels": {
            "team": "shop",
            "kustomize.toolkit.fluxcd.io/name": "applier",
            "kustomize.toolkit.fluxcd.io/namespace": NAMESPACE,
        },
    }


async def test_another_namespaces_object_is_refused(scripted: ScriptedCluster, agent: FluxAgent) -> None:
    foreign = {**config_map("fast"), "metadata": {"name": "orders", "namespace": "other"}}
    with pytest.raises(Rejected, match="ConfigMap orders is of namespace other, not of this environment's"):
        await agent.drift(ENVIRONMENT, [foreign])
    assert not any("namespaces/other" in path for _, path, _, _ in scripted.requests)


async def test_what_belongs_to_no_namespace_is_compared_too(
    scripted: ScriptedCluster, agent: FluxAgent
) -> None:
    wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    (drift,) = await agent.drift(ENVIRONMENT, [wanted])
    assert drift == ProvidedDrift(ProvidedResource("v1", "Namespace", "", "shop"), "is gone")


async def test_what_is_on_its_way_out_and_what_no_cluster_knows_is_drift(
    scripted: ScriptedCluster, agent: FluxAgent
) -> None:
    scripted.put(PATH, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    gadget = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "a"}}
    changes = [drift.change for drift in await agent.drift(ENVIRONMENT, [config_map("fast"), gadget])]
    assert changes == ["is being deleted", "is gone: the cluster knows no Gadget any more"]


async def test_what_is_applied_only_once_does_not_drift(scripted: ScriptedCluster, agent: FluxAgent) -> None:
    once = config_map("fast")
    once["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}
    (drift,) = await agent.drift(ENVIRONMENT, [once])
    assert drift.change == "is gone"
    scripted.put(PATH, config_map("slow"))
    assert await agent.drift(ENVIRONMENT, [once]) == ()


@pytest.mark.parametrize(
    ("code", "outcome"), [(422, None), (400, Rejected), (403, Unavailable), (409, Unavailable)]
)
async def test_what_can_not_be_applied_over_what_is_there(
    scripted: ScriptedCluster, agent: FluxAgent, code: int, outcome: type[Exception] | None
) -> None:
    scripted.put(PATH, config_map("slow"))
    scripted.applies = lambda live, wanted: status(code, "data: field is immutable")
    if outcome is None:
        (drift,) = await agent.drift(ENVIRONMENT, [config_map("fast")])
        assert drift.change.endswith("data: field is immutable")
        return
    with pytest.raises(outcome, match="data: field is immutable"):
        await agent.drift(ENVIRONMENT, [config_map("fast")])
