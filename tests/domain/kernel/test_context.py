"""The registry: a handler is what its signature says, and nothing is registered twice."""

from typing import Any

import pytest

from domain.catalogue import Catalogue, catalogue
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command, Observation
from domain.kernel.context import Context, kebab, snake
from domain.kernel.event import Event
from domain.kernel.work import Work
from domain.ports import GitProvider


class OpenDoor(Command):
    door_id: str


class ObserveDoor(Observation):
    door_id: str


class DoorOpened(Event):
    door_id: str


@pytest.fixture
def context() -> Context:
    return Context("devops", "front-house")


async def open_door(command: OpenDoor, work: Work, git: GitProvider) -> None: ...


async def observe_door(command: ObserveDoor, work: Work) -> None: ...


async def close_door(command: OpenDoor, work: Work) -> None: ...


async def without_command(work: Work, git: GitProvider) -> None: ...


async def without_work(command: OpenDoor, git: GitProvider) -> None: ...


def test_names_are_split_at_their_capitals() -> None:
    assert snake("MergePullRequest") == "merge_pull_request"
    assert kebab("MergePullRequest") == "merge-pull-request"


def test_the_signature_is_the_registration(context: Context) -> None:
    assert context.handler(open_door) is open_door
    handler = context.handlers["OpenDoor"]
    assert (handler.name, handler.command, handler.function) == ("OpenDoor", OpenDoor, open_door)
    assert handler.ports == {"git": GitProvider}
    assert not handler.is_observation
    assert handler.queue == "devops.front-house.open-door"


def test_observations_share_one_queue(context: Context) -> None:
    context.handler(observe_door)
    handler = context.handlers["ObserveDoor"]
    assert handler.is_observation
    assert handler.queue == "platform.observations"
    assert handler.ports == {}


def test_a_misnamed_handler_is_refused(context: Context) -> None:
    with pytest.raises(AssertionError, match="is misnamed"):
        context.handler(close_door)


@pytest.mark.parametrize("function", [without_command, without_work])
def test_a_handler_that_takes_no_command_and_work_is_refused(context: Context, function: Any) -> None:
    with pytest.raises(AssertionError, match=r"must take \(command, work"):
        context.handler(function)
    assert context.handlers == {}


def test_a_second_handler_of_a_command_is_refused(context: Context) -> None:
    context.handler(open_door)
    with pytest.raises(AssertionError, match="OpenDoor is registered twice"):
        context.handler(open_door)


def test_a_second_event_or_aggregate_of_a_name_is_refused(context: Context) -> None:
    class Door(Aggregate):
        door_id: str

    context.event()(DoorOpened)
    context.aggregate(prefix="door", collection="doors")(Door)
    with pytest.raises(AssertionError, match="DoorOpened is registered twice"):
        context.event()(DoorOpened)
    with pytest.raises(AssertionError, match="Door is registered twice"):
        context.aggregate(prefix="door", collection="doors")(Door)


def test_naming_consumers_promotes_an_event(context: Context) -> None:
    context.event("Knowledge", "Observability")(DoorOpened)
    assert context.events["DoorOpened"].consumers == ("Knowledge", "Observability")


def test_two_contexts_can_not_handle_one_command(context: Context) -> None:
    other = Context("devops", "back-house")
    context.handler(open_door)
    other.handler(open_door)
    with pytest.raises(AssertionError, match="two contexts handle OpenDoor"):
        Catalogue([context, other])


def test_two_contexts_can_not_emit_one_event(context: Context) -> None:
    other = Context("devops", "back-house")
    context.event()(DoorOpened)
    other.event()(DoorOpened)
    with pytest.raises(AssertionError, match="two contexts emit DoorOpened"):
        Catalogue([context, other])


def test_observations_are_handled_but_are_no_public_commands(context: Context) -> None:
    context.handler(open_door)
    context.handler(observe_door)
    found = Catalogue([context])
    assert [handler.name for handler in found.commands] == ["OpenDoor"]
    assert set(found.handlers) == {"OpenDoor", "ObserveDoor"}
    assert found.handlers["OpenDoor"].queue == "devops.front-house.open-door"


def test_the_catalogue_is_found_once_and_holds_every_context() -> None:
    assert catalogue() is catalogue()
    assert "devops.source-control" in [one.topic for one in catalogue().contexts]
