"""An environment in one answer for whoever is on call, and a manifest as it was rendered."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from domain.devops.gitops.gitops_sync_state import STALE_AFTER, ObserveGitOps
from domain.devops.release.deployment_manifest import DeploymentManifest
from domain.kernel.actor import service
from domain.kernel.values import timestamp
from domain.kernel.work import TENANT_WIDE
from functions.environment_views import get_environment, get_manifest_content
from tests.domain.scenarios.operations import approved_release, configure
from tests.domain.scenarios.stage import Payload, accepted
from tests.domain.world import PERSONS, World
from tests.functions.conftest import MemoryPlatform
from tests.functions.requests import request

MODULE = "module-reservations-api"
REASON = "the database of bookings is being repaired"


async def ask(view: Any, route: Mapping[str, str], tenant: str = "acme") -> func.HttpResponse:
    function = view.build().get_user_function()
    answer: func.HttpResponse = await function(request("GET", route={"tenantId": tenant, **route}))
    return answer


async def environment(name: str = "dev") -> dict[str, Any]:
    answer = await ask(get_environment, {"environment": name})
    assert answer.status_code == 200, answer.get_body()
    found: dict[str, Any] = json.loads(answer.get_body())
    return found


async def promoted(world: World) -> Payload:
    """A release that runs in dev, which is in sync; the promotion."""
    planned = await approved_release(world)
    reply = await accepted(world, "PromoteDeployment", {"releaseId": planned["releaseId"]})
    promotion = await world.settled("promotions", reply["aggregate"]["id"])
    assert promotion["status"] == "Completed", promotion
    await accepted(world, "SyncGitOps", {"environment": "dev"})
    return promotion


def window(name: str, world: World, hours: int) -> Payload:
    starts = world.clock.now() - timedelta(hours=1)
    ends = world.clock.now() + timedelta(hours=hours)
    return {"name": name, "startsAt": timestamp(starts), "endsAt": timestamp(ends)}


async def in_tenant_wide(world: World, command: str, payload: Payload) -> None:
    """The setting that holds for every project of the tenant."""
    here = world.partition
    world.partition = replace(here, project_id=TENANT_WIDE)
    await accepted(world, command, payload)
    world.partition = here


async def test_an_environment_that_nothing_was_promoted_to_is_empty(world: World) -> None:
    assert await environment("prod") == {
        "environment": "prod",
        "stops": [],
        "freezes": [],
        "sync": None,
        "modules": [],
    }


async def test_what_runs_there_and_how_it_is_kept(world: World) -> None:
    promotion = await promoted(world)
    found = await environment()
    (module,) = found["modules"]
    assert set(module) == {
        *("moduleId", "verified", "arrangement", "commitSha", "hold", "promotionId", "queue")
    }
    assert (module["moduleId"], module["promotionId"], module["queue"]) == (MODULE, None, [])
    assert (module["verified"]["version"], module["hold"]) == (promotion["version"], None)
    assert module["commitSha"] == promotion["steps"][-1]["commitSha"]
    assert (found["sync"]["syncStatus"], found["sync"]["appliedCommitSha"]) == ("Synced", module["commitSha"])
    assert (found["stops"], found["freezes"]) == ([], [])


async def test_what_waits_is_in_the_modules_queue(world: World) -> None:
    planned = await approved_release(world)
    reply = await accepted(world, "PromoteDeployment", {"releaseId": planned["releaseId"]})
    (module,) = (await environment())["modules"]
    (queued,) = module["queue"]
    assert (queued["promotionId"], queued["releaseId"]) == (reply["aggregate"]["id"], planned["releaseId"])
    assert (module["verified"], module["promotionId"]) == (None, None)


async def test_a_hold_is_shown_with_whom_to_ask(world: World) -> None:
    promotion = await promoted(world)
    held = {"moduleId": MODULE, "environment": "dev", "reason": "customers are being shown this version"}
    await accepted(world, "HoldDeployment", held)
    (module,) = (await environment())["modules"]
    assert module["hold"] == {
        "version": promotion["version"],
        "reason": held["reason"],
        "heldBy": PERSONS["ada"].name,
        "heldAt": timestamp(world.clock.now()),
    }


async def test_a_module_elsewhere_is_not_shown_here(world: World) -> None:
    await promoted(world)
    policy = [{"name": "dev"}, {"name": "test"}]
    await configure(world, environments=policy)
    assert (await environment("test"))["modules"] == []


async def test_stops_of_the_project_and_of_the_tenant_are_shown(world: World) -> None:
    await accepted(world, "StopTheLine", {"environment": "dev", "reason": REASON})
    await in_tenant_wide(world, "StopTheLine", {"reason": "audit"})
    found = await environment("dev")
    assert [(one["environment"], one["reason"]) for one in found["stops"]] == [
        ("dev", REASON),
        (None, "audit"),
    ]
    assert {one["stoppedBy"] for one in found["stops"]} == {PERSONS["ada"].name}
    assert [one["reason"] for one in (await environment("test"))["stops"]] == ["audit"]
    await accepted(world, "ResumeTheLine", {"environment": "dev", "reason": "done"})
    assert [one["reason"] for one in (await environment("dev"))["stops"]] == ["audit"]


async def test_freezes_of_environment_project_and_tenant_are_shown_until_they_end(world: World) -> None:
    own = {"name": "dev", "freezes": [window("release night", world, 1)]}
    past = window("last winter", world, 0)
    environments = [own, {"name": "test"}]
    await configure(world, environments=environments, freezes=[window("inventory", world, 2), past])
    await in_tenant_wide(world, "ConfigureDelivery", {"freezes": [window("end of year", world, 3)]})
    found = {one["name"]: one["endsAt"] for one in (await environment("dev"))["freezes"]}
    assert found == {
        name: window(name, world, hours)["endsAt"]
        for name, hours in (("release night", 1), ("inventory", 2), ("end of year", 3))
    }
    assert {one["name"] for one in (await environment("test"))["freezes"]} == {"inventory", "end of year"}
    world.clock.step(2 * 3600)
    assert [one["name"] for one in (await environment("dev"))["freezes"]] == ["end of year"]


async def test_an_environment_that_nobody_looks_at_any_more_is_stale(world: World) -> None:
    await promoted(world)
    world.clock.step(STALE_AFTER.total_seconds() + 1)
    found = (await environment())["sync"]
    assert found["syncStatus"] == "Stale"
    assert found["message"].startswith("not observed since 2026-06-11T")
    observation = world.envelope(ObserveGitOps(environment="dev"))
    await world.dispatcher.dispatch(observation, service("reconciler"))
    assert (await environment())["sync"]["syncStatus"] == "Synced"


@pytest.mark.parametrize(("name", "tenant"), [("nowhere", "acme"), ("dev", "beyond"), ("prod", "beyond")])
async def test_what_is_not_on_the_path_or_of_another_tenant_is_404(
    world: World, memory: MemoryPlatform, name: str, tenant: str
) -> None:
    narrow(memory)
    answer = await ask(get_environment, {"environment": name}, tenant)
    assert (answer.status_code, json.loads(answer.get_body())["detail"]) == (
        404,
        f"environment {name} does not exist",
    )


@pytest.mark.parametrize("name", ["", "Dev", "a/b", "-dev", "x" * 41, "dev%"])
async def test_a_name_that_is_none_is_named(world: World, name: str) -> None:
    answer = await ask(get_environment, {"environment": name})
    assert answer.status_code == 422
    assert {error["field"] for error in json.loads(answer.get_body())["errors"]} == {"environment"}


def narrow(memory: MemoryPlatform) -> None:
    """The caller belongs to `acme` alone."""
    (machine,) = memory.identity._settings.machine_keys
    own = machine.model_copy(update={"tenants": ["acme"]})
    memory.identity._settings = replace(memory.identity._settings, machine_keys=(own,))


async def test_a_manifest_is_what_was_rendered_with_its_checksum(world: World) -> None:
    promotion = await promoted(world)
    manifest = await world.read(DeploymentManifest, promotion["manifestId"])
    answer = await ask(get_manifest_content, {"id": manifest.manifest_id})
    assert (answer.status_code, answer.mimetype) == (200, "application/yaml")
    assert hashlib.sha256(answer.get_body()).hexdigest() == manifest.checksum
    assert answer.headers["ETag"] == f'"{manifest.checksum}"'
    assert b"kind: Deployment" in answer.get_body()


async def test_a_manifest_that_was_tampered_with_is_409_and_none_of_it_is_shown(world: World) -> None:
    promotion = await promoted(world)
    manifest = await world.read(DeploymentManifest, promotion["manifestId"])
    world.blobs.damage(manifest.blob.handle, b"kind: Backdoor\n")
    answer = await ask(get_manifest_content, {"id": manifest.manifest_id})
    body = json.loads(answer.get_body())
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert "is not what was stored: its checksum is another one" in body["detail"]
    assert "Backdoor" not in str(body) and "ETag" not in answer.headers


async def test_a_manifest_that_is_not_there_or_anothers_is_404(world: World, memory: MemoryPlatform) -> None:
    promotion = await promoted(world)
    narrow(memory)
    id = promotion["manifestId"]
    assert (await ask(get_manifest_content, {"id": id})).status_code == 200
    for route, tenant in (({"id": "man-none"}, "acme"), ({"id": id}, "beyond")):
        answer = await ask(get_manifest_content, route, tenant)
        assert answer.status_code == 404
        assert json.loads(answer.get_body())["detail"] == f"DeploymentManifest {route['id']} does not exist"
    other = await ask(get_manifest_content, {"id": id, "projectId": "another"})
    assert other.status_code == 404
