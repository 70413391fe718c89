"""What does not run as desired: recorded until it is right again, and the agent asked once to correct it."""

from domain.devops.gitops.gitops_sync_state import (
    GitOpsSynced,
    ObserveGitOps,
    observe_git_ops,
)
from domain.devops.gitops.sync_status import ReconciledResource
from domain.provided import FileContent
from tests.domain.devops.gitops.given import ENVIRONMENT, a_synced_environment
from tests.domain.world import World

ASTRAY = "commit {} is applied, which is not on the way from {} to the desired {}"
ELSE = "e" * 40


async def test_what_has_drifted_is_recorded_and_the_agent_is_asked(world: World) -> None:
    environment = await a_synced_environment(world)
    environment.drifts("api", "data.version is changed")
    found_at = world.clock.step()
    assert (await environment.look()).facts == ()
    state = await environment.state
    assert (state.sync_status, state.drift_detected) == ("OutOfSync", True)
    assert state.message == "ConfigMap api: data.version is changed"
    (record,) = state.drifts
    assert record.resource == ReconciledResource.of(environment.resource("api"))
    assert (record.change, record.detected_at, record.corrected_at) == (
        "data.version is changed",
        found_at,
        None,
    )
    assert environment.agent.tokens[-1] == state.drift_token


async def test_what_is_right_again_is_a_fact_that_names_it(world: World) -> None:
    environment = await a_synced_environment(world)
    environment.drifts("api")
    environment.drifts("web", "is gone")
    await environment.look()
    right_at = world.clock.step()
    fact = (await environment.look()).only(GitOpsSynced)
    assert set(fact.drift_corrected) == {"ConfigMap api", "ConfigMap web"}
    state = await environment.state
    assert (state.sync_status, state.drift_detected) == ("Synced", False)
    assert [record.corrected_at for record in state.drifts] == [right_at, right_at]
    assert (await environment.look()).facts == ()


async def test_the_agent_is_asked_once_for_a_drift_however_long_it_lasts(world: World) -> None:
    environment = await a_synced_environment(world)
    environment.agent.is_deaf = True
    environment.drifts("api", "data.version is 2")
    for _ in range(3):
        await environment.look()
    environment.drifts("api", "data.version is 3")
    await environment.look()
    state = await environment.state
    assert [record.change for record in state.drifts] == ["data.version is 3"]
    assert environment.agent.tokens[1:] == [state.drift_token]


async def test_each_drift_is_asked_for_anew(world: World) -> None:
    environment = await a_synced_environment(world)
    for _ in range(2):
        environment.drifts("api")
        await environment.look()
        (await environment.look()).only(GitOpsSynced)
    environment.drifts("web")
    await environment.look()
    tokens = environment.agent.tokens[1:]
    assert (len(tokens), len(set(tokens))) == (3, 3)
    assert len((await environment.state).drifts) == 3


async def test_the_agent_is_asked_with_the_same_token_where_the_first_look_was_not_stored(
    world: World,
) -> None:
    environment = await a_synced_environment(world)
    environment.agent.is_deaf = True
    environment.drifts("api")
    command = ObserveGitOps(environment=ENVIRONMENT)
    for _ in range(2):
        world.clock.step()
        await observe_git_ops(command, world.work(command), world.git, environment.agent, world.renderer)
    asked = environment.agent.tokens[1:]
    assert (len(asked), len(set(asked))) == (2, 1)


async def test_a_command_asks_for_the_drift_that_it_finds(world: World) -> None:
    environment = await a_synced_environment(world)
    environment.agent.is_deaf = True
    environment.drifts("api")
    assert (await environment.sync()).facts == ()
    await environment.look()
    assert len(environment.agent.tokens) == 2
    assert (await environment.state).sync_status == "OutOfSync"
    environment.agent.is_deaf = False
    fact = (await environment.sync()).only(GitOpsSynced)
    assert fact.drift_corrected == ("ConfigMap api",)


async def test_a_cluster_that_somebody_rolled_back_is_not_followed(world: World) -> None:
    environment = await a_synced_environment(world)
    first = await environment.head
    head = await environment.commit()
    await environment.sync()
    environment.agent.applied_instead(environment.handle, first)
    assert (await environment.look()).facts == ()
    state = await environment.state
    assert (state.applied_commit_sha, state.sync_status, state.drift_detected) == (head, "OutOfSync", True)
    (record,) = state.drifts
    assert (record.resource, record.change) == (None, ASTRAY.format(first[:10], head[:10], head[:10]))
    assert environment.agent.tokens[-1] == state.drift_token
    fact = (await environment.look()).only(GitOpsSynced)
    assert (fact.applied_commit_sha, fact.drift_corrected) == (head, ("the applied commit",))


async def test_a_commit_that_was_never_desired_is_not_taken_over(world: World) -> None:
    environment = await a_synced_environment(world)
    before = await environment.head
    strange = world.git.push(environment.repository.handle, "main", [FileContent("x.txt", "add", b"x")])
    for sha in (strange, ELSE):
        environment.agent.applied_instead(environment.handle, sha)
        environment.agent.is_deaf = True
        await environment.look()
        state = await environment.state
        (record,) = state.open_drifts
        assert record.change == ASTRAY.format(sha[:10], before[:10], before[:10])
        assert state.applied_commit_sha == before


async def test_what_changes_while_it_is_compared_is_no_drift(world: World) -> None:
    """The agent has gone on to the next commit: what runs is not of the one that was compared."""
    environment = await a_synced_environment(world)
    environment.drifts("api")

    async def the_agent_goes_on() -> None:
        await environment.commit()
        await environment.tick()

    environment.agent.after_drift = the_agent_goes_on
    await environment.look()
    state = await environment.state
    assert (state.drifts, state.sync_status) == ((), "Reconciling")


async def test_what_is_committed_and_applied_between_two_questions_is_no_drift(world: World) -> None:
    environment = await a_synced_environment(world)

    async def somebody_commits() -> None:
        await environment.commit()
        await environment.tick()

    environment.agent.before_sync = somebody_commits
    (await environment.look()).only(GitOpsSynced)
    assert (await environment.state).drifts == ()


async def test_before_the_agent_is_done_nothing_has_drifted(world: World) -> None:
    environment = await a_synced_environment(world)
    await environment.commit()
    environment.agent.hold()
    await environment.tick()
    environment.drifts("api")
    await environment.look()
    state = await environment.state
    assert (state.sync_status, state.drift_detected) == ("Reconciling", False)
