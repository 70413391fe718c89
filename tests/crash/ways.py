"""Every way into the platform, found in the registry: each command accepted and refused, each observation,
and a service hook. A new command comes in by its scenario; a new observation fails until it has one here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.actor import Actor, service
from domain.kernel.envelope import Envelope
from domain.kernel.journal import Journal
from functions.webhooks import received
from tests.crash.happenings import OBSERVATIONS, Observed
from tests.crash.process import Delivery
from tests.domain.scenarios import SCENARIOS
from tests.domain.world import PERSONS, World


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


def sent(envelope: Envelope, actor: Actor) -> Arrival:
    """A command or an observation on its queue."""

    async def deliver(dispatcher: Dispatcher, may_be_repeat: bool, _: datetime) -> Journal:
        return await dispatcher.dispatch(envelope, actor, may_be_repeat=may_be_repeat)

    return Arrival(envelope.event_id, deliver)


def accepted(name: str) -> Way:
    """A command that comes to its facts."""

    async def prepare(world: World) -> Arrival:
        payload = await SCENARIOS[name].prepare(world)
        return sent(world.envelope(name, payload), PERSONS[SCENARIOS[name].by])

    return Way(name, prepare)


def refused(name: str) -> Way:
    """What the scenario says is refused, or else the same once more under another id."""

    async def prepare(world: World) -> Arrival:
        scenario = SCENARIOS[name]
        payload = await scenario.prepare(world)
        if scenario.refused_with is None:
            await world.send(name, payload, by=scenario.by)
        else:
            payload |= scenario.refused_with
        return sent(world.envelope(name, payload), PERSONS[scenario.by])

    return Way(f"{name}, refused", prepare)


def observation(name: str, happened: Observed) -> Way:
    async def prepare(world: World) -> Arrival:
        payload = await happened(world)
        return sent(world.envelope(name, payload), service("azure-devops"))

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
        return received(hook, b"{}", world.partition, moment, b"proof")

    async def deliver(dispatcher: Dispatcher, _: bool, moment: datetime) -> Journal:
        return await dispatcher.receive(journal(moment), "{}")

    return Arrival(journal(world.clock.now()).outcome.command_id, deliver)


_SENDABLE = (*catalogue().commands, *catalogue().settings)
COMMANDS = tuple(accepted(handler.name) for handler in _SENDABLE)
REFUSALS = tuple(refused(handler.name) for handler in _SENDABLE)

# Settings go one way, and call nobody outside: one of them goes it under every fault and recovery there is.
_ONE_SETTING = "ConfigureDelivery"
_OTHER_SETTINGS = {handler.name for handler in catalogue().settings} - {_ONE_SETTING}


def is_like_another(way: Way) -> bool:
    return way.name.removesuffix(", refused") in _OTHER_SETTINGS


def ways() -> list[Way]:
    """All of them. Raises `KeyError` for an observation that nobody here knows how to bring about."""
    found = [*COMMANDS, *REFUSALS]
    for name, handler in catalogue().handlers.items():
        if handler.is_observation:
            found += [observation(name, happened) for happened in OBSERVATIONS[name]]
    return [*found, Way("a service hook", _hook)]
