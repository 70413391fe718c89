"""What happens to a pull request outside: read again, recorded once, never taken back."""

import pytest

from domain.devops.source_control.pull_request import PullRequest, open_pull_request
from domain.devops.source_control.pull_request_observation import ObservePullRequest
from domain.devops.source_control.repository import Repository
from domain.kernel.actor import service
from domain.kernel.envelope import Envelope
from domain.provided import FileContent
from tests.domain.devops.source_control.given import (
    APPROVED,
    CHECK,
    CHECKED,
    a_feature,
    a_pull_request,
    again,
    head_of,
    stored,
    to_observe,
    to_open,
)
from tests.domain.world import World


async def foreign(world: World, repository: Repository) -> None:
    """Somebody opens one in the browser: no command of ours is its cause."""
    opened = await world.git.open_pull_request(
        repository.handle, "feature/reservations", "main", "By hand", "", operation_id="nobody"
    )
    world.git.repository(repository.handle).pull_requests[opened.number].operation_id = None


async def test_checks_are_brought_up_to_date(world: World) -> None:
    repository, _ = await a_pull_request(world, CHECKED)
    world.git.set_status(repository.handle, 1, CHECK, "failed", "3 tests failed")
    happened = await world.when(to_observe(repository))
    assert happened.facts == ()
    (check,) = (await again(world, repository)).checks
    assert (check.name, check.state, check.required) == (CHECK, "failed", True)
    assert check.description == "3 tests failed"


async def test_reviews_and_the_policy_are_brought_up_to_date(world: World) -> None:
    repository, _ = await a_pull_request(world, APPROVED)
    world.git.vote(repository.handle, 1, "Grace", 10)
    await world.when(to_observe(repository))
    pull_request = await again(world, repository)
    assert [(one.reviewer, one.vote) for one in pull_request.reviews] == [("Grace", 10)]
    assert [one.status for one in pull_request.policy_evaluation.results] == ["approved"]
    assert pull_request.policy_evaluation.passed


async def test_comments_are_brought_up_to_date(world: World) -> None:
    repository, _ = await a_pull_request(world)
    world.clock.step(5)
    world.git.comment(repository.handle, 1, "Grace", "Why\nnot?")
    await world.when(to_observe(repository))
    (comment,) = (await again(world, repository)).comments
    assert (comment.author, comment.text, comment.posted_at) == ("Grace", "Why\nnot?", world.clock.now())
    assert comment.comment_id


async def test_title_description_and_source_are_brought_up_to_date(world: World) -> None:
    repository, _ = await a_pull_request(world)
    at_provider = world.git.repository(repository.handle).pull_requests[1]
    at_provider.title, at_provider.description = "Renamed", "And explained"
    sha = world.git.push(repository.handle, "feature/reservations", [FileContent("n", "add", b"x")])
    await world.when(to_observe(repository))
    pull_request = await again(world, repository)
    assert (pull_request.title, pull_request.description) == ("Renamed", "And explained")
    assert pull_request.source_commit_sha == sha


async def test_observing_what_has_not_changed_writes_nothing(world: World) -> None:
    repository, before = await a_pull_request(world, CHECKED)
    world.clock.step()
    journal = (await world.when(to_observe(repository))).journal
    assert (await again(world, repository)).updated_at == before.updated_at
    assert not journal.pending


async def test_somebody_elses_pull_request_is_taken_in(world: World) -> None:
    repository = await a_feature(world)
    await foreign(world, repository)
    happened = await world.when(to_observe(repository))
    assert happened.names == ("PullRequestOpened",)
    assert happened.envelopes[0].payload["title"] == "By hand"
    assert (await world.when(to_observe(repository))).facts == ()
    assert (await again(world, repository)).aggregate_version == 1


async def test_somebody_elses_that_is_merged_already_has_both_its_facts_in_order(world: World) -> None:
    repository = await a_feature(world)
    await foreign(world, repository)
    sha = world.git.complete(repository.handle, 1)
    happened = await world.when(to_observe(repository))
    assert happened.names == ("PullRequestOpened", "PullRequestMerged")
    assert happened.envelopes[1].payload["mergeCommitSha"] == sha == await head_of(world, repository)
    assert [fact.properties["cs-aggregate-version"] for fact in happened.journal.messages] == [1, 1, 2, 2]


@pytest.mark.parametrize("adopt", [False, True])
async def test_one_of_ours_is_left_to_its_command_unless_it_is_to_be_adopted(
    world: World, adopt: bool
) -> None:
    repository = await a_feature(world)
    command = to_open(repository)
    envelope = world.envelope(command)
    await open_pull_request(command, world.work(command, envelope), world.git)
    happened = await world.when(to_observe(repository, adopt=adopt))
    assert happened.names == (("PullRequestOpened",) if adopt else ())
    assert (await stored(world, repository) is not None) is adopt
    # Its own command, when it comes again, completes what is missing and nothing else.
    repeated = await world.dispatch(envelope, may_be_repeat=True)
    assert len(repeated.outcome.reply["events"]) == (0 if adopt else 1)
    assert repeated.outcome.reply["aggregate"]["id"] == PullRequest.id_for(repository.id, 1)
    assert (await again(world, repository)).aggregate_version == 1


async def test_what_the_provider_does_not_have_is_no_error(world: World) -> None:
    repository = await a_feature(world)
    assert (await world.when(to_observe(repository, 99))).facts == ()


async def test_a_pull_request_of_a_repository_that_nobody_knows_is_no_error(world: World) -> None:
    observed = ObservePullRequest(repository_id="repo-9", number=1)
    assert (await world.when(observed)).facts == ()


async def test_names_of_people_that_no_command_would_take_do_not_stop_an_observation(world: World) -> None:
    repository, _ = await a_pull_request(world, APPROVED)
    world.git.vote(repository.handle, 1, "", 10)
    world.git.vote(repository.handle, 1, "x" * 500, 5)
    world.git.comment(repository.handle, 1, "", "by the system")
    await world.when(to_observe(repository))
    pull_request = await again(world, repository)
    assert len(pull_request.reviews) == 2
    assert len(pull_request.comments) == 1


async def test_a_fact_of_a_merge_outside_does_not_name_people_to_others(world: World) -> None:
    repository, _ = await a_pull_request(world, APPROVED)
    world.git.vote(repository.handle, 1, "Grace Hopper", 10)
    world.git.complete(repository.handle, 1)
    happened = await world.when(to_observe(repository))
    crossing = [one for one in happened.journal.messages if one.properties["cs-scope"] == "integration"]
    assert [Envelope.parse(one.body).event_type for one in crossing] == ["PullRequestMerged"]
    assert all("Grace" not in one.body for one in crossing)


async def test_one_opened_at_the_provider_stands_in_its_repositorys_trace_as_nobodys_deed(
    world: World,
) -> None:
    repository = await a_feature(world)
    await foreign(world, repository)
    world.actor = service("azure-devops")
    happened = await world.when(to_observe(repository))
    stored = await world.read(Repository, repository.repository_id)
    assert stored.lineage is not None
    (fact,) = happened.envelopes
    assert (fact.trace_id, happened.journal.trace[0].causation_id) == (
        stored.lineage.trace_id,
        stored.lineage.event_id,
    )
    assert all("cs-initiator" not in message.properties for message in happened.journal.messages)
