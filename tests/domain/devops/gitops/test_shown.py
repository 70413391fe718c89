"""What views show of an environment that nobody looks at, and of a release that nobody decides on."""

from datetime import timedelta

from domain.devops.gitops.gitops_sync_state import STALE_AFTER
from tests.domain.devops.gitops.given import a_synced_environment
from tests.domain.devops.release.given import a_release
from tests.domain.world import START, World


async def test_an_environment_is_shown_as_synced_only_while_somebody_looks(world: World) -> None:
    environment = await a_synced_environment(world)
    state = await environment.state
    assert state.shown(START + STALE_AFTER)["syncStatus"] == "Synced"
    late = state.shown(START + STALE_AFTER + timedelta(seconds=1))
    assert late["syncStatus"] == "Stale"
    assert late["message"] == "not observed since 2026-06-11T18:22:05Z, when it was Synced"
    assert {key for key in late if late[key] != state.shown(START)[key]} == {"syncStatus", "message"}
    assert state.sync_status == "Synced"


async def test_a_look_makes_it_fresh_again(world: World) -> None:
    environment = await a_synced_environment(world)
    later = world.clock.step(2 * STALE_AFTER.total_seconds())
    assert (await environment.state).shown(later)["syncStatus"] == "Stale"
    await environment.look()
    assert (await environment.state).shown(later)["syncStatus"] == "Synced"


async def test_a_timer_that_runs_keeps_it_fresh(world: World) -> None:
    environment = await a_synced_environment(world)
    for _ in range(60):
        now = world.clock.step(60)
        await environment.look()
        assert (await environment.state).shown(now)["syncStatus"] == "Synced"


async def test_a_release_that_nobody_decided_on_in_time_is_shown_as_expired(world: World) -> None:
    release = await a_release(world)
    assert release.shown(release.expires_at - timedelta(seconds=1))["status"] == "PendingApproval"
    late = release.shown(release.expires_at)
    assert late["status"] == "Expired"
    assert {key for key in late if late[key] != release.shown(START)[key]} == {"status"}
    release.approve()
    assert release.shown(release.expires_at)["status"] == "Approved"
