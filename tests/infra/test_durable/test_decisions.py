"""What the engine makes of the SDK's answers: in any order of completions both number the steps alike."""

import json
import random
from collections import Counter

import azure.durable_functions as df
import pytest

from infra.local.functions_host.durable.events import Event, Kind
from tests.infra.durable_app.orchestrators import Steps
from tests.infra.test_durable.simulation import Simulation, soon

RETRIES = df.RetryOptions(10, 3)


def busy(context: df.DurableOrchestrationContext) -> Steps:
    """Retries beside plain activities and timers, all at once, then one after the other, then any of them."""
    steps = [context.call_activity_with_retry("a", RETRIES, f"flaky {n}") for n in range(3)]
    steps += [context.call_activity("a", "plain"), soon(context)]
    results = yield context.task_all(steps)
    after = yield context.call_activity_with_retry("a", RETRIES, "flaky alone")
    both = context.task_all([context.call_activity("a", n) for n in range(2)])
    retried = context.call_activity_with_retry("a", RETRIES, "flaky last")
    winner = yield context.task_any([both, retried])
    end = yield context.call_activity("a", "end")
    return [results, after, winner == both, end]


@pytest.mark.parametrize("seed", range(25))
def test_whatever_the_order_the_results_find_their_steps(seed: int) -> None:
    dice, failures = random.Random(seed), Counter[str]()

    def fails(begun: Event) -> bool:
        given = str(begun.get("Input"))
        if "flaky" not in given or failures[given] == 2 or dice.random() < 0.5:
            return False
        failures[given] += 1
        return True

    simulation = Simulation(busy)
    decision = simulation.to_the_end(dice, fails)
    assert (decision.end, simulation.ran_ahead) == ("Completed", 0)
    results, after, _, end = json.loads(decision.output or "null")
    assert results == ["flaky 0", "flaky 1", "flaky 2", "plain", None]
    assert (after, end) == ("flaky alone", "end")


def carries_on(context: df.DurableOrchestrationContext) -> Steps:
    try:
        yield context.task_all([context.call_activity("a", n) for n in range(2)])
    except Exception:
        yield context.call_activity("a", "make good")
    return "done"


def test_after_a_failure_in_a_group_the_rest_of_the_group_comes_first() -> None:
    simulation = Simulation(carries_on)
    first, second = simulation.turn().begun
    decision = simulation.complete(first, fails=True)
    assert (decision.begun, decision.ran_ahead) == ([], False), "slow, but it will go on"
    (good,) = simulation.complete(second).begun
    assert (good["EventId"], good["Input"]) == (2, '"make good"')
    assert simulation.complete(good).end == "Completed"


def carries_on_beside_a_retry(context: df.DurableOrchestrationContext) -> Steps:
    try:
        yield context.task_all(
            [context.call_activity("a", 1), context.call_activity_with_retry("a", RETRIES, 2)]
        )
    except Exception:
        yield context.call_activity("a", "make good")


def test_beside_a_retry_that_would_number_the_steps_apart() -> None:
    simulation = Simulation(carries_on_beside_a_retry)
    plain, _ = simulation.turn().begun
    assert simulation.complete(plain, fails=True).ran_ahead


def cancelling(context: df.DurableOrchestrationContext) -> Steps:
    timer = soon(context)
    yield context.task_any([context.wait_for_external_event("go"), timer])
    timer.cancel()
    yield context.call_activity("a", "after")


def test_a_cancelled_timer_is_known_from_the_turn_that_cancels_it() -> None:
    simulation = Simulation(cancelling)
    (timer,) = simulation.turn().begun
    assert simulation.open() == [timer]
    decision = simulation.raise_event("go")
    assert decision.cancelled == {timer["EventId"]}
    assert [each["Name"] for each in simulation.open()] == ["a"]


def test_an_orchestrator_that_asks_for_something_else_fails() -> None:
    simulation = Simulation(carries_on)
    simulation.turn()
    simulation.orchestrator = cancelling
    decision = simulation.complete(simulation.open()[0])
    assert decision.end == "Failed"
    assert "non-deterministic: step 0 was TASK_SCHEDULED a and is now TIMER_CREATED" in str(decision.output)


def calling_an_entity(context: df.DurableOrchestrationContext) -> Steps:
    yield context.call_entity(df.EntityId("counter", "one"), "add", 1)


def test_an_entity_is_refused_by_name() -> None:
    decision = Simulation(calling_an_entity).turn()
    assert (decision.end, "this host has no call_entity" in str(decision.output)) == ("Failed", True)


def idle(context: df.DurableOrchestrationContext) -> Steps:
    timer = soon(context)
    timer.cancel()
    yield timer


def test_what_nothing_can_wake_is_told() -> None:
    simulation = Simulation(idle)
    assert simulation.turn().waits_for_nothing
    assert simulation.history[-2]["EventType"] == Kind.TIMER_CREATED
