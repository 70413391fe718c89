"""Dispatchers that the steps of an orchestration are tried with."""

from domain.kernel.actor import Actor
from domain.kernel.envelope import Envelope
from domain.kernel.journal import Journal
from domain.sealing import ORCHESTRATOR
from tests.domain.devops.infrastructure.given import Site


class Listening:
    """A dispatcher that keeps the ids of the commands that it was given."""

    def __init__(self, world: Site) -> None:
        self._world, self.ids = world, list[str]()

    async def dispatch(self, envelope: Envelope, actor: Actor, *, may_be_repeat: bool = False) -> Journal:
        self.ids.append(envelope.event_id)
        return await self._world.dispatcher.dispatch(envelope, actor, may_be_repeat=may_be_repeat)


class Failing:
    """A dispatcher of which every command fails so."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def dispatch(self, envelope: Envelope, actor: Actor, *, may_be_repeat: bool = False) -> Journal:
        assert not may_be_repeat and actor == Actor(ORCHESTRATOR, is_service=True, initiator=actor.initiator)
        raise self._error
