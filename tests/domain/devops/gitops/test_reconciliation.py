"""What the timer looks at: every environment on the path of a project with a GitOps repository."""

from datetime import timedelta

from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.gitops.gitops_sync_state import GitOpsSyncState, ObserveGitOps
from domain.kernel.command import Observation
from domain.reconciliation import rounds
from tests.domain.devops.gitops.given import Environment, a_synced_environment, an_environment
from tests.domain.world import World


async def due(world: World) -> list[Observation]:
    since = world.clock.now() - timedelta(days=1)
    found = [one async for batch in rounds(world.partition, world.store, world.port, since) for one in batch]
    return [one for one in found if isinstance(one, ObserveGitOps)]


async def looked_at(environment: Environment) -> None:
    for observation in await due(environment.world):
        await environment.world.when(observation)


async def test_a_project_without_a_gitops_repository_has_no_environments_to_look_at(world: World) -> None:
    assert await due(world) == []


async def test_every_environment_on_the_path_is_looked_at(world: World) -> None:
    environment = await an_environment(world)
    names = ("dev", "test", "staging", "prod")
    assert await due(world) == [ObserveGitOps(environment=name) for name in names]
    settings = {"gitops_repository_id": environment.repository.id, "environments": [{"name": "only"}]}
    await world.when(ConfigureDelivery.model_validate(settings))
    assert await due(world) == [ObserveGitOps(environment="only")]


async def test_a_round_finds_what_somebody_pushed_and_makes_no_state_of_what_has_no_branch(
    world: World,
) -> None:
    environment = await a_synced_environment(world)
    head = await environment.push()
    await looked_at(environment)
    assert (await environment.state).desired_commit_sha == head
    page = await world.store.page(world.partition, GitOpsSyncState, 10)
    assert [loaded.aggregate.environment for loaded in page.items] == ["dev"]
