"""Merging: only past its checks and policy, once, and never back."""

from typing import Any, override

import pytest

from adapters.memory.git_provider import MemoryGitProvider
from domain.devops.source_control.pull_request import (
    MergePullRequest,
    MergeStrategy,
    PullRequest,
    PullRequestMerged,
    PullRequestStatus,
    merge_pull_request,
)
from domain.devops.source_control.repository import BranchProtection
from domain.kernel.errors import NotFound, Rejected
from domain.kernel.values import timestamp
from domain.provided import FileContent, ProvidedPullRequest, RepositoryHandle
from tests.domain.devops.source_control.given import (
    APPROVED,
    CHECK,
    CHECKED,
    a_pull_request,
    head_of,
)
from tests.domain.world import World


def to_merge(pull_request: PullRequest, **changes: Any) -> MergePullRequest:
    return MergePullRequest.model_validate({"pull_request_id": pull_request.id} | changes)


async def again(world: World, pull_request: PullRequest) -> PullRequest:
    return await world.read(PullRequest, pull_request.id)


async def test_merging_records_the_commit(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    world.clock.step(60)
    happened = await world.when(to_merge(pull_request))
    fact = happened.only(PullRequestMerged)
    head = await head_of(world, repository)
    assert happened.envelopes[0].payload == {
        "pullRequestId": pull_request.id,
        "repositoryId": repository.id,
        "number": pull_request.number,
        "sourceBranch": "feature/reservations",
        "targetBranch": "main",
        "mergeCommitSha": head,
        "mergedAt": timestamp(world.clock.now()),
    }
    merged = await again(world, pull_request)
    assert (merged.status, merged.aggregate_version) == ("Merged", 2)
    assert (merged.merge_commit_sha, merged.merged_at) == (fact.merge_commit_sha, world.clock.now())


@pytest.mark.parametrize("strategy", list(MergeStrategy))
async def test_every_merge_strategy_merges(world: World, strategy: MergeStrategy) -> None:
    repository, pull_request = await a_pull_request(world)
    base = await head_of(world, repository)
    await world.when(to_merge(pull_request, merge_strategy=strategy))
    found = world.git.repository(repository.handle)
    merged = found.commits[found.refs["main"]]
    assert merged.parents[0] == base
    two_parents = strategy in (MergeStrategy.NO_FAST_FORWARD, MergeStrategy.REBASE_MERGE)
    assert len(merged.parents) == (2 if two_parents else 1)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (None, f"required check {CHECK} is pending"),
        ("pending", f"required check {CHECK} is pending"),
        ("failed", f"required check {CHECK} has failed"),
    ],
)
async def test_a_required_check_that_has_not_passed_holds_the_merge(
    world: World, state: str | None, sentence: str
) -> None:
    repository, pull_request = await a_pull_request(world, CHECKED)
    if state is not None:
        world.git.set_status(repository.handle, pull_request.number, CHECK, state)
    assert await world.refused(to_merge(pull_request)) == sentence
    assert (await again(world, pull_request)).status == "Open"
    assert world.git.effects["merge"] == 0


async def test_each_of_several_required_checks_counts(world: World) -> None:
    protection = BranchProtection(required_checks=("a/one", "b/two"))
    repository, pull_request = await a_pull_request(world, protection)
    world.git.set_status(repository.handle, pull_request.number, "a/one", "succeeded")
    assert await world.refused(to_merge(pull_request)) == "required check b/two is pending"
    world.git.set_status(repository.handle, pull_request.number, "b/two", "succeeded")
    assert (await world.when(to_merge(pull_request))).names == ("PullRequestMerged",)


async def test_a_check_that_nobody_requires_does_not_hold_the_merge(world: World) -> None:
    repository, pull_request = await a_pull_request(world, CHECKED)
    world.git.set_status(repository.handle, pull_request.number, CHECK, "succeeded")
    world.git.set_status(repository.handle, pull_request.number, "lint/style", "failed")
    assert (await world.when(to_merge(pull_request))).names == ("PullRequestMerged",)


async def test_a_push_makes_the_passed_checks_pending_again(world: World) -> None:
    repository, pull_request = await a_pull_request(world, CHECKED)
    world.git.set_status(repository.handle, pull_request.number, CHECK, "succeeded")
    world.git.push(repository.handle, "feature/reservations", [FileContent("new", "add", b"x")])
    assert await world.refused(to_merge(pull_request)) == f"required check {CHECK} is pending"


async def test_a_policy_that_has_not_passed_holds_the_merge(world: World) -> None:
    repository, pull_request = await a_pull_request(world, APPROVED)
    no = await world.refused(to_merge(pull_request))
    assert no == "policy has not passed: Minimum number of reviewers is running"
    world.git.vote(repository.handle, pull_request.number, "Grace", 10)
    assert (await world.when(to_merge(pull_request))).names == ("PullRequestMerged",)


async def test_a_veto_holds_the_merge(world: World) -> None:
    repository, pull_request = await a_pull_request(world, APPROVED)
    world.git.vote(repository.handle, pull_request.number, "Grace", 10)
    world.git.vote(repository.handle, pull_request.number, "Alan", -10)
    assert "policy has not passed" in await world.refused(to_merge(pull_request))


async def test_merge_conflicts_are_refused_with_the_providers_sentence(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    world.git.conflict(repository.handle, pull_request.number)
    assert "merge conflicts" in await world.refused(to_merge(pull_request))
    assert (await again(world, pull_request)).status == "Open"


async def test_a_merged_pull_request_is_not_merged_again(world: World) -> None:
    _, pull_request = await a_pull_request(world)
    await world.when(to_merge(pull_request))
    assert await world.refused(to_merge(pull_request)) == "pull request 1 is Merged"
    assert world.git.effects["merge"] == 1


async def test_an_abandoned_pull_request_is_not_merged(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    world.git.abandon(repository.handle, pull_request.number)
    assert await world.refused(to_merge(pull_request)) == "pull request 1 is Abandoned"
    assert world.git.effects["merge"] == 0


async def test_a_pull_request_that_nobody_knows_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="PullRequest pr-9 does not exist"):
        await world.when(MergePullRequest(pull_request_id="pr-9"))


@pytest.mark.parametrize("before", [PullRequestStatus.MERGED, PullRequestStatus.ABANDONED])
@pytest.mark.parametrize("after", list(PullRequestStatus))
async def test_no_status_goes_back(world: World, before: PullRequestStatus, after: PullRequestStatus) -> None:
    _, pull_request = await a_pull_request(world)
    pull_request._become(before)
    # The one step on: abandoned, taken up again at the provider, and merged there.
    if (before, after) == (PullRequestStatus.ABANDONED, PullRequestStatus.MERGED):
        pull_request._become(after)
        assert pull_request.status is after
        return
    with pytest.raises(Rejected) as no:
        pull_request._become(after)
    assert no.value.sentence == f"pull request 1 is {before}, not {after}"
    assert pull_request.status is before


async def test_a_merge_that_crashed_after_the_provider_did_it_records_one_fact(world: World) -> None:
    repository, pull_request = await a_pull_request(world, CHECKED)
    world.git.set_status(repository.handle, pull_request.number, CHECK, "succeeded")
    command = to_merge(pull_request)
    envelope = world.envelope(command)
    await merge_pull_request(command, world.work(command, envelope), world.git)
    assert (await again(world, pull_request)).status == "Open", "the crash came before the commit"
    # Checks that turn red afterwards do not undo what is merged.
    world.git.set_status(repository.handle, pull_request.number, CHECK, "failed")
    fact = (await world.when(command, envelope)).only(PullRequestMerged)
    assert fact.merge_commit_sha == await head_of(world, repository)
    assert world.git.effects["merge"] == 1
    assert (await again(world, pull_request)).aggregate_version == 2


async def test_a_merge_whose_answer_was_lost_is_found_by_its_repeat(world: World) -> None:
    _, pull_request = await a_pull_request(world)
    envelope = world.envelope(to_merge(pull_request))
    world.git.lose_answer("merge_pull_request")
    with pytest.raises(Exception, match="its answer was lost"):
        await world.dispatch(envelope)
    reply = (await world.dispatch(envelope, may_be_repeat=True)).outcome.reply
    assert [event["eventType"] for event in reply["events"]] == ["PullRequestMerged"]
    assert world.git.effects["merge"] == 1


class RestlessGit(MemoryGitProvider):
    """Somebody pushes to the source just before the next `moves` merges."""

    moves = 0

    @override
    async def merge_pull_request(
        self,
        repository: RepositoryHandle,
        number: int,
        *,
        expected_source_sha: str,
        strategy: str,
        operation_id: str,
    ) -> ProvidedPullRequest:
        if self.moves > 0:
            self.moves -= 1
            path = f"late-{self.moves}"
            self.push(repository, "feature/reservations", [FileContent(path, "add", b"x")])
        return await super().merge_pull_request(
            repository,
            number,
            expected_source_sha=expected_source_sha,
            strategy=strategy,
            operation_id=operation_id,
        )


async def test_a_source_that_moves_while_we_merge_is_looked_at_again(world: World) -> None:
    restless = RestlessGit(world.clock.now)
    world.git = restless
    repository, pull_request = await a_pull_request(world)
    restless.moves = 2
    reply = (await world.dispatch(world.envelope(to_merge(pull_request)))).outcome.reply
    assert [event["eventType"] for event in reply["events"]] == ["PullRequestMerged"]
    merged = await again(world, pull_request)
    assert merged.source_commit_sha == await head_of(world, repository, "feature/reservations")


async def test_a_push_that_comes_while_we_merge_does_not_slip_past_its_checks(world: World) -> None:
    restless = RestlessGit(world.clock.now)
    world.git = restless
    repository, pull_request = await a_pull_request(world, CHECKED)
    world.git.set_status(repository.handle, pull_request.number, CHECK, "succeeded")
    restless.moves = 1
    journal = await world.dispatch(world.envelope(to_merge(pull_request)))
    assert journal.outcome.rejection == f"required check {CHECK} is pending"
    assert world.git.effects["merge"] == 0
