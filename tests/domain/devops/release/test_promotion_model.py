"""A model check of promotions: rules that do anything to them in any order, invariants after every one.

`PROMOTION_MODEL_RUNS` has it try more than a suite has time for, and look for the shortest way to what fails,
which takes minutes.
"""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.devops.delivery.delivery_line import ResumeTheLine, StopTheLine
from domain.devops.release.deployment_target import HoldDeployment, LiftHold
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_control import BypassFreeze, CancelPromotion
from tests import report
from tests.domain.devops.release.promotion_invariants import Invariants
from tests.domain.devops.release.promotion_play import ENVIRONMENTS, MODULES, a_play

RUNS = int(os.environ.get("PROMOTION_MODEL_RUNS", "12"))
PHASES = [one for one in Phase if one is not Phase.shrink or "PROMOTION_MODEL_RUNS" in os.environ]
STEPS_PER_RUN = 60

WHY = "as the model wants it"
places = st.sampled_from(ENVIRONMENTS)
modules = st.sampled_from(MODULES)
# Picks among what there is at the moment, however many there are.
picks = st.integers(0, 999)
strategies = st.sampled_from([None, "RollingUpdate", "BlueGreen", "Canary"])
sometimes_not = st.sampled_from([True, True, True, False])
everywhere = st.sampled_from([None, *ENVIRONMENTS])
moods = st.sampled_from(
    [
        None,
        ("sync", "finish"),
        ("sync", "hold"),
        ("sync", "fail"),
        ("rollout", "progressing"),
        ("rollout", "failed"),
        ("http", None),
        ("http", 500),
        ("metric", None),
        ("metric", 0.5),
    ]
)
LINE: list[type[StopTheLine | ResumeTheLine]] = [StopTheLine, ResumeTheLine, ResumeTheLine]
turns = st.lists(picks, max_size=12)
METHODS = (
    ("git", "create_commit"),
    ("git", "create_branch"),
    ("git", "file_paths"),
    ("renderer", "kustomize"),
    ("blobs", "put"),
    ("agent", "reconcile"),
    ("agent", "sync"),
    ("workloads", "rollout"),
    ("probe", "get"),
    ("metrics", "query"),
)


class Promotions(RuleBasedStateMachine):
    steps = runs = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.play = self.run(a_play())
        self.world = self.play.world
        self.kept = Invariants(self.play)
        type(self).runs += 1

    def run[T](self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(what)

    def on(self, then: list[int]) -> None:
        """Turns of whatever runs, whoever's they are: there is no run in which nothing moves."""
        for pick in then:
            if self.play.running:
                self.run(self.play.turn(self.play.running[pick % len(self.play.running)]))
                self.look()

    @initialize(begins=st.lists(st.tuples(modules, places, strategies), min_size=2, max_size=4))
    def approved(self, begins: list[tuple[str, str, str | None]]) -> None:
        for module, environment, strategy in begins:
            self.run(self.play.plan(module, environment, strategy))
            self.run(self.play.decide(self.play.releases[-1], "Approved"))

    @rule(module=modules, environment=places, strategy=strategies, approved=sometimes_not)
    def plan(self, module: str, environment: str, strategy: str | None, approved: bool) -> None:
        self.run(self.play.plan(module, environment, strategy))
        if approved:
            self.run(self.play.decide(self.play.releases[-1], "Approved"))

    @precondition(lambda self: self.play.releases)
    @rule(pick=picks, decision=st.sampled_from(["Approved", "Approved", "Rejected"]))
    def decide(self, pick: int, decision: str) -> None:
        self.run(self.play.decide(self.play.releases[pick % len(self.play.releases)], decision))

    @precondition(lambda self: self.play.releases)
    @rule(
        pick=picks,
        to=st.sampled_from([None, *ENVIRONMENTS]),
        strategy=strategies,
        alone=st.booleans(),
        then=turns,
    )
    def promote(self, pick: int, to: str | None, strategy: str | None, alone: bool, then: list[int]) -> None:
        release = self.play.releases[pick % len(self.play.releases)]
        self.run(self.play.promote(release, to, strategy, automatic=alone))
        self.on(then)

    @precondition(lambda self: self.play.running)
    @rule(pick=picks, turns=st.integers(1, 30), mood=moods)
    def go_on(self, pick: int, turns: int, mood: tuple[str, Any] | None) -> None:
        """One orchestration is quicker than the others for a while; its environment has its moods."""
        running = self.play.running[pick % len(self.play.running)]
        if mood is not None:
            self.play.mood(*mood)
        for _ in range(turns):
            if not running.is_over:
                self.run(self.play.turn(running))
                self.look()

    @rule(mood=moods, then=turns)
    def gates(self, mood: tuple[str, Any] | None, then: list[int]) -> None:
        if mood is not None:
            self.play.mood(*mood)
        self.on(then)

    @rule(then=turns)
    def all_is_healthy(self, then: list[int]) -> None:
        self.play.all_is_healthy()
        self.on(then)

    @rule(seconds=st.sampled_from([None, 30, 3600]), then=turns)
    def freeze(self, seconds: int | None, then: list[int]) -> None:
        self.run(self.play.unfreeze() if seconds is None else self.play.freeze(seconds))
        self.on(then)

    @rule(
        kind=st.sampled_from([StopTheLine, ResumeTheLine, ResumeTheLine]), environment=everywhere, then=turns
    )
    def line(self, kind: type[StopTheLine | ResumeTheLine], environment: str | None, then: list[int]) -> None:
        self.run(self.play.command(kind(environment=environment, reason=WHY)))
        self.on(then)

    @rule(kind=st.sampled_from([HoldDeployment, LiftHold]), environment=places, module=modules, then=turns)
    def hold(
        self, kind: type[HoldDeployment | LiftHold], environment: str, module: str, then: list[int]
    ) -> None:
        self.run(self.play.command(kind(environment=environment, module_id=module, reason=WHY)))
        self.on(then)

    @rule(kind=st.sampled_from([BypassFreeze, BypassFreeze, CancelPromotion]), pick=picks, then=turns)
    def on_call(self, kind: type[BypassFreeze | CancelPromotion], pick: int, then: list[int]) -> None:
        """Whoever is on call lets one through, or ends it."""
        found = [one for one in self.run(self.play.all(EnvironmentPromotion)) if not one.status.is_over]
        if found:
            id = found[pick % len(found)].promotion_id
            self.run(self.play.command(kind(promotion_id=id, reason=WHY)))
        self.on(then)

    @rule(seconds=st.sampled_from([1, 60, 3600]), then=turns)
    def pass_time(self, seconds: int, then: list[int]) -> None:
        self.world.clock.step(seconds)
        self.on(then)

    @precondition(lambda self: self.play.calls)
    @rule(pick=picks, then=turns)
    def redeliver_step(self, pick: int, then: list[int]) -> None:
        self.run(self.play.redeliver(self.play.calls[-1 - pick % len(self.play.calls)]))
        self.on(then)

    @precondition(lambda self: self.play.messages)
    @rule(pick=picks)
    def redeliver_beginning(self, pick: int) -> None:
        self.run(self.play.begin_again(self.play.messages[pick % len(self.play.messages)]))

    @precondition(lambda self: len(self.play.running) > 2)
    @rule(pick=picks)
    def terminate(self, pick: int) -> None:
        self.play.terminate(self.play.running[pick % len(self.play.running)])

    @rule(environment=places, then=turns)
    def person_pushes(self, environment: str, then: list[int]) -> None:
        with self.play.calm():
            self.run(self.play.push(environment))
        self.on(then)

    @rule(of=st.sampled_from(METHODS), lost=sometimes_not, then=turns)
    def trouble(self, of: tuple[str, str], lost: bool, then: list[int]) -> None:
        port = getattr(self.world, of[0])
        if lost:
            port.lose_answer(of[1])
        else:
            port.away = True
        self.on(then)

    @invariant()
    def look(self) -> None:
        type(self).steps += 1
        self.run(self.kept.hold())

    def teardown(self) -> None:
        """Once everything is well again, all comes to an end, and every environment is as it should be."""
        try:
            self.run(self.kept.settled())
        finally:
            self.loop.close()


@pytest.mark.timeout(60 + 10 * RUNS)
def test_whatever_happens_to_promotions_they_keep_their_word() -> None:
    run_state_machine_as_test(
        Promotions,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS_PER_RUN,
            deadline=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
    report.say(f"model check of promotion: {Promotions.steps} steps in {Promotions.runs} runs, 0 violations")
