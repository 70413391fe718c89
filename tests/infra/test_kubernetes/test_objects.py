"""Create, read, update, patch and delete, with the versions and refusals that clients rely on."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from infra.local.kubernetes.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
)
from tests.infra.test_kubernetes.client import JSON_PATCH, STRATEGIC, Home, RunningCluster
from tests.infra.test_kubernetes.manifests import config_map, deployment, is_rolled_out, service


async def test_without_the_token_everything_is_unauthorized(cluster: RunningCluster) -> None:
    for token in (None, "another"):
        refused = await cluster.call("GET", "/api/v1/namespaces", token=token)
        assert (refused.status, refused.body["kind"], refused.reason) == (401, "Status", "Unauthorized")


async def test_an_object_gets_an_identity_a_version_and_a_generation(home: Home) -> None:
    made = await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    metadata = made["metadata"]
    assert metadata["generation"] == 1
    assert metadata["uid"] and metadata["creationTimestamp"] and metadata["namespace"] == home.name
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    labelled = await home.merge(DEPLOYMENT, "web", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    scaled = await home.merge(DEPLOYMENT, "web", {"spec": {"replicas": 1}})
    assert scaled["metadata"]["generation"] == 2
    versions = [int(body["metadata"]["resourceVersion"]) for body in (made, labelled, scaled)]
    assert versions == sorted(set(versions))


async def test_an_update_of_an_old_version_is_a_conflict(home: Home) -> None:
    made = await home.create(CONFIG_MAP, config_map("settings", a="1"))
    assert (await home.call("PUT", CONFIG_MAP, "settings", {**made, "data": {"a": "2"}})).status == 200
    late = await home.call("PUT", CONFIG_MAP, "settings", {**made, "data": {"a": "3"}})
    assert (late.status, late.reason) == (409, "Conflict")
    assert (await home.get(CONFIG_MAP, "settings"))["data"] == {"a": "2"}


async def test_an_update_that_changes_nothing_keeps_the_version(home: Home) -> None:
    made = await home.create(CONFIG_MAP, config_map("settings", a="1"))
    again = await home.call("PUT", CONFIG_MAP, "settings", made)
    assert again.body["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_what_is_missing_or_there_already_is_said_so(home: Home) -> None:
    missing = await home.call("GET", CONFIG_MAP, "nothing")
    assert (missing.status, missing.reason) == (404, "NotFound")
    assert missing.body["message"] == 'configmaps "nothing" not found'
    await home.create(CONFIG_MAP, config_map("settings"))
    again = await home.call("POST", CONFIG_MAP, body=config_map("settings"))
    assert (again.status, again.reason) == (409, "AlreadyExists")
    nowhere = await home.cluster.call("POST", CONFIG_MAP.path("no-such-namespace"), config_map("settings"))
    assert (nowhere.status, nowhere.body["message"]) == (404, 'namespaces "no-such-namespace" not found')
    unknown = await home.cluster.call("GET", f"/apis/example.com/v1/namespaces/{home.name}/things")
    assert (unknown.status, unknown.body["kind"]) == (404, "Status")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"template": {"metadata": {"labels": {"app": "web"}}, "spec": {}}}, "spec.template.spec.containers"),
        ({"strategy": {"type": "Sudden"}}, "spec.strategy.type"),
    ],
)
async def test_an_invalid_deployment_is_refused_naming_the_field(
    home: Home, change: dict[str, Any], field: str
) -> None:
    refused = await home.call("POST", DEPLOYMENT, body=deployment("registry.local/app:1", **change))
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert refused.fields == [field]


@pytest.mark.parametrize(
    "change",
    [
        {"spec": "much"},
        {"metadata": {"name": "web", "labels": ["a"]}},
        {"spec": {"template": {"spec": {"containers": ["app"]}}}},
        {"spec": {"selector": "app=web"}},
        {"kind": "Pod"},
        {"metadata": {"name": "web", "namespace": "elsewhere"}},
    ],
)
async def test_what_is_no_deployment_at_all_is_a_bad_request(home: Home, change: dict[str, Any]) -> None:
    refused = await home.call("POST", DEPLOYMENT, body={**deployment("registry.local/app:1"), **change})
    assert (refused.status, refused.reason) == (400, "BadRequest")


async def test_a_selector_can_not_be_changed(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1", replicas=0))
    labels = {"app": "web", "tier": "front"}
    patch = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    refused = await home.call("PATCH", DEPLOYMENT, "web", patch, kind=STRATEGIC)
    assert (refused.status, refused.fields) == (422, ["spec.selector"])


async def test_a_secret_keeps_its_string_data_encoded(home: Home) -> None:
    made = await home.create(SECRET, {"metadata": {"name": "login"}, "stringData": {"user": "x"}})
    assert made["data"] == {"user": base64.b64encode(b"x").decode()}
    assert made["type"] == "Opaque" and "stringData" not in made


async def test_lists_are_selected_by_labels_and_fields_and_come_in_pages(home: Home) -> None:
    for name, tier in (("a", "front"), ("b", "back"), ("c", "front")):
        await home.create(CONFIG_MAP, {"metadata": {"name": name, "labels": {"tier": tier}}})

    async def names(query: str) -> list[str]:
        return [body["metadata"]["name"] for body in await home.list(CONFIG_MAP, query)]

    assert await names("labelSelector=tier=front") == ["a", "c"]
    assert await names("labelSelector=tier+notin+(front)") == ["b"]
    assert await names("labelSelector=!tier") == []
    assert await names("fieldSelector=metadata.name=b") == ["b"]
    first = (await home.call("GET", CONFIG_MAP, query="limit=2")).body
    assert first["metadata"]["remainingItemCount"] == 1
    assert await names(f"limit=2&continue={first['metadata']['continue']}") == ["c"]
    assert (await home.call("GET", CONFIG_MAP, query="labelSelector=a=(")).status == 400


async def test_a_dry_run_answers_what_would_be_and_keeps_nothing(home: Home) -> None:
    would = await home.call("POST", CONFIG_MAP, body=config_map("settings"), query="dryRun=All")
    assert (would.status, bool(would.body["metadata"]["uid"])) == (201, True)
    assert (await home.call("GET", CONFIG_MAP, "settings")).status == 404
    refused = await home.call("POST", SERVICE, body={"metadata": {"name": "s"}}, query="dryRun=All")
    assert refused.fields == ["spec.ports"]


async def test_strategic_merge_patches_containers_by_name(home: Home) -> None:
    body = deployment("registry.local/app:1", replicas=0)
    body["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "registry.local/side:1"})
    await home.create(DEPLOYMENT, body)
    containers = [{"name": "app", "image": "registry.local/app:2"}, {"$patch": "delete", "name": "side"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    patched = await home.call("PATCH", DEPLOYMENT, "web", patch, kind=STRATEGIC)
    found = patched.body["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in found] == ["registry.local/app:2"]


async def test_a_json_patch_is_done_whole_or_not_at_all(home: Home) -> None:
    await home.create(CONFIG_MAP, config_map("settings", a="1", b="2"))
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "3"},
        {"op": "remove", "path": "/data/b"},
    ]
    done = await home.call("PATCH", CONFIG_MAP, "settings", operations, kind=JSON_PATCH)
    assert done.body["data"] == {"a": "3"}
    again = await home.call("PATCH", CONFIG_MAP, "settings", operations, kind=JSON_PATCH)
    assert (again.status, again.reason) == (422, "Invalid")


async def test_status_and_specification_are_written_apart(home: Home) -> None:
    await home.create(SERVICE, service())
    status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    sent = {**service(), "status": status}
    sent["spec"] = {**sent["spec"], "ports": [{"port": 81}]}
    await home.call("PATCH", SERVICE, "web/status", sent, kind="application/merge-patch+json")
    found = await home.get(SERVICE, "web")
    assert (found["status"], found["spec"]["ports"][0]["port"]) == (status, 80)
    await home.merge(SERVICE, "web", {"status": {"loadBalancer": None}, "spec": {"ports": [{"port": 82}]}})
    found = await home.get(SERVICE, "web")
    assert (found["status"], found["spec"]["ports"][0]["port"]) == (status, 82)


async def test_a_watch_goes_on_from_a_version_and_tells_what_left_its_selection(home: Home) -> None:
    made = await home.create(CONFIG_MAP, {"metadata": {"name": "a", "labels": {"tier": "front"}}})
    await home.merge(CONFIG_MAP, "a", {"data": {"x": "1"}})
    await home.merge(CONFIG_MAP, "a", {"metadata": {"labels": {"tier": "back"}}})
    version = made["metadata"]["resourceVersion"]
    query = f"resourceVersion={version}&labelSelector=tier=front"
    seen = await home.cluster.watch(CONFIG_MAP.path(home.name), lambda kind, _: kind == "DELETED", query)
    assert [event["type"] for event in seen] == ["MODIFIED", "DELETED"]


async def test_a_deleted_deployment_takes_its_replica_sets_and_pods_along(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    pods = [pod["metadata"]["name"] for pod in await home.list(POD)]
    assert len(pods) == 2
    assert (await home.call("DELETE", DEPLOYMENT, "web")).body["status"] == "Success"
    for pod in pods:
        await home.until_gone(POD, pod)
    assert await home.list(REPLICA_SET) == []


async def test_a_foreground_deletion_ends_after_its_dependents(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    going = await home.call("DELETE", DEPLOYMENT, "web", {"propagationPolicy": "Foreground"})
    assert going.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    await home.until_gone(DEPLOYMENT, "web")
    assert await home.list(REPLICA_SET) == []


async def test_an_orphaning_deletion_leaves_the_replica_set_running(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    await home.call("DELETE", DEPLOYMENT, "web", query="propagationPolicy=Orphan")
    left = await home.list(REPLICA_SET)
    assert [body["metadata"].get("ownerReferences") for body in left] == [None]
    assert len(await home.list(POD)) == 2


async def test_a_deleted_namespace_is_emptied_and_takes_nothing_new(cluster: RunningCluster) -> None:
    home = await cluster.home()
    made = {"metadata": {"name": "held", "finalizers": ["example.com/held"]}}
    await home.create(CONFIG_MAP, made)
    going = await cluster.call("DELETE", NAMESPACE.path(name=home.name))
    assert going.body["status"]["phase"] == "Terminating"
    refused = await home.call("POST", CONFIG_MAP, body=config_map("late"))
    assert (refused.status, refused.reason) == (403, "Forbidden")
    await home.until(CONFIG_MAP, "held", lambda body: "deletionTimestamp" in body["metadata"])
    await home.merge(CONFIG_MAP, "held", {"metadata": {"finalizers": None}})
    await cluster.watch(
        "/api/v1/namespaces",
        lambda kind, _: kind == "DELETED",
        f"fieldSelector=metadata.name={home.name}&resourceVersion={going.body['metadata']['resourceVersion']}",
    )
