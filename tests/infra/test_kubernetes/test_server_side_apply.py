"""Who owns which field: conflicts, force, and what goes when a manager no longer wants it."""

from __future__ import annotations

from typing import Any

from infra.local.kubernetes.resources import CONFIG_MAP, DEPLOYMENT, KUSTOMIZATION, SERVICE
from tests.infra.test_kubernetes.client import Home, Json, Reply
from tests.infra.test_kubernetes.manifests import deployment


async def _settings(home: Home, manager: str, data: Json, *, force: bool = False, **metadata: Any) -> Reply:
    body = {"metadata": {"name": "settings", **metadata}, "data": data}
    return await home.apply(CONFIG_MAP, "settings", body, manager, force=force)


async def test_applying_creates_and_the_same_again_changes_nothing(home: Home) -> None:
    made = await _settings(home, "one", {"a": "1"})
    again = await _settings(home, "one", {"a": "1"})
    assert (made.status, again.status) == (201, 200)
    assert again.body == made.body
    (entry,) = made.body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("one", "Apply")
    assert entry["fieldsV1"] == {"f:data": {"f:a": {}}}


async def test_another_managers_field_is_a_conflict_until_it_is_forced(home: Home) -> None:
    await _settings(home, "one", {"a": "1", "b": "1"})
    refused = await _settings(home, "two", {"a": "2"})
    assert (refused.status, refused.reason) == (409, "Conflict")
    assert refused.fields == [".data.a"]
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    forced = await _settings(home, "two", {"a": "2"}, force=True)
    assert forced.body["data"] == {"a": "2", "b": "1"}
    back = await _settings(home, "one", {"a": "1", "b": "1"})
    assert (back.status, back.fields) == (409, [".data.a"])


async def test_the_same_value_is_owned_together(home: Home) -> None:
    await _settings(home, "one", {"a": "1"})
    assert (await _settings(home, "two", {"a": "1"})).status == 200
    left = await _settings(home, "one", {})
    assert left.body["data"] == {"a": "1"}
    assert "data" not in (await _settings(home, "two", {})).body


async def test_what_a_manager_no_longer_applies_goes_and_the_rest_stays(home: Home) -> None:
    await _settings(home, "one", {"a": "1", "b": "1"}, labels={"x": "1"})
    await home.merge(CONFIG_MAP, "settings", {"data": {"c": "1"}})
    left = (await _settings(home, "one", {"a": "1"})).body
    assert left["data"] == {"a": "1", "c": "1"}
    assert "labels" not in left["metadata"]


async def test_an_update_takes_the_fields_it_changes(home: Home) -> None:
    await _settings(home, "one", {"a": "1", "b": "1"})
    await home.merge(CONFIG_MAP, "settings", {"data": {"a": "2"}})
    refused = await _settings(home, "one", {"a": "1", "b": "1"})
    assert (refused.status, refused.fields) == (409, [".data.a"])


async def test_containers_and_ports_are_merged_by_their_keys(home: Home) -> None:
    def applied(*containers: Json) -> Json:
        body = deployment("registry.local/app:1", replicas=0)
        body["spec"]["template"]["spec"]["containers"] = list(containers)
        return body

    app = {"name": "app", "image": "registry.local/app:1", "ports": [{"containerPort": 80}]}
    side = {"name": "side", "image": "registry.local/side:1"}
    await home.apply(DEPLOYMENT, "web", applied(app, side), "one")
    image = {
        "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "registry.local/side:2"}]}}}
    }
    two = await home.apply(DEPLOYMENT, "web", {"metadata": {"name": "web"}, **image}, "two")
    assert two.fields == ['.spec.template.spec.containers[name="side"].image']
    again = await home.apply(DEPLOYMENT, "web", applied(app), "one")
    (container,) = again.body["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "app"
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert again.body["metadata"]["generation"] == 2


async def test_defaults_are_nobodys_and_no_conflict(home: Home) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    made = await home.apply(SERVICE, "web", body, "one")
    assert made.body["spec"]["type"] == "ClusterIP"
    body["spec"]["type"] = "NodePort"  # type: ignore[index]
    assert (await home.apply(SERVICE, "web", body, "two")).status == 200


async def test_lists_of_custom_resources_are_replaced_as_a_whole(home: Home) -> None:
    def wanted(*names: str) -> Json:
        spec = {
            "interval": "1h",
            "prune": True,
            "suspend": True,
            "sourceRef": {"kind": "GitRepository", "name": "x"},
        }
        return {"metadata": {"name": "ks"}, "spec": {**spec, "dependsOn": [{"name": name} for name in names]}}

    await home.apply(KUSTOMIZATION, "ks", wanted("a", "b"), "one")
    refused = await home.apply(KUSTOMIZATION, "ks", wanted("a"), "two")
    assert refused.fields == [".spec.dependsOn"]
    assert (await home.apply(KUSTOMIZATION, "ks", wanted("a"), "one")).body["spec"]["dependsOn"] == [
        {"name": "a"}
    ]


async def test_a_dry_run_finds_the_conflict_and_changes_nothing(home: Home) -> None:
    await _settings(home, "one", {"a": "1"})
    path = CONFIG_MAP.path(home.name, "settings")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "2"}}
    for force, status in (("false", 409), ("true", 200)):
        query = f"fieldManager=two&dryRun=All&force={force}"
        kind = "application/apply-patch+yaml"
        assert (await home.cluster.call("PATCH", f"{path}?{query}", body, kind=kind)).status == status
    assert (await home.get(CONFIG_MAP, "settings"))["data"] == {"a": "1"}


async def test_yaml_is_taken_as_well_and_a_manager_is_required(home: Home) -> None:
    path, kind = CONFIG_MAP.path(home.name, "settings"), "application/apply-patch+yaml"
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: 'yes'}\n"
    assert (await home.cluster.call("PATCH", path, body, kind=kind)).status == 400
    made = await home.cluster.call("PATCH", f"{path}?fieldManager=one", body, kind=kind)
    assert (made.status, made.body["data"]) == (201, {"a": "yes"})
