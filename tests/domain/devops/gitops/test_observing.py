"""Looking at an environment: what is taken over, what is not, and what leaves nothing behind."""

import pytest

from domain.devops.gitops.desired_objects import MOST_FILES
from domain.devops.gitops.gitops_sync_state import STALE_AFTER, GitOpsSynced, ObserveGitOps
from domain.devops.gitops.sync_status import ReconciledResource
from domain.kernel.errors import Unavailable
from tests.domain.devops.gitops.given import (
    BRANCH,
    ENVIRONMENT,
    Environment,
    a_synced_environment,
    an_environment,
    kustomization,
)
from tests.domain.world import World


async def left_behind(environment: Environment) -> bool:
    """Whether a look leaves a row of its own."""
    world = environment.world
    envelope = world.envelope(ObserveGitOps(environment=ENVIRONMENT))
    await world.dispatch(envelope)
    return await world.store.handled(world.partition, envelope.event_id) is not None


async def test_an_environment_to_which_nothing_was_promoted_has_no_state(world: World) -> None:
    environment = await an_environment(world)
    assert not await left_behind(environment)
    assert await environment.find() is None


async def test_an_environment_that_no_command_synced_is_taken_in(world: World) -> None:
    environment = await an_environment(world)
    head = await environment.commit()
    await environment.tick()
    assert (await environment.look()).only(GitOpsSynced).desired_commit_sha == head
    assert (await environment.look()).facts == ()


async def test_what_the_agent_applied_before_anybody_looked_is_where_the_way_begins(world: World) -> None:
    environment = await an_environment(world)
    first = await environment.commit()
    await environment.tick()
    head = await environment.commit()
    assert (await environment.look()).facts == ()
    state = await environment.state
    assert (state.applied_commit_sha, state.trail, state.drifts) == (first, (head,), ())


async def test_the_same_look_twice_changes_nothing(world: World) -> None:
    environment = await a_synced_environment(world)
    for meddle in (environment.commit, environment.tick, environment.push):
        await meddle()
        await environment.look()
        before = (await environment.state).state()
        assert not await left_behind(environment)
        assert (await environment.state).state() == before


async def test_a_look_that_finds_nothing_new_is_recorded_from_time_to_time(world: World) -> None:
    environment = await a_synced_environment(world)
    third = STALE_AFTER.total_seconds() / 3
    world.clock.step(third - 1)
    assert not await left_behind(environment)
    world.clock.step(1)
    assert await left_behind(environment)
    assert (await environment.state).last_observed_at == world.clock.now()


async def test_each_new_commit_is_confirmed_once(world: World) -> None:
    environment = await a_synced_environment(world)
    first = await environment.look()
    head = await environment.commit()
    assert (await environment.look()).facts == ()
    assert (await environment.state).sync_status == "OutOfSync"
    await environment.tick()
    fact = (await environment.look()).only(GitOpsSynced)
    assert (first.facts, fact.applied_commit_sha) == ((), head)
    assert (await environment.look()).facts == ()


async def test_a_commit_that_no_look_has_seen_at_the_head_is_on_the_way_too(world: World) -> None:
    environment = await a_synced_environment(world)
    unseen = await environment.commit()
    await environment.tick()
    head = await environment.commit()
    await environment.look()
    state = await environment.state
    assert (state.applied_commit_sha, state.desired_commit_sha) == (unseen, head)
    assert (state.trail, state.drifts) == ((head,), ())


async def test_the_trail_has_all_that_was_desired_since_what_is_applied(world: World) -> None:
    environment = await a_synced_environment(world)
    trail = []
    for meddle in (environment.commit, environment.push, environment.commit):
        trail.append(await meddle())
        await environment.look()
    assert (await environment.state).trail == tuple(trail)


async def test_the_same_commit_after_a_failure_is_no_news(world: World) -> None:
    environment = await a_synced_environment(world)
    environment.agent.fail("a pod is not ready")
    await environment.tick()
    assert (await environment.look()).facts == ()
    assert (await environment.state).sync_status == "Degraded"
    environment.agent.finish()
    later = world.clock.step()
    assert (await environment.look()).facts == ()
    state = await environment.state
    assert (state.sync_status, state.last_synced_at) == ("Synced", later)


async def test_what_the_agent_says_that_it_has_applied_is_kept(world: World) -> None:
    environment = await an_environment(world)
    await environment.commit()
    environment.agent.applies(environment.handle, [environment.resource("api"), environment.resource("web")])
    await environment.sync()
    resources = [ReconciledResource.of(environment.resource(name)) for name in ("api", "web")]
    assert list((await environment.state).resources) == resources


async def test_an_environment_that_lost_its_agent_is_out_of_sync(world: World) -> None:
    environment = await a_synced_environment(world)
    environment.agent.disconnect(environment.handle)
    await environment.look()
    state = await environment.state
    assert (state.sync_status, state.message) == ("OutOfSync", "environment dev has no GitOps agent")
    environment.agent.connect(environment.handle)
    await environment.look()
    assert (await environment.state).sync_status == "Synced"


async def test_a_branch_that_can_not_be_built_is_degraded_by_the_tools_own_words(world: World) -> None:
    environment = await a_synced_environment(world)
    head = await environment.push({"kustomization.yaml": kustomization("nowhere")})
    await environment.tick()
    await environment.look()
    state = await environment.state
    assert state.sync_status == "Degraded"
    assert "nowhere" in state.message
    assert (state.applied_commit_sha, state.confirmed_commit_sha != head) == (head, True)


async def test_a_branch_with_too_many_files_is_not_compared(world: World) -> None:
    environment = await a_synced_environment(world)
    await environment.push({f"docs/{number}.md": b"x" for number in range(MOST_FILES)})
    await environment.tick()
    await environment.look()
    state = await environment.state
    said = f"branch {BRANCH} has {MOST_FILES + 4} files: what runs is compared with at most {MOST_FILES}"
    assert (state.sync_status, state.message) == ("Degraded", said)


async def test_an_environment_that_is_to_have_nothing_has_nothing_to_compare(world: World) -> None:
    environment = await a_synced_environment(world)
    head = await environment.push({"kustomization.yaml": kustomization()})
    await environment.tick()
    assert (await environment.look()).only(GitOpsSynced).applied_commit_sha == head


async def test_a_branch_that_is_gone_leaves_the_environment_out_of_sync(world: World) -> None:
    environment = await a_synced_environment(world)
    head = await environment.head
    environment.reset(None)
    await environment.look()
    state = await environment.state
    assert (state.sync_status, state.message) == ("OutOfSync", "branch env/dev does not exist any more")
    assert (state.desired_commit_sha, state.applied_commit_sha) == (head, head)
    environment.reset(head)
    await environment.look()
    assert (await environment.state).sync_status == "Synced"


async def test_where_a_branch_was_rewritten_the_way_begins_anew(world: World) -> None:
    environment = await a_synced_environment(world)
    first = await environment.head
    await environment.commit()
    await environment.look()
    environment.reset(first)
    head = await environment.push()
    await environment.look()
    assert (await environment.state).trail == (head,)
    await environment.tick()
    assert (await environment.look()).only(GitOpsSynced).applied_commit_sha == head


async def test_a_branch_that_was_taken_back_to_what_is_applied_leaves_no_way(world: World) -> None:
    environment = await a_synced_environment(world)
    first = await environment.head
    await environment.commit()
    await environment.look()
    environment.reset(first)
    await environment.look()
    state = await environment.state
    assert (state.sync_status, state.trail, state.desired_commit_sha) == ("Synced", (), first)


async def test_a_branch_that_was_taken_back_is_followed_back(world: World) -> None:
    environment = await a_synced_environment(world)
    first = await environment.head
    second = await environment.commit()
    await environment.sync()
    environment.reset(first)
    await environment.look()
    state = await environment.state
    assert (state.trail, state.applied_commit_sha, state.drifts) == ((first,), second, ())
    await environment.tick()
    assert (await environment.look()).only(GitOpsSynced).applied_commit_sha == first


@pytest.mark.parametrize("away", ["agent", "git", "renderer"])
async def test_what_is_away_says_nothing_about_the_environment(world: World, away: str) -> None:
    environment = await a_synced_environment(world)
    before = (await environment.state).state()
    port = {"agent": world.agent, "git": world.git, "renderer": world.renderer}[away]
    port.away = True
    with pytest.raises(Unavailable):
        await environment.look()
    assert (await environment.state).state() == before


async def test_a_repository_that_its_host_does_not_have_any_more_is_degraded(world: World) -> None:
    environment = await a_synced_environment(world)
    world.git._repositories.clear()
    await environment.look()
    state = await environment.state
    said = f"repository {environment.repository.handle.external_id} does not exist"
    assert (state.sync_status, state.message) == ("Degraded", said)
