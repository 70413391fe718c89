"""The real kubectl, as people and pipelines run it."""

from __future__ import annotations

import asyncio
import json

import yaml

from infra.local.kubernetes.resources import CONFIG_MAP, DEPLOYMENT, POD
from tests.infra.test_kubernetes.client import Home, Json
from tests.infra.test_kubernetes.manifests import config_map, deployment, is_rolled_out, service


def _yaml(*objects: Json) -> str:
    return yaml.safe_dump_all(objects)


async def test_apply_creates_then_changes_then_leaves_alone(home: Home) -> None:
    first = _yaml(deployment("registry.local/app:1"), service(), config_map("settings", a="1", b="1"))
    assert (await home.kubectl("apply", "-f", "-", stdin=first)).count("created") == 3
    second = _yaml(deployment("registry.local/app:1"), service(), config_map("settings", a="2"))
    out = await home.kubectl("apply", "-f", "-", stdin=second)
    assert [line.rpartition(" ")[2] for line in out.splitlines()] == ["unchanged", "unchanged", "configured"]
    assert (await home.get(CONFIG_MAP, "settings"))["data"] == {"a": "2"}


async def test_server_side_apply_names_the_conflicting_manager(home: Home) -> None:
    one = _yaml(config_map("settings", a="1"))
    await home.kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=one)
    two = ("apply", "--server-side", "--field-manager=two", "-f", "-")
    refused = await home.kubectl(*two, stdin=_yaml(config_map("settings", a="2")), code=1)
    assert 'conflict with "one": .data.a' in refused
    await home.kubectl(*two, "--force-conflicts", stdin=_yaml(config_map("settings", a="2")))
    assert (await home.get(CONFIG_MAP, "settings"))["data"] == {"a": "2"}


async def test_get_prints_tables_and_whole_objects(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    head, row = (await home.kubectl("get", "deployments", "-o", "wide")).splitlines()
    assert head.split() == [
        *("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "CONTAINERS", "IMAGES", "SELECTOR", "AGE")
    ]
    assert row.split()[:6] == ["web", "2/2", "2", "2", "app", "registry.local/app:1"]
    found = json.loads(await home.kubectl("get", "deploy/web", "-o", "json"))
    assert found["status"]["availableReplicas"] == 2
    assert yaml.safe_load(await home.kubectl("get", "deploy", "web", "-o", "yaml"))["kind"] == "Deployment"
    assert (await home.kubectl("get", "pods", "-l", "app=web", "--no-headers")).count("1/1") == 2
    missing = await home.kubectl("get", "configmap", "nothing", code=1)
    assert 'configmaps "nothing" not found' in missing


async def test_rollout_status_waits_until_the_rollout_is_done(home: Home) -> None:
    await home.kubectl("apply", "-f", "-", stdin=_yaml(deployment("registry.local/app:1", replicas=3)))
    assert "successfully rolled out" in await home.kubectl("rollout", "status", "deploy/web")
    await home.kubectl("set", "image", "deploy/web", "app=registry.local/app:2")
    assert "successfully rolled out" in await home.kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    images = {pod["spec"]["containers"][0]["image"] for pod in await home.list(POD) if _stays(pod)}
    assert images == {"registry.local/app:2"}


def _stays(pod: Json) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


async def test_rollout_status_fails_when_the_deadline_is_exceeded_and_undo_helps(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.kubectl("rollout", "status", "deploy/web")
    await home.cluster.mark(f"{home.name}-broken", broken=True)
    await home.kubectl("set", "image", "deploy/web", f"app=registry.local/{home.name}-broken:2")
    await home.merge(DEPLOYMENT, "web", {"spec": {"progressDeadlineSeconds": 30}})
    out = await home.kubectl("rollout", "status", "deploy/web", code=1)
    assert "exceeded its progress deadline" in out
    assert "CrashLoopBackOff" in await home.kubectl("get", "pods")
    await home.merge(DEPLOYMENT, "web", {"spec": {"progressDeadlineSeconds": 600}})
    await home.kubectl("rollout", "undo", "deploy/web")
    assert "successfully rolled out" in await home.kubectl("rollout", "status", "deploy/web", "--timeout=20s")


async def test_scale_wait_annotate_and_patch(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.kubectl("scale", "deploy/web", "--replicas=3")
    three = "--for=jsonpath={.status.availableReplicas}=3"
    assert "condition met" in await home.kubectl("wait", "deploy/web", three, "--timeout=10s")
    await home.kubectl("annotate", "deploy/web", "example.com/why=test")
    patch = '{"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"A","value":"1"}]}]}}}}'
    await home.kubectl("patch", "deploy/web", "-p", patch)
    found = await home.get(DEPLOYMENT, "web")
    assert found["metadata"]["annotations"]["example.com/why"] == "test"
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["env"]) == ("registry.local/app:1", [{"name": "A", "value": "1"}])


async def test_delete_waits_until_the_object_is_gone(home: Home) -> None:
    await home.create(DEPLOYMENT, deployment("registry.local/app:1"))
    await home.until(DEPLOYMENT, "web", is_rolled_out)
    out, again = await asyncio.gather(
        home.kubectl("delete", "deploy/web", "--cascade=foreground", "--timeout=10s"),
        home.kubectl("delete", "cm/nothing", "--ignore-not-found"),
    )
    assert "deleted" in out and again == ""
    assert (await home.call("GET", DEPLOYMENT, "web")).status == 404


async def test_an_invalid_object_is_refused_in_the_servers_words(home: Home) -> None:
    refused = await home.kubectl("apply", "-f", "-", stdin=_yaml(deployment("", replicas=0)), code=1)
    assert "spec.template.spec.containers[0].image: Required value" in refused
