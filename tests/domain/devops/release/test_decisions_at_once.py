"""Decisions that fall at once meet at the release: none is lost, and none is counted on what was."""

from collections.abc import Awaitable, Callable
from typing import override

from adapters.memory.store import MemoryStore
from domain.kernel.journal import Committed, Transaction
from tests.domain.devops.release.given import (
    ALAN,
    GRACE,
    a_release,
    again,
    configure,
    decided,
    on_path,
    to_decide,
)
from tests.domain.world import World


class RacedStore(MemoryStore):
    """Lets somebody else be quicker, between what a command read and its commit."""

    rival: Callable[[], Awaitable[object]] | None = None

    @override
    async def commit(self, transaction: Transaction) -> Committed:
        rival, self.rival = self.rival, None
        if rival is not None:
            await rival()
        return await super().commit(transaction)


async def test_two_approvals_at_once_are_both_counted() -> None:
    store = RacedStore()
    world = World(store)
    await configure(world, environments=on_path("dev", required_approvals=2))
    release = await a_release(world)
    store.rival = lambda: decided(world, release, ALAN)
    journal = await world.dispatcher.dispatch(world.envelope(to_decide(release)), GRACE)
    assert [event["eventType"] for event in journal.outcome.reply["events"]] == ["ReleaseApproved"]
    approved = await again(world, release)
    assert approved.status == "Approved"
    assert [one.approver.person.name for one in approved.decisions] == [ALAN.name, GRACE.name]


async def test_an_approval_that_comes_as_the_release_is_rejected_is_refused() -> None:
    store = RacedStore()
    world = World(store)
    release = await a_release(world)
    store.rival = lambda: decided(world, release, ALAN, decision="Rejected")
    journal = await world.dispatcher.dispatch(world.envelope(to_decide(release)), GRACE)
    assert journal.outcome.rejection == f"release {release.release_id} was rejected"
