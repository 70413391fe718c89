"""Merged or abandoned outside: recorded once, never taken back."""

from dataclasses import replace
from datetime import timedelta

from domain.devops.source_control.pull_request import (
    MergePullRequest,
    PullRequestMerged,
    merge_pull_request,
)
from domain.devops.source_control.repository import Repository
from domain.provided import ProvidedPullRequest
from tests.domain.devops.source_control.given import (
    a_feature,
    a_pull_request,
    again,
    head_of,
    to_observe,
    to_open,
)
from tests.domain.world import World


async def provided(world: World, repository: Repository) -> ProvidedPullRequest:
    found = await world.git.pull_request(repository.handle, 1)
    assert found is not None
    return found


async def test_a_merge_outside_is_recorded_exactly_once(world: World) -> None:
    repository, _ = await a_pull_request(world)
    world.clock.step(60)
    sha = world.git.complete(repository.handle, 1)
    happened = await world.when(to_observe(repository))
    fact = happened.only(PullRequestMerged)
    assert (fact.merge_commit_sha, fact.merged_at) == (sha, world.clock.now())
    world.clock.step(60)
    assert (await world.when(to_observe(repository))).facts == ()
    merged = await again(world, repository)
    assert (merged.status, merged.aggregate_version, merged.merge_commit_sha) == ("Merged", 2, sha)
    assert merged.merged_at == fact.merged_at


async def test_a_merge_outside_belongs_to_the_pull_requests_own_trace(world: World) -> None:
    repository = await a_feature(world)
    command = to_open(repository)
    envelope = world.envelope(command)
    opened = await world.given(command, envelope)
    world.git.complete(repository.handle, 1)
    merged = (await world.when(to_observe(repository))).envelopes[0]
    assert (merged.trace_id, merged.correlation_id) == (envelope.trace_id, envelope.correlation_id)
    assert merged.causation_id != opened.envelopes[0].event_id, "the observation stands between"


async def test_a_merge_of_ours_that_a_hook_tells_of_afterwards_adds_nothing(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    await world.when(MergePullRequest(pull_request_id=pull_request.id))
    assert (await world.when(to_observe(repository))).facts == ()
    assert (await again(world, repository)).aggregate_version == 2


async def test_a_merge_of_ours_is_left_to_its_command_unless_it_is_to_be_adopted(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    command = MergePullRequest(pull_request_id=pull_request.id)
    envelope = world.envelope(command)
    await merge_pull_request(command, world.work(command, envelope), world.git)
    assert (await world.when(to_observe(repository))).facts == (), "its command may be about to record it"
    assert (await world.when(to_observe(repository, adopt=True))).names == ("PullRequestMerged",)
    reply = (await world.dispatch(envelope, may_be_repeat=True)).outcome.reply
    assert (reply["outcome"], reply["events"]) == ("accepted", [])
    assert reply["aggregate"] == {"type": "PullRequest", "id": pull_request.id, "version": 2}
    assert (await again(world, repository)).aggregate_version == 2


async def test_a_merge_of_ours_that_never_came_back_is_recorded_by_another_command(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    lost = MergePullRequest(pull_request_id=pull_request.id)
    envelope = world.envelope(lost)
    await merge_pull_request(lost, world.work(lost, envelope), world.git)
    other = MergePullRequest(pull_request_id=pull_request.id)
    fact = (await world.when(other)).only(PullRequestMerged)
    assert fact.merge_commit_sha == await head_of(world, repository)
    assert (await world.dispatch(envelope)).outcome.reply["events"] == []
    assert world.git.effects["merge"] == 1


async def test_a_merge_command_that_comes_after_a_merge_outside_is_refused(world: World) -> None:
    repository, pull_request = await a_pull_request(world)
    world.git.complete(repository.handle, 1)
    merge = MergePullRequest(pull_request_id=pull_request.id)
    assert await world.refused(merge) == "pull request 1 is Merged"
    assert (await world.when(to_observe(repository))).names == ("PullRequestMerged",)


async def test_an_abandonment_outside_is_taken_over_without_a_fact(world: World) -> None:
    repository, _ = await a_pull_request(world)
    world.git.abandon(repository.handle, 1)
    assert (await world.when(to_observe(repository))).facts == ()
    abandoned = await again(world, repository)
    assert (abandoned.status, abandoned.merged_at, abandoned.aggregate_version) == ("Abandoned", None, 1)


async def test_an_abandonment_after_a_merge_of_ours_that_failed_is_taken_over_too(world: World) -> None:
    # The provider remembers who last asked for the merge, though it came to nothing.
    repository, pull_request = await a_pull_request(world)
    world.git.abandon(repository.handle, 1)
    asked = replace(await provided(world, repository), merge_operation_id="cmd-failed")
    pull_request.observe(asked, world.clock.now(), adopt=False)
    assert pull_request.status == "Abandoned"


async def test_an_abandoned_one_that_is_active_again_stays_abandoned_until_it_is_merged(
    world: World,
) -> None:
    repository, _ = await a_pull_request(world)
    world.git.abandon(repository.handle, 1)
    await world.when(to_observe(repository))
    world.git.repository(repository.handle).pull_requests[1].status = "active"
    await world.when(to_observe(repository))
    assert (await again(world, repository)).status == "Abandoned"
    world.git.complete(repository.handle, 1)
    assert (await world.when(to_observe(repository))).names == ("PullRequestMerged",)
    assert (await again(world, repository)).status == "Merged"


async def test_a_completion_whose_commit_is_not_known_yet_is_no_merge_yet(world: World) -> None:
    # The provider completes in the background: status first, merge commit later. The fact needs the commit.
    repository, pull_request = await a_pull_request(world)
    world.git.complete(repository.handle, 1)
    whole = await provided(world, repository)
    now = world.clock.now()
    pull_request.observe(replace(whole, merge_commit_sha=None), now, adopt=True)
    assert (pull_request.status, pull_request.recorded) == ("Open", ())
    pull_request.observe(whole, now + timedelta(seconds=1), adopt=True)
    assert [type(fact).__name__ for fact in pull_request.recorded] == ["PullRequestMerged"]
