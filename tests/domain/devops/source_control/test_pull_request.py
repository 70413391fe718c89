"""Opening a pull request: between two different branches that exist, once."""

from typing import Any

import pytest

from domain.devops.source_control.pull_request import (
    MergePullRequest,
    OpenPullRequest,
    PullRequest,
    PullRequestOpened,
    open_pull_request,
)
from domain.kernel.errors import Invalid, NotFound
from domain.kernel.values import validated
from tests.domain.devops.source_control.given import (
    CHECK,
    CHECKED,
    a_feature,
    a_pull_request,
    a_repository,
    head_of,
    to_open,
)
from tests.domain.world import ACTOR, START, World


def to_merge(pull_request: PullRequest, **changes: Any) -> MergePullRequest:
    return MergePullRequest.model_validate({"pull_request_id": pull_request.id} | changes)


async def again(world: World, pull_request: PullRequest) -> PullRequest:
    return await world.read(PullRequest, pull_request.id)


async def test_opening_tells_everything_of_the_pull_request(world: World) -> None:
    repository = await a_feature(world)
    happened = await world.when(to_open(repository))
    fact = happened.only(PullRequestOpened)
    assert happened.envelopes[0].payload == {
        "pullRequestId": fact.pull_request_id,
        "repositoryId": repository.id,
        "number": 1,
        "sourceBranch": "feature/reservations",
        "targetBranch": "main",
        "title": "Reservations API",
    }
    pull_request = await world.read(PullRequest, fact.pull_request_id)
    assert (pull_request.status, pull_request.aggregate_version) == ("Open", 1)
    assert pull_request.description == "Generated from the blueprint."
    assert pull_request.source_commit_sha == await head_of(world, repository, "feature/reservations")
    assert (pull_request.merge_commit_sha, pull_request.merged_at) == (None, None)
    assert (pull_request.created_at, pull_request.created_by) == (START, ACTOR)


async def test_source_and_target_must_differ(world: World) -> None:
    repository = await a_feature(world)
    no = await world.refused(to_open(repository, source_branch="main"))
    assert no == "source and target branch are both main"
    assert world.git.calls["open_pull_request"] == 0


@pytest.mark.parametrize("end", ["source_branch", "target_branch"])
async def test_both_branches_must_exist(world: World, end: str) -> None:
    repository = await a_feature(world)
    assert await world.refused(to_open(repository, **{end: "nowhere"})) == "branch nowhere does not exist"


async def test_a_second_active_one_between_the_same_branches_is_refused(world: World) -> None:
    repository, _ = await a_pull_request(world)
    no = await world.refused(to_open(repository))
    assert no == "pull request 1 from feature/reservations to main is already active"


async def test_a_pull_request_of_a_repository_that_does_not_exist_is_not_found(world: World) -> None:
    repository = await a_repository(world)
    with pytest.raises(NotFound, match="Repository repo-9 does not exist"):
        await world.when(to_open(repository, repository_id="repo-9"))


async def test_a_pull_request_reads_its_first_evaluation_by_itself(world: World) -> None:
    _, pull_request = await a_pull_request(world, CHECKED)
    assert [(one.name, one.state, one.required) for one in pull_request.checks] == [(CHECK, "pending", True)]
    (result,) = pull_request.policy_evaluation.results
    assert (result.name, result.blocking) == (CHECK, True)
    assert result.status in ("queued", "running")
    assert not pull_request.policy_evaluation.passed


async def test_opening_that_crashed_is_found_by_its_repeat(world: World) -> None:
    repository = await a_feature(world)
    command = to_open(repository)
    envelope = world.envelope(command)
    await open_pull_request(command, world.work(command, envelope), world.git)
    fact = (await world.when(command, envelope)).only(PullRequestOpened)
    assert (fact.number, world.git.effects["pull_request"]) == (1, 1)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "a" * 401}, "title"),
        ({"description": "a" * 3801}, "description"),
        ({"description": "a\x00"}, "description"),
        ({"sourceBranch": "a..b"}, "sourceBranch"),
        ({"targetBranch": "refs/heads/main"}, "targetBranch"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(payload: dict[str, Any], field: str) -> None:
    whole = {"repositoryId": "repo-1", "sourceBranch": "a", "targetBranch": "b", "title": "t"}
    with pytest.raises(Invalid) as refused:
        validated(OpenPullRequest, whole | payload)
    assert [error.field for error in refused.value.errors] == [field]


async def test_the_same_number_of_two_repositories_is_two_pull_requests(world: World) -> None:
    one, other = await a_repository(world), await a_repository(world)
    assert PullRequest.id_for(one.id, 1) != PullRequest.id_for(other.id, 1)
