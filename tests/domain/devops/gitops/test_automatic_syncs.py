"""A sync that nobody asked for does nothing where there is nothing to go by, or nobody to do it."""

from collections.abc import Awaitable, Callable

import pytest

from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.gitops.gitops_sync_state import GitOpsSynced, SyncGitOps
from domain.reactions import sync_promoted_environment, sync_provisioned_environment
from tests.domain.devops.gitops.given import ENVIRONMENT, Environment, a_synced_environment, an_environment
from tests.domain.happened import Happened
from tests.domain.world import World


async def nothing_was_promoted(world: World) -> Environment:
    return await an_environment(world)


async def it_has_no_agent(world: World) -> Environment:
    environment = await an_environment(world)
    await environment.commit()
    environment.agent.disconnect(environment.handle)
    return environment


async def the_project_has_no_gitops_repository(world: World) -> Environment:
    environment = await an_environment(world)
    await environment.commit()
    await world.when(ConfigureDelivery())
    return environment


async def it_is_not_on_the_path(world: World) -> Environment:
    environment = await an_environment(world)
    await environment.commit()
    settings = {
        "gitops_repository_id": environment.repository.repository_id,
        "environments": [{"name": "test"}],
    }
    await world.when(ConfigureDelivery.model_validate(settings))
    return environment


type Lack = Callable[[World], Awaitable[Environment]]

LACKS: tuple[Lack, ...] = (
    nothing_was_promoted,
    it_has_no_agent,
    the_project_has_no_gitops_repository,
    it_is_not_on_the_path,
)


async def automatic(world: World) -> Happened:
    return await world.when(SyncGitOps(environment=ENVIRONMENT, automatic=True))


@pytest.mark.parametrize("lack", LACKS)
async def test_where_something_is_missing_nothing_is_done_and_nothing_refused(
    world: World, lack: Lack
) -> None:
    environment = await lack(world)
    happened = await automatic(world)
    reply = happened.journal.outcome.reply
    assert (reply["outcome"], reply["aggregate"], reply["events"]) == ("accepted", None, [])
    assert await environment.find() is None
    assert environment.agent.tokens == []


@pytest.mark.parametrize("lack", LACKS)
async def test_whoever_asks_is_told_what_is_missing(world: World, lack: Lack) -> None:
    environment = await lack(world)
    assert await environment.refused()


async def test_where_all_is_there_it_is_as_any_other(world: World) -> None:
    environment = await an_environment(world)
    head = await environment.commit()
    assert (await automatic(world)).only(GitOpsSynced).applied_commit_sha == head


async def test_an_environment_that_was_synced_and_has_lost_its_agent_is_left_to_the_next_look(
    world: World,
) -> None:
    environment = await a_synced_environment(world)
    environment.agent.disconnect(environment.handle)
    before = await environment.state
    await automatic(world)
    assert await environment.state == before
    await environment.look()
    assert (await environment.state).sync_status == "OutOfSync"


def test_what_follows_from_facts_is_automatic() -> None:
    event = type("Any", (), {"environment": ENVIRONMENT})()
    for reaction in (sync_promoted_environment, sync_provisioned_environment):
        assert reaction(event) == SyncGitOps(environment=ENVIRONMENT, automatic=True)
