"""Views show an aggregate as it stands now: some change by time alone."""

import json
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from domain.catalogue import catalogue
from domain.devops.gitops.gitops_sync_state import STALE_AFTER, GitOpsSyncState
from domain.devops.gitops.sync_status import SyncStatus
from domain.kernel.actor import Actor
from domain.kernel.envelope import Envelope
from domain.kernel.values import Redaction
from domain.kernel.work import Work
from domain.sealing import Sealer
from functions import views
from functions.bootstrap import now
from tests.domain.scenarios import prepared
from tests.domain.world import World
from tests.functions.conftest import MemoryPlatform
from tests.functions.requests import request


async def stored(memory: MemoryPlatform, age: timedelta) -> GitOpsSyncState:
    """An environment that was found synced so long ago."""
    at = now() - age
    state = GitOpsSyncState(
        sync_state_id="sync-1",
        environment="dev",
        desired_commit_sha="1" * 40,
        applied_commit_sha="1" * 40,
        sync_status=SyncStatus.SYNCED,
        last_observed_at=at,
    )
    envelope = Envelope(
        event_id="cmd-1",
        event_type="SyncGitOps",
        tenant_id="acme",
        project_id="booking",
        trace_id="trace-1",
        correlation_id="corr-1",
        occurred_at=at,
        payload={"environment": "dev"},
    )
    work = Work(envelope, Actor("ada"), at, memory.store)
    work.add(state)
    sealer = Sealer(catalogue(), Redaction(b"a key of tests"))
    await memory.store.commit(sealer.seal(catalogue().handlers["SyncGitOps"], work))
    return state


def read(response: func.HttpResponse) -> dict[str, Any]:
    assert response.status_code == 200
    body: dict[str, Any] = json.loads(response.get_body())
    return body


@pytest.mark.parametrize(
    ("age", "status"), [(timedelta(0), "Synced"), (STALE_AFTER + timedelta(seconds=1), "Stale")]
)
async def test_one_aggregate_and_a_list_of_them_show_what_time_has_made_of_it(
    memory: MemoryPlatform, age: timedelta, status: str
) -> None:
    state = await stored(memory, age)
    route = {"collection": "sync-states"}
    one = read(await views._get_aggregate(request("GET", route=route | {"id": state.id})))
    (listed,) = read(await views._list_aggregates(request("GET", route=route)))["items"]
    assert one == listed
    assert one == state.shown(now()) | {"aggregateVersion": 0}
    assert one["syncStatus"] == status


async def test_a_release_that_nobody_approved_in_time_is_shown_as_expired(world: World) -> None:
    planned = await prepared(world, "PlanRelease")
    route = {"collection": "releases", "id": planned["releaseId"]}

    async def status() -> tuple[str, str]:
        one = read(await views._get_aggregate(request("GET", route=route)))
        (listed,) = read(await views._list_aggregates(request("GET", route=route)))["items"]
        return one["status"], listed["status"]

    assert await status() == ("PendingApproval", "PendingApproval")
    world.clock.step(72 * 3600)
    assert await status() == ("Expired", "Expired")


async def test_what_does_not_change_by_time_is_shown_as_it_is_stored(memory: MemoryPlatform) -> None:
    state = await stored(memory, timedelta(0))
    assert state.shown(now()) == json.loads(state.state())
