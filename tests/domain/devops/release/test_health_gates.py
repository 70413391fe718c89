"""Health gates: pass, fail and inconclusive; only a pass passes, and what was seen is kept."""

from typing import Any

import pytest

from domain.devops.delivery.deployment_policy import HealthGates
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.health_gates import sync_check
from domain.provided import FileContent, ProvidedSync
from tests.deployment import APP
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.world import World

HTTP = {"name": "alive", "url": "http://{service}.{namespace}/health"}
METRIC = {"name": "errors", "query": 'rate{service="{service}"}', "threshold": 0.01}
GATES = {"http": [HTTP], "metrics": [METRIC], "timeout_seconds": 60}


async def a_line(world: World, **gates: Any) -> Delivery:
    delivery = await a_delivery(world, an_environment("dev", gates={**GATES, **gates}))
    await delivery.promoted(await delivery.a_release("1.3.0", "dev"), "dev")
    return delivery


async def promoted(delivery: Delivery, between: Any = None) -> EnvironmentPromotion:
    return await delivery.promote(await delivery.a_release("1.4.0", "dev"), between=between)


def seen(promotion: EnvironmentPromotion, kind: str) -> list[str]:
    return [one.outcome for one in promotion.gate_results if one.kind == kind]


async def test_all_kinds_pass_and_are_kept(world: World) -> None:
    promotion = await promoted(await a_line(world))
    assert promotion.status == "Completed"
    kinds = [(one.kind, one.gate, one.outcome, one.binding) for one in promotion.gate_results]
    assert kinds == [
        ("Sync", "gitops", "Passed", True),
        ("Rollout", APP, "Passed", True),
        ("Http", "alive", "Passed", True),
        ("Metric", "errors", "Passed", True),
    ]


FAILURES = {
    "Rollout": lambda world, at: world.workloads.becomes(at, APP, "failed", "too many restarts"),
    "Http": lambda world, at: world.probe.answers("http://", 503),
    "Metric": lambda world, at: world.metrics.gives("rate", 0.02),
    "Sync": lambda world, at: world.agent.fail("it does not build"),
}
WORDS = {
    "Rollout": "deployment reservations-api: too many restarts",
    "Http": "answered 503 in 5 ms, expected 200",
    "Metric": 'rate{service="reservations-api"} is 0.02, must be at most 0.01',
    "Sync": "the GitOps agent can't apply it: it does not build",
}


@pytest.mark.parametrize("kind", FAILURES)
async def test_a_fail_of_each_kind_fails_the_promotion_at_once(world: World, kind: str) -> None:
    delivery = await a_line(world)
    FAILURES[kind](world, delivery.handle("dev"))
    promotion = await promoted(delivery)
    assert (promotion.status, seen(promotion, kind)) == ("Failed", ["Failed"])
    assert promotion.reason is not None and WORDS[kind] in promotion.reason
    assert promotion.rollback is not None and promotion.rollback.version == "1.3.0"


SILENCES = {
    "Rollout": lambda world, at: world.workloads.unknown(at, APP),
    "Http": lambda world, at: world.probe.answers("http://", None),
    "Metric": lambda world, at: world.metrics.gives("rate", None),
    "Sync": lambda world, at: world.agent.hold(),
}
PORTS = {"Rollout": "workloads", "Http": "probe", "Metric": "metrics"}


@pytest.mark.parametrize("kind", SILENCES)
async def test_silence_passes_nothing_and_fails_in_time(world: World, kind: str) -> None:
    delivery = await a_line(world)
    SILENCES[kind](world, delivery.handle("dev"))
    promotion = await promoted(delivery)
    assert (promotion.status, seen(promotion, kind)) == ("Failed", ["Inconclusive"])
    assert promotion.reason is not None and "not healthy within 60 s" in promotion.reason
    (step,) = promotion.steps
    assert step.ended_at is not None and step.committed_at is not None
    assert 60 <= (step.ended_at - step.committed_at).total_seconds() <= 90


@pytest.mark.parametrize("kind", PORTS)
async def test_a_gate_that_is_away_is_inconclusive_until_it_is_back(world: World, kind: str) -> None:
    delivery = await a_line(world)
    port = getattr(world, PORTS[kind])
    port.away = True

    async def between() -> None:
        port.away = False

    promotion = await promoted(delivery, between)
    assert (promotion.status, seen(promotion, kind)) == ("Completed", ["Inconclusive", "Passed"])


async def test_what_may_not_be_asked_fails(world: World) -> None:
    delivery = await a_line(world)
    world.metrics.refuses("rate", "it gives two values")
    promotion = await promoted(delivery)
    assert promotion.status == "Failed" and "it gives two values" in (promotion.reason or "")


async def test_what_is_not_up_yet_is_not_asked(world: World) -> None:
    delivery = await a_line(world)
    asked = world.probe.calls["get"]
    world.workloads.becomes(delivery.handle("dev"), APP, "progressing")
    promotion = await promoted(delivery)
    assert promotion.status == "Failed" and world.probe.calls["get"] == asked


async def test_it_must_still_be_healthy_after_the_soak(world: World) -> None:
    delivery = await a_line(world, soak_seconds=100)

    async def between() -> None:
        world.metrics.gives("rate", 0.5)

    promotion = await promoted(delivery, between)
    assert (promotion.status, seen(promotion, "Metric")) == ("Failed", ["Passed", "Failed"])


async def test_the_soak_begins_anew_where_it_was_not_healthy_in_between(world: World) -> None:
    delivery = await a_line(world, soak_seconds=40)
    looks = 0

    async def between() -> None:
        nonlocal looks
        looks += 1
        world.metrics.gives("rate", None if looks == 3 else 0.0)

    promotion = await promoted(delivery, between)
    assert promotion.status == "Completed"
    assert seen(promotion, "Metric") == ["Passed", "Inconclusive", "Passed"]
    (step,) = promotion.steps
    assert step.healthy_since is not None and step.ended_at is not None and step.committed_at is not None
    assert (step.ended_at - step.healthy_since).total_seconds() >= 40
    assert step.healthy_since > step.committed_at


async def test_a_long_soak_is_not_time_to_come_up(world: World) -> None:
    delivery = await a_line(world, soak_seconds=2 * 3600)
    world.probe.answers("http://", None)
    promotion = await promoted(delivery)
    (step,) = promotion.steps
    assert promotion.status == "Failed" and step.ended_at is not None and step.committed_at is not None
    assert (step.ended_at - step.committed_at).total_seconds() <= 90


async def test_what_comes_and_goes_ends_in_time(world: World) -> None:
    delivery = await a_line(world, soak_seconds=100)
    answers = iter([None, 200] * 1000)

    async def between() -> None:
        world.probe.answers("http://", next(answers))

    promotion = await promoted(delivery, between)
    (step,) = promotion.steps
    assert promotion.status == "Failed" and step.ended_at is not None and step.committed_at is not None
    assert 60 <= (step.ended_at - step.committed_at).total_seconds() <= 60 + 100 + 60


@pytest.mark.parametrize("kind", FAILURES)
async def test_in_a_dry_run_only_sync_and_rollout_decide(world: World, kind: str) -> None:
    delivery = await a_line(world, dry_run=True)
    FAILURES[kind](world, delivery.handle("dev"))
    promotion = await promoted(delivery)
    binds = kind in ("Sync", "Rollout")
    assert promotion.status == ("Failed" if binds else "Completed")
    (found,) = [one for one in promotion.gate_results if one.kind == kind]
    assert (found.outcome, found.binding) == ("Failed", binds)


async def test_a_gate_that_begins_to_bind_is_told_apart_from_its_dry_run(world: World) -> None:
    delivery = await a_line(world, dry_run=True, soak_seconds=60)
    world.metrics.gives("rate", None)

    async def between() -> None:
        await delivery.configure(an_environment("dev", gates={**GATES, "soak_seconds": 60}))

    promotion = await promoted(delivery, between)
    told = [(one.outcome, one.binding) for one in promotion.gate_results if one.kind == "Metric"]
    assert promotion.status == "Failed" and told == [("Inconclusive", False), ("Inconclusive", True)]


async def test_a_commit_of_somebody_else_on_top_is_still_ours_applied(world: World) -> None:
    delivery = await a_line(world, soak_seconds=20)

    async def between() -> None:
        world.git.push(delivery.gitops.handle, "env/dev", [FileContent(world.name("notes"), "add", b"x")])
        await world.agent.reconcile(delivery.handle("dev"), token=world.name("person"))

    assert (await promoted(delivery, between)).status == "Completed"


@pytest.mark.parametrize(
    "change",
    [
        FileContent("module-reservations-api/main/manifest.yaml", "edit", b"kind: Nothing"),
        FileContent("kustomization.yaml", "edit", b"resources: []"),
        FileContent("kustomization.yaml", "edit", b"{ it is no YAML"),
    ],
    ids=["the manifest", "the root", "no YAML at all"],
)
async def test_what_a_person_undoes_in_git_is_not_taken_for_applied(
    world: World, change: FileContent
) -> None:
    delivery = await a_line(world, soak_seconds=20)
    pushed: list[str] = []

    async def between() -> None:
        if not pushed:
            pushed.append(world.git.push(delivery.gitops.handle, "env/dev", [change]))
            await world.agent.reconcile(delivery.handle("dev"), token="a person's")

    promotion = await promoted(delivery, between)
    assert promotion.status == "Failed" and "is not applied yet" in (promotion.reason or "")
    # The way back has put Git right again.
    assert (await delivery.target("dev")).arrangement.slots[0].version == "1.3.0"
    assert b"module-reservations-api" in (await delivery.committed("dev"))["kustomization.yaml"]


def test_an_environment_without_an_agent_is_inconclusive() -> None:
    assert sync_check(None, "a" * 40, carried=False).outcome == "Inconclusive"


def test_a_failed_attempt_at_another_commit_says_nothing_of_ours() -> None:
    sync = ProvidedSync("b" * 40, "c" * 40, None, False, "it does not build")
    assert sync_check(sync, "a" * 40, carried=False).outcome == "Inconclusive"
    assert HealthGates().timeout_seconds == 600
