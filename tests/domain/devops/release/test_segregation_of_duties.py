"""Ways around segregation of duties, each tried; and that the same release then passes by the book."""

from dataclasses import replace

from domain.devops.release.duties import AUTHOR, MERGER, STARTER
from domain.devops.release.release_approval import ReleaseApproved
from domain.devops.release.release_plan import ReleasePlan
from domain.devops.source_control.pull_request import (
    MergePullRequest,
    PullRequestMerged,
    PullRequestOpened,
)
from domain.devops.source_control.repository import Repository
from domain.kernel.actor import Actor
from domain.kernel.errors import Rejected
from domain.provided import FileContent
from tests import report
from tests.domain.devops.release.given import (
    ACCOUNT,
    ADA,
    ALAN,
    EVE,
    GRACE,
    HEIDI,
    a_build,
    again,
    built,
    configure,
    decided,
    delegation,
    on_path,
    planned,
    pushed,
    refused,
    to_decide,
)
from tests.domain.devops.release.ways import AUTHORS, WAYS, Settings, Way
from tests.domain.devops.source_control.given import a_branch, a_commit, a_repository, head_of, to_open
from tests.domain.world import World


async def commits_of(world: World, way: Way, repository: Repository) -> str:
    """The author's commit comes to main as the way says."""
    if way.opened_by is None:
        return await pushed(world, repository, way.author, **way.commit)
    world.actor = Actor(way.author)
    await a_branch(world, repository)
    await a_commit(world, repository)
    world.actor = way.opened_by if isinstance(way.opened_by, Actor) else HEIDI
    opened = (await world.given(to_open(repository))).only(PullRequestOpened)
    if isinstance(way.opened_by, str):
        world.git.opened_by(repository.handle, opened.number, way.opened_by)
    world.actor = HEIDI
    merge = MergePullRequest.model_validate(
        {"pull_request_id": opened.pull_request_id, "merge_strategy": way.merge}
    )
    (await world.when(merge)).only(PullRequestMerged)
    return await head_of(world, repository)


async def prepared(world: World, way: Way) -> ReleasePlan:
    settings: Settings = {
        "environments": on_path("dev"),
        "delegations": [delegation(world, *between) for between in way.delegations],
    }
    world.actor = HEIDI
    repository = await a_repository(world)
    sha = await commits_of(world, way, repository)
    await configure(world, **settings, identities=way.names)
    release = await planned(world, await built(world, repository, sha), way.planner)
    if way.names_later is not None:
        await configure(world, **settings, identities=way.names_later)
    return release


async def tried(world: World, way: Way, release: ReleasePlan) -> str:
    """The sentence that stopped it; nothing where it worked."""
    world.actor = way.by
    try:
        await world.when(to_decide(release, decision=way.decision, on_behalf_of=way.on_behalf_of))
    except Rejected as no:
        return no.sentence
    return ""


async def test_no_way_around_segregation_of_duties_works() -> None:
    worked: list[str] = []
    wrong: list[tuple[str, str]] = []
    for way in WAYS:
        world = World()
        release = await prepared(world, way)
        said = await tried(world, way, release)
        if not said or (await again(world, release)).decisions:
            worked.append(way.name)
        elif said != way.sentence:
            wrong.append((way.name, said))
        else:
            # It is the duty that stopped it and nothing else: somebody without one is let through.
            assert (await decided(world, release, ALONE)).names == ("ReleaseApproved",), way.name
    report.say(f"segregation of duties: {len(WAYS)} ways around it tried, {len(worked)} worked")
    assert worked == []
    assert wrong == []
    assert len(WAYS) >= 30
    assert len({way.name for way in WAYS}) == len(WAYS)


# Nobody's author, planner, delegate or other name in any of the ways.
ALONE = Actor("barbara@connectsoft.example")


async def test_who_wrote_only_what_was_approved_before_may_decide(world: World) -> None:
    world.actor = HEIDI
    repository = await a_repository(world)
    first = await built(world, repository, await pushed(world, repository, ALAN.name))
    await decided(world, await planned(world, first), GRACE)
    second = await built(world, repository, await pushed(world, repository, EVE), build_number="1.4.1")
    release = await planned(world, second)
    assert [one.identity.name for one in release.contributors] == [EVE, ACCOUNT]
    assert (await decided(world, release, ALAN)).names == ("ReleaseApproved",)


async def test_who_started_the_build_at_the_provider_may_not_decide(world: World) -> None:
    release = await planned(world, await a_build(world, requested_by=f"Alan <{ALAN.name.upper()}>"))
    assert await refused(world, release, ALAN) == STARTER
    assert (await decided(world, release, ALONE)).names == ("ReleaseApproved",)


async def test_who_merged_it_at_the_provider_may_not_decide(world: World) -> None:
    world.actor = HEIDI
    repository = await a_repository(world)
    handle = repository.handle
    await world.git.create_branch(handle, "hotfix", str(await world.git.branch_head(handle, "main")))
    world.git.push(handle, "hotfix", [FileContent("fix", "add", b"x")], author=EVE)
    opened = await world.git.open_pull_request(handle, "hotfix", "main", "Fix", "", operation_id="cmd-fix")
    sha = world.git.complete(handle, opened.number, by=ALAN.name)
    release = await planned(world, await built(world, repository, sha))
    assert await refused(world, release, ALAN) == MERGER
    assert (await decided(world, release, ALONE)).names == ("ReleaseApproved",)


async def test_what_another_environment_approved_was_not_approved_here(world: World) -> None:
    world.actor = HEIDI
    repository = await a_repository(world)
    build = await built(world, repository, await pushed(world, repository, ALAN.name))
    await decided(world, await planned(world, build, target_environment="dev"), GRACE)
    release = await planned(world, build, target_environment="test")
    way = Way("an author in the next environment", ALAN, AUTHOR)
    assert await tried(world, way, release) == AUTHOR


async def test_a_rejected_release_moves_nothing_out_of_sight(world: World) -> None:
    world.actor = HEIDI
    repository = await a_repository(world)
    first = await built(world, repository, await pushed(world, repository, ALAN.name))
    await decided(world, await planned(world, first), GRACE, decision="Rejected")
    second = await built(world, repository, await pushed(world, repository, EVE), build_number="1.4.1")
    release = await planned(world, second)
    assert await tried(world, replace(AUTHORS[0], by=ALAN), release) == AUTHOR


async def test_an_approver_who_turns_out_to_be_the_planner_has_not_approved(world: World) -> None:
    environments = on_path("dev", required_approvals=2)
    await configure(world, environments=environments)
    release = await planned(world, await a_build(world))
    await decided(world, release, Actor("a.lovelace"))
    await configure(
        world, environments=environments, identities=[{"name": ADA.name, "aliases": ["a.lovelace"]}]
    )
    assert (await decided(world, release, GRACE)).names == ()
    fact = (await decided(world, release, ALAN)).only(ReleaseApproved)
    assert fact.approved_by == (GRACE.name, ALAN.name)
