"""Every orchestrator asks for the same again, wherever its replay ends, as its history has it."""

import sys

import azure.durable_functions as df
import pytest

from functions import orchestrations
from functions.orchestrations import ORCHESTRATORS
from infra.local.functions_host.durable.decision import decide
from infra.local.functions_host.durable.events import BEGINNINGS, Event, Kind
from infra.local.functions_host.durable.replay import answer, begun, prefixes
from tests import report
from tests.functions.orchestration_cases import CASES, FOR_GOOD, STEPS
from tests.functions.recorded import History, Recorded

# What a host writes of its own accord, and not what the orchestrator has asked for.
_WRITTEN = ("Timestamp", "IsPlayed")


def test_there_is_a_case_for_every_orchestrator() -> None:
    assert set(ORCHESTRATORS) == set(CASES)
    assert all(CASES.values())


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in CASES for name in CASES[kind]])
async def test_a_replay_asks_for_what_the_history_says(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in {sys.modules[one.__module__] for one in ORCHESTRATORS.values()}:
        monkeypatch.setattr(room, "STEPS", STEPS)
    monkeypatch.setattr(orchestrations, "RETRIES", df.RetryOptions(3_000, FOR_GOOD))
    recorded = await CASES[kind][name]()
    assert recorded.kind == kind and recorded.output is not None
    count = 0
    for number, history in enumerate(recorded.histories, 1):
        count += replayed(recorded, history, is_last=number == len(recorded.histories))
    report.count("replay: prefixes of histories replayed twice:", kind, count)
    report.count("replay: histories:", kind, len(recorded.histories))


def replayed(recorded: Recorded, history: History, *, is_last: bool) -> int:
    """How many prefixes the history has; each is replayed twice."""
    orchestrator = ORCHESTRATORS[recorded.kind]
    turns, told = prefixes(history), list[tuple[Kind, str]]()
    before: list[object] = []
    for number, prefix in enumerate(turns, 1):
        first, second = (answer(orchestrator, prefix, recorded.id) for _ in range(2))
        assert first == second
        # Nothing is taken back, or put before what had been asked for.
        assert first.actions[: len(before)] == before
        before = list(first.actions)
        decision = decide(recorded.kind, first, prefix, "execution")
        assert [_asked(one) for one in decision.begun] == [
            _asked(one) for one in _begun_after(history, prefix)
        ]
        told += begun(decision.begun)
        if number < len(turns):
            assert decision.end is None
        else:
            assert decision.end == ("Completed" if is_last else "ContinuedAsNew")
    assert told == begun(history)
    return len(turns)


def _begun_after(history: History, prefix: list[Event]) -> list[Event]:
    """What the turn that the prefix ends in has begun."""
    found = []
    for each in history[len(prefix) :]:
        if each["EventType"] == Kind.TURN_STARTED:
            break
        if each["EventType"] in BEGINNINGS:
            found.append(each)
    return found


def _asked(one: Event) -> Event:
    return {name: value for name, value in one.items() if name not in _WRITTEN}
