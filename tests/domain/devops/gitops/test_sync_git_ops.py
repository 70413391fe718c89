"""Having an environment brought to what its branch says: the command, and the fact that comes of it."""

import pytest

from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.gitops.gitops_sync_state import GitOpsSynced, ObserveGitOps, SyncGitOps
from domain.kernel.errors import Unavailable
from domain.kernel.values import timestamp
from tests.domain.devops.gitops.given import ENVIRONMENT, a_synced_environment, an_environment
from tests.domain.world import World


async def test_an_environment_that_is_as_its_branch_says_is_synced_at_once(world: World) -> None:
    environment = await an_environment(world)
    head = await environment.commit()
    happened = await environment.sync()
    happened.only(GitOpsSynced)
    assert happened.envelopes[0].payload == {
        "syncStateId": environment.id,
        "environment": ENVIRONMENT,
        "desiredCommitSha": head,
        "appliedCommitSha": head,
        "driftCorrected": [],
        "syncedAt": timestamp(world.clock.now()),
    }
    assert happened.journal.outcome.reply["aggregate"]["type"] == "GitOpsSyncState"
    state = await environment.state
    assert (state.sync_status, state.drift_detected, state.trail) == ("Synced", False, ())
    assert (state.desired_commit_sha, state.applied_commit_sha) == (head, head)
    assert (state.last_synced_at, state.last_observed_at) == (world.clock.now(), world.clock.now())


async def test_every_command_that_finds_it_synced_has_its_fact(world: World) -> None:
    environment = await a_synced_environment(world)
    again = await environment.sync()
    again.only(GitOpsSynced)
    assert again.envelopes[0].causation_id == again.journal.outcome.command_id


async def test_while_the_agent_is_at_it_the_environment_is_reconciling(world: World) -> None:
    environment = await an_environment(world)
    head = await environment.commit()
    environment.agent.hold()
    assert (await environment.sync()).facts == ()
    state = await environment.state
    assert (state.sync_status, state.applied_commit_sha, state.trail) == ("Reconciling", None, (head,))


async def test_what_is_synced_later_follows_from_the_command(world: World) -> None:
    environment = await an_environment(world)
    await environment.commit()
    environment.agent.hold()
    command = world.envelope(SyncGitOps(environment=ENVIRONMENT))
    await world.when(SyncGitOps(environment=ENVIRONMENT), command)
    environment.agent.finish()
    later = await environment.look()
    fact = later.only(GitOpsSynced)
    assert fact.desired_commit_sha == fact.applied_commit_sha == await environment.head
    (envelope,) = later.envelopes
    look = next(node for node in later.journal.trace if node.id == envelope.causation_id)
    assert (look.causation_id, envelope.trace_id) == (command.event_id, command.trace_id)
    assert (await environment.look()).facts == ()


async def test_a_command_meets_an_agent_at_work_on_what_was_confirmed_before(world: World) -> None:
    """Nothing new comes of it, but a command has its fact."""
    environment = await a_synced_environment(world)
    environment.agent.hold()
    assert (await environment.sync()).facts == ()
    environment.agent.finish()
    (await environment.look()).only(GitOpsSynced)
    assert (await environment.look()).facts == ()


async def test_until_the_agent_has_come_to_it_its_word_is_of_before(world: World) -> None:
    environment = await a_synced_environment(world)
    head = await environment.commit()
    environment.agent.is_deaf = True
    assert (await environment.sync()).facts == ()
    state = await environment.state
    assert state.sync_status == "Reconciling"
    assert state.message == f"the agent has been asked to apply commit {head[:10]}"
    await environment.look()
    state = await environment.state
    assert (state.sync_status, state.message) == ("OutOfSync", f"commit {head[:10]} is not applied yet")


async def test_what_failed_before_a_command_is_no_word_on_the_command(world: World) -> None:
    environment = await a_synced_environment(world)
    environment.agent.fail("a pod is not ready")
    await environment.tick()
    environment.agent.is_deaf = True
    await environment.sync()
    assert (await environment.state).sync_status == "Reconciling"
    await environment.look()
    assert (await environment.state).sync_status == "Degraded"


async def test_the_agent_is_asked_once_however_often_the_command_comes(world: World) -> None:
    environment = await an_environment(world)
    await environment.commit()
    envelope = world.envelope(SyncGitOps(environment=ENVIRONMENT))
    world.agent.lose_answer("sync")
    with pytest.raises(Unavailable):
        await world.dispatch(envelope)
    for _ in range(2):
        journal = await world.dispatch(envelope, may_be_repeat=True)
        assert [event["eventType"] for event in journal.outcome.reply["events"]] == ["GitOpsSynced"]
    assert set(environment.agent.tokens) == {envelope.event_id}
    assert world.agent.effects["reconcile"] == 1


@pytest.mark.parametrize("away", ["agent", "git", "renderer"])
async def test_what_is_away_is_asked_again(world: World, away: str) -> None:
    environment = await an_environment(world)
    await environment.commit()
    port = {"agent": world.agent, "git": world.git, "renderer": world.renderer}[away]
    port.away = True
    with pytest.raises(Unavailable):
        await environment.sync()
    port.away = False
    (await environment.sync()).only(GitOpsSynced)


async def test_what_the_agent_can_not_apply_is_degraded_in_its_own_words(world: World) -> None:
    environment = await a_synced_environment(world)
    before = await environment.head
    head = await environment.commit()
    environment.agent.fail("ImagePullBackOff")
    assert (await environment.sync()).facts == ()
    state = await environment.state
    assert (state.sync_status, state.message) == ("Degraded", "ImagePullBackOff")
    assert (state.applied_commit_sha, state.trail) == (before, (head,))
    environment.agent.finish()
    assert (await environment.look()).only(GitOpsSynced).applied_commit_sha == head


@pytest.mark.parametrize("lacking", ["branch", "agent", "place on the path", "repository"])
async def test_what_nobody_asked_for_does_nothing_where_it_has_nothing_to_go_by(
    world: World, lacking: str
) -> None:
    environment = await an_environment(world)
    if lacking != "branch":
        await environment.commit()
    if lacking == "agent":
        environment.agent.disconnect(environment.handle)
    if lacking == "repository":
        await world.when(ConfigureDelivery())
    name = "moon" if lacking == "place on the path" else ENVIRONMENT
    assert (await world.when(SyncGitOps(environment=name, automatic=True))).facts == ()
    assert environment.agent.tokens == []
    assert await environment.find() is None


async def test_what_nobody_asked_for_syncs_where_it_can(world: World) -> None:
    environment = await an_environment(world)
    await environment.commit()
    (await world.when(SyncGitOps(environment=ENVIRONMENT, automatic=True))).only(GitOpsSynced)


async def test_an_environment_to_which_nothing_was_promoted_is_refused(world: World) -> None:
    environment = await an_environment(world)
    sentence = "the GitOps repository has no branch env/dev: nothing has been promoted to dev yet"
    assert await environment.refused() == sentence
    assert environment.agent.tokens == []


async def test_an_environment_without_an_agent_is_refused(world: World) -> None:
    environment = await an_environment(world)
    await environment.commit()
    environment.agent.disconnect(environment.handle)
    assert await environment.refused() == "environment dev has no GitOps agent"
    assert await environment.find() is None


async def test_a_project_without_a_gitops_repository_is_refused(world: World) -> None:
    environment = await a_synced_environment(world)
    await world.when(ConfigureDelivery())
    sentence = "the project has no GitOps repository: configure gitopsRepositoryId"
    assert await environment.refused() == sentence
    assert (await world.when(ObserveGitOps(environment=ENVIRONMENT))).facts == ()


async def test_an_environment_that_is_not_on_the_path_is_refused(world: World) -> None:
    environment = await a_synced_environment(world)
    path = "dev → test → staging → prod"
    assert await environment.refused("moon") == f"environment moon is not on the path {path}"
