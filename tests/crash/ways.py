"""Every way into the platform, found in the registry: each command accepted and refused, each observation,
and a service hook. A new command comes in by its scenario; a new observation fails until it has one here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.envelope import Envelope
from domain.kernel.journal import Journal
from domain.provided import FileContent
from functions.webhooks import received
from tests.crash.process import Delivery
from tests.domain.scenarios import SCENARIOS, Payload, prepared, unprotected_repository
from tests.domain.world import World


@dataclass(frozen=True)
class Arrival:
    """A message that is about to arrive. `id` names its journal row."""

    id: str
    delivery: Delivery


@dataclass(frozen=True)
class Way:
    """`prepare` does all that must have happened before the message arrives."""

    name: str
    prepare: Callable[[World], Awaitable[Arrival]]


def sent(envelope: Envelope, actor: str) -> Arrival:
    """A command or an observation on its queue."""

    async def deliver(dispatcher: Dispatcher, may_be_repeat: bool, _: datetime) -> Journal:
        return await dispatcher.dispatch(envelope, actor, may_be_repeat=may_be_repeat)

    return Arrival(envelope.event_id, deliver)


def accepted(name: str) -> Way:
    """A command that comes to its facts."""

    async def prepare(world: World) -> Arrival:
        payload = await SCENARIOS[name].prepare(world)
        return sent(world.envelope(name, payload), world.actor)

    return Way(name, prepare)


def refused(name: str) -> Way:
    """The same once more under another id: the domain or the provider says no."""

    async def prepare(world: World) -> Arrival:
        payload = await SCENARIOS[name].prepare(world)
        await world.send(name, payload)
        return sent(world.envelope(name, payload), world.actor)

    return Way(f"{name}, refused", prepare)


async def _provisioned(world: World) -> Payload:
    """A protected repository whose default branch has not been taken in: the fact of its provisioning."""
    payload = await SCENARIOS["ProvisionRepository"].prepare(world)
    journal = await world.dispatcher.dispatch(world.envelope("ProvisionRepository", payload), world.actor)
    fact: Payload = journal.outcome.reply["events"][0]["payload"]
    return fact


async def _external_id(world: World) -> str:
    """The provider's id of the only repository."""
    page = await world.store.page(world.partition, catalogue().aggregates["repositories"], 2)
    (loaded,) = page.items
    return str(vars(loaded.aggregate)["external_id"])


async def default_branch_appears(world: World) -> Payload:
    repository = await _provisioned(world)
    return {"repositoryId": repository["repositoryId"], "name": "main"}


async def branch_is_pushed(world: World) -> Payload:
    repository = await unprotected_repository(world)
    change = FileContent("/pushed.txt", "add", b"from outside")
    world.git.push(world.handle(await _external_id(world)), "main", [change])
    return {"repositoryId": repository["repositoryId"], "name": "main"}


async def unknown_repository(world: World) -> Payload:
    return {"repositoryId": "repo-of-nobody", "name": "main"}


async def pull_request_is_completed(world: World) -> Payload:
    opened = await prepared(world, "OpenPullRequest")
    world.git.complete(world.handle(await _external_id(world)), opened["number"])
    return {"repositoryId": opened["repositoryId"], "number": opened["number"]}


async def pull_request_is_adopted(world: World) -> Payload:
    payload = await SCENARIOS["OpenPullRequest"].prepare(world)
    handle = world.handle(await _external_id(world))
    opened = await world.git.open_pull_request(
        handle, payload["sourceBranch"], payload["targetBranch"], "Lost", "", operation_id="cmd-lost"
    )
    return {"repositoryId": payload["repositoryId"], "number": opened.number, "adopt": True}


async def hooks_are_gone(world: World) -> Payload:
    repository = await _provisioned(world)
    found = world.git.repository(world.handle(await _external_id(world)))
    found.hooks.clear()
    found.policies.clear()
    return {"repositoryId": repository["repositoryId"]}


type Observed = Callable[[World], Awaitable[Payload]]

OBSERVATIONS: dict[str, tuple[Observed, ...]] = {
    "ObserveBranch": (default_branch_appears, branch_is_pushed, unknown_repository),
    "ObservePullRequest": (pull_request_is_completed, pull_request_is_adopted),
    "ObserveRepository": (hooks_are_gone,),
}


def observation(name: str, happened: Observed) -> Way:
    async def prepare(world: World) -> Arrival:
        payload = await happened(world)
        return sent(world.envelope(name, payload), "azure-devops")

    return Way(f"{name}, {happened.__name__.replace('_', ' ')}", prepare)


async def _hook(world: World) -> Arrival:
    """A push of two branches; sent again it is the same notification, taken in at a later moment."""
    updates = [{"name": "refs/heads/main"}, {"name": "refs/heads/release/1.4"}]
    hook: dict[str, Any] = {
        "subscriptionId": "subscription-1",
        "notificationId": 7,
        "eventType": "git.push",
        "resource": {"repository": {"id": "external-1"}, "refUpdates": updates},
    }

    def journal(moment: datetime) -> Journal:
        return received(hook, b"{}", world.partition, moment)

    async def deliver(dispatcher: Dispatcher, _: bool, moment: datetime) -> Journal:
        return await dispatcher.receive(journal(moment), "{}")

    return Arrival(journal(world.clock.now()).outcome.command_id, deliver)


COMMANDS = tuple(accepted(handler.name) for handler in catalogue().commands)
REFUSALS = tuple(refused(handler.name) for handler in catalogue().commands)


def ways() -> list[Way]:
    """All of them. Raises `KeyError` for an observation that nobody here knows how to bring about."""
    found = [*COMMANDS, *REFUSALS]
    for name, handler in catalogue().handlers.items():
        if handler.is_observation:
            found += [observation(name, happened) for happened in OBSERVATIONS[name]]
    return [*found, Way("a service hook", _hook)]
