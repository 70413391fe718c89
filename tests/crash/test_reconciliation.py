"""After a crash a reconciler may see the command's effect before the command comes back: each fact is still
recorded once, whoever records it."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from domain.kernel.actor import service
from domain.reconciliation import rounds
from functions.messages import observed
from tests.crash.conftest import Tally
from tests.crash.faults import Fault
from tests.crash.recoveries import Trial, redelivery, timer
from tests.crash.trial import A_WHILE, over_memory
from tests.crash.ways import COMMANDS, Way, is_like_another, sent

type Facts = Counter[tuple[str, str, int]]


async def reconcile(trial: Trial) -> None:
    """What the reconciler's round sends, handled by the process that runs now."""
    ground = trial.ground
    now = ground.clock.step(A_WHILE)
    async for due in rounds(
        ground.partition, ground.store, ground.ports.__getitem__, now - timedelta(days=1)
    ):
        for observation in due:
            arrival = sent(observed(ground.partition, observation, now, now), service("reconciler"))
            await trial.successor().deliver(arrival.delivery, may_be_repeat=False)
            assert not isinstance(trial.process.result, BaseException), trial.process.result


async def facts(trial: Trial) -> tuple[Facts, dict[str, int], Counter[str]]:
    """Which facts were told, to what version each aggregate came, and what the provider was made to do."""
    messages = {one.message_id: one for one in trial.ground.broker.published}
    told: Facts = Counter(
        (
            str(one.properties["cs-event-type"]),
            str(one.properties["cs-aggregate-id"]),
            int(one.properties["cs-aggregate-version"]),
        )
        for one in messages.values()
        if one.properties.get("cs-scope") == "domain"
    )
    found = await trial.ground.current_states()
    versions = {name: int(json.loads(state)[0]) for name, state in found.items()}
    return told, versions, await trial.ground.census() - trial.ground.effects


# Whoever first finds an environment synced tells of it, and so does each command that asked for it.
CONFIRMING = {"SyncGitOps"}


def without_confirmations(found: tuple[Facts, dict[str, int], Counter[str]]) -> object:
    """Which facts were told, however often, and what the agent was made to do."""
    told, versions, effects = found
    assert max(told.values()) == 1
    assert all(versions[name] == len(told) for name in versions if name.startswith("GitOpsSyncState"))
    return {fact for fact, _, _ in told}, effects


EACH_WAY = [way for way in COMMANDS if not is_like_another(way)]


@pytest.mark.parametrize("way", EACH_WAY, ids=lambda way: way.name)
async def test_a_reconciler_between_a_fault_and_its_redelivery_doubles_nothing(
    way: Way, tally: Tally
) -> None:
    run = await over_memory(way)

    async def play(fault: Fault | None) -> tuple[Facts, dict[str, int], Counter[str]]:
        trial = Trial(await run.start(), run.arrival)
        if fault is not None:
            trial.plan(fault)
        await trial.deliver(trial.process, may_be_repeat=True)
        assert trial.met == ([] if fault is None else [fault])
        for step in (reconcile, redelivery, reconcile, timer):
            await step(trial)
            if step is not reconcile:
                assert not isinstance(trial.process.result, BaseException), trial.process.result
        journal = await trial.ground.journal(run.arrival.id)
        assert journal is not None and journal.outcome.rejection is None, journal
        assert len(journal.outcome.reply["events"]) <= 1
        assert [one async for one in trial.ground.store.unpublished(trial.ground.clock.step(A_WHILE))] == []
        return await facts(trial)

    compared = without_confirmations if way.name in CONFIRMING else lambda found: found
    plain = await play(None)
    assert set(plain[0].values()) <= {1}
    expected = compared(plain)
    for fault in run.faults(may_be_repeat=True):
        try:
            assert compared(await play(fault)) == expected
        except AssertionError as error:
            error.add_note(f"{fault.mode} {run.calls[True][fault.index].name}")
            raise
        tally("memory")
