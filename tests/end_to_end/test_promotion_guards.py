"""Who stops promotions while they run: freezes, a stopped line, holds; and drift in the cluster."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from domain.kernel.values import timestamp
from domain.kernel.work import TENANT_WIDE
from tests.end_to_end.doors import Answer, Doors, Payload, Project
from tests.end_to_end.promoting_project import ENVIRONMENT
from tests.end_to_end.promotions import Promotions
from tests.end_to_end.waiting import eventually

COMMANDER = "iris"


@pytest_asyncio.fixture(scope="module")
async def guarded(doors: Doors) -> AsyncIterator[Promotions]:
    """A project that promotes; the tests take turns, as a stopped line is everybody's."""
    async with Promotions(doors) as promotions:
        yield promotions


async def by_commander(project: Project, setting: str, payload: Payload) -> Answer:
    headers = await project.doors.bearer(COMMANDER, project.tenant, "incident-commander")
    return await project.post(setting, payload, headers=headers)


async def told(project: Project, setting: str, payload: Payload) -> None:
    answer = await project.post(setting, payload)
    assert (answer.status, answer.json["outcome"]) == (200, "accepted"), answer.text


def place(project: Project) -> str:
    return f"{project.doors.cloud.url}/{project.path}"


async def asked_for(guarded: Promotions, *modules: str) -> list[str]:
    """Promotions of new releases, one of each module."""
    releases = [await guarded.release(module, "1.0.0") for module in modules]
    return [await guarded.promote(release) for release in releases]


async def waiting(guarded: Promotions, id: str, what: str) -> dict[str, Any]:
    """What a promotion says that it waits for."""
    view = await eventually(
        lambda: guarded.project.view("promotions", id),
        lambda found: (found["waitingFor"] or {}).get("what") == what,
        within=60,
        poll=0.1,
    )
    assert view["status"] == "Pending", view
    waits: dict[str, Any] = view["waitingFor"]
    return waits


async def completed(guarded: Promotions, id: str) -> dict[str, Any]:
    promotion = await guarded.over(id)
    assert promotion["status"] == "Completed", f"{promotion['status']}: {promotion['reason']}"
    return promotion


async def environment(guarded: Promotions) -> dict[str, Any]:
    answer = await guarded.project.get(f"environments/{ENVIRONMENT}")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


@pytest.mark.timeout(150)
async def test_a_freeze_of_the_tenant_lets_nothing_go_but_what_the_incident_commander_lets(
    guarded: Promotions,
) -> None:
    project = guarded.project
    everywhere = Project(project.doors, project.tenant, TENANT_WIDE)
    start, end = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    window = {"name": "end of year", "startsAt": timestamp(start), "endsAt": timestamp(end)}
    await told(everywhere, "ConfigureDelivery", {"freezes": [window]})
    urgent, patient = await asked_for(guarded, "urgent", "patient")
    for id in (urgent, patient):
        waits = await waiting(guarded, id, "Freeze")
        assert (waits["sentence"], waits["until"]) == ("freeze end of year", timestamp(end))
    frozen = await environment(guarded)
    assert frozen["freezes"] == [{"name": "end of year", "endsAt": timestamp(end)}]
    queued = {one["promotionId"] for module in frozen["modules"] for one in module["queue"]}
    assert queued == {urgent, patient}

    bypass = {"promotionId": urgent, "reason": "it mends the checkout"}
    for person, roles in (("olga", ("operator",)), ("ada", ("release-manager",)), ("rita", ("reader",))):
        headers = await project.doors.bearer(person, project.tenant, *roles)
        refused = await project.post("BypassFreeze", bypass, headers=headers)
        assert refused.status == 403
        needs = f"BypassFreeze needs the role incident-commander in tenant {project.tenant}"
        assert refused.json["detail"] == needs
    assert (await by_commander(project, "BypassFreeze", bypass)).status == 200
    again = await by_commander(project, "BypassFreeze", bypass)
    assert (again.status, again.json["detail"]) == (409, f"promotion {urgent} has a bypass already")

    promotion = await completed(guarded, urgent)
    assert promotion["bypass"]["bypassedBy"] == "iris@connectsoft.example"
    assert promotion["bypass"]["reason"] == "it mends the checkout"
    assert (await project.view("promotions", patient))["status"] == "Pending"
    await told(everywhere, "ConfigureDelivery", {"freezes": []})
    assert (await completed(guarded, patient))["bypass"] is None


@pytest.mark.timeout(150)
async def test_a_stopped_line_says_who_stopped_it_and_goes_on_when_it_is_resumed(guarded: Promotions) -> None:
    project = guarded.project
    stop = {"environment": ENVIRONMENT, "reason": "the database is being repaired"}
    await told(project, "StopTheLine", stop)
    (stopped,) = await asked_for(guarded, "stopped")
    waits = await waiting(guarded, stopped, "StoppedLine")
    assert waits["sentence"] == (
        "the line was stopped by ada@connectsoft.example: the database is being repaired"
    )
    (shown,) = (await environment(guarded))["stops"]
    assert (shown["stoppedBy"], shown["reason"]) == ("ada@connectsoft.example", stop["reason"])
    release_manager = await project.doors.bearer("max", project.tenant, "release-manager")
    refused = await project.post("ResumeTheLine", stop, headers=release_manager)
    assert refused.status == 403, "whoever may stop it may not always resume it"
    await told(project, "ResumeTheLine", stop)
    await completed(guarded, stopped)
    assert (await environment(guarded))["stops"] == []


@pytest.mark.timeout(150)
async def test_a_hold_is_in_nobodys_gift_but_ends_by_being_lifted_and_cancel_gives_the_place_away(
    guarded: Promotions,
) -> None:
    project = guarded.project
    here = {"moduleId": "module-kept", "environment": ENVIRONMENT}
    await told(project, "HoldDeployment", here | {"reason": "customers are being shown it"})
    (kept,) = await asked_for(guarded, "kept")
    waits = await waiting(guarded, kept, "Hold")
    assert waits["sentence"] == (
        f"{ENVIRONMENT} is held by ada@connectsoft.example: customers are being shown it"
    )
    assert (await by_commander(project, "BypassFreeze", {"promotionId": kept, "reason": "now"})).status == 200
    newer = await guarded.promote(await guarded.release("kept", "1.1.0"))
    waits = await waiting(guarded, newer, "Hold")

    cancel = {"promotionId": kept, "reason": "the newer one is it"}
    accepted = await project.post("CancelPromotion", cancel)
    assert (accepted.status, accepted.headers["Location"]) == (202, f"{place(project)}/promotions/{kept}")
    canceled = await guarded.over(kept)
    assert (canceled["status"], canceled["reason"]) == (
        "Canceled",
        "canceled by ada@connectsoft.example: the newer one is it",
    )
    refused = await project.post("CancelPromotion", cancel)
    assert (refused.status, refused.json["detail"]) == (409, f"promotion {kept} is already Canceled")
    assert (await project.view("promotions", newer))["status"] == "Pending"
    await told(project, "LiftHold", here | {"reason": "they have seen it"})
    assert (await completed(guarded, newer))["version"] == "1.1.0"
    modules = {one["moduleId"]: one for one in (await environment(guarded))["modules"]}
    assert (modules["module-kept"]["hold"], modules["module-kept"]["queue"]) == (None, [])


async def cluster(guarded: Promotions, method: str, path: str, body: Any = None) -> Any:
    token = guarded.doors.cloud.kubernetes.ready["token"]
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{guarded.cluster_url}/{path}"
    async with guarded.doors.session.request(method, url, json=body, headers=headers) as answer:
        assert answer.ok, await answer.text()
        return await answer.json()


@asynccontextmanager
async def flux_paused(guarded: Promotions) -> AsyncIterator[None]:
    """Or it would correct what drifts before anybody has seen it."""
    controller = {"name": "kustomizations"}
    await cluster(guarded, "POST", "_local/controllers", controller | {"paused": True})
    try:
        yield
    finally:
        await cluster(guarded, "POST", "_local/controllers", controller | {"paused": False})


async def scaled(guarded: Promotions, deployment: dict[str, Any], replicas: int) -> None:
    """By somebody with kubectl, behind Git's back."""
    await cluster(guarded, "POST", "_local/drift", deployment | {"patch": {"spec": {"replicas": replicas}}})


async def replicas_of(guarded: Promotions, deployment: dict[str, Any]) -> int:
    path = f"apis/apps/v1/namespaces/{deployment['namespace']}/deployments/{deployment['name']}"
    return int((await cluster(guarded, "GET", path))["spec"]["replicas"])


async def sync_state(guarded: Promotions, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The environment's, once it holds."""
    found = await eventually(
        lambda: environment(guarded), lambda found: found["sync"] is not None and holds(found["sync"])
    )
    state: dict[str, Any] = found["sync"]
    return state


async def test_drift_in_the_cluster_is_recorded_by_its_name_corrected_and_then_synced_again(
    guarded: Promotions,
) -> None:
    project, doors = guarded.project, guarded.project.doors
    (promotion,) = await asked_for(guarded, "drifting")
    await completed(guarded, promotion)
    assert (await project.post("SyncGitOps", {"environment": ENVIRONMENT})).status == 200
    await doors.fire("reconciler")
    synced = await sync_state(guarded, lambda found: found["syncStatus"] == "Synced")
    (deployment,) = (
        one for one in synced["resources"] if one["kind"] == "Deployment" and "drifting" in one["name"]
    )

    async with flux_paused(guarded):
        await scaled(guarded, deployment, 7)
        await doors.fire("reconciler")
        drifted = await sync_state(guarded, lambda found: bool(found["driftDetected"]))
    (record,) = (one for one in drifted["drifts"] if one["correctedAt"] is None)
    assert record["resource"] == deployment
    assert "replicas" in record["change"], record
    assert drifted["syncStatus"] in ("OutOfSync", "Reconciling")

    await eventually(lambda: replicas_of(guarded, deployment), lambda found: found == 2, poll=0.1)
    await doors.fire("reconciler")
    corrected = await sync_state(guarded, lambda found: found["syncStatus"] == "Synced")
    assert [one["resource"] for one in corrected["drifts"] if one["correctedAt"]] == [deployment]
    assert not corrected["driftDetected"]
    facts = [
        one.envelope.payload
        for one in await doors.consumer.until(
            project.tenant,
            lambda found: any(one.envelope.payload.get("driftCorrected") for one in found),
        )
        if one.about["cs-event-type"] == "GitOpsSynced" and one.about["cs-scope"] == "domain"
    ]
    assert facts[-1]["driftCorrected"] == [f"Deployment {deployment['name']}"]
    assert facts[-1]["appliedCommitSha"] == corrected["appliedCommitSha"]
