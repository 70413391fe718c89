"""At every call of a promotion the other side is away, or its answer gets lost: it comes to the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.memory.outside import Outside
from domain.kernel.errors import Unavailable
from tests import report
from tests.deployment import APP
from tests.domain.devops.release.promoting import a_delivery, an_environment
from tests.domain.devops.release.test_environment_promotion import promoted, rendered
from tests.domain.world import World

GATES = {
    "http": [{"name": "alive", "url": "http://{service}/health"}],
    "metrics": [{"name": "errors", "query": "errors", "threshold": 0.1}],
    "timeout_seconds": 300,
}


class Trouble:
    """Counts the calls of all ports, and spoils one of them."""

    def __init__(self, world: World, spoiled: int | None, how: str) -> None:
        self.calls: list[str] = []
        self._spoiled, self._how = spoiled, how
        for port in world.ports.values():
            assert isinstance(port, Outside)
            self._watch(port)

    def _watch(self, port: Outside) -> None:
        original = port._call

        @asynccontextmanager
        async def call(method: str) -> AsyncIterator[None]:
            is_spoiled = len(self.calls) == self._spoiled
            self.calls.append(method)
            if is_spoiled and self._how == "away":
                raise Unavailable("the other side", "it is away")
            async with original(method):
                yield
            if is_spoiled and self._how == "lost":
                raise Unavailable("the other side", "its answer was lost")

        port._call = call  # type: ignore[method-assign]


async def came_to(spoiled: int | None, how: str, ends: str) -> tuple[list[str], dict[str, Any]]:
    """The calls of a promotion, and all that it left."""
    world = World()
    delivery = await a_delivery(world, an_environment("dev", gates=GATES))
    release = await delivery.a_release("1.4.0", "dev")
    promotion = await delivery.ask(release, "dev")
    if ends == "Failed":
        world.workloads.becomes(delivery.handle("dev"), APP, "failed")
    trouble = Trouble(world, spoiled, how)
    await world.played()
    calls = list(trouble.calls)
    found, target = await delivery.again(promotion), await delivery.target("dev")
    return calls, {
        "status": found.status,
        "reason": found.reason,
        "confirmed": found.rollback is not None and found.rollback.confirmed_at is not None,
        "effects": world.effects,
        "facts": (promoted(world), rendered(world)),
        "files": await delivery.committed("dev"),
        "arrangement": target.arrangement,
        "queue": (target.queue, target.promotion_id),
        "passed": {(one.kind, one.gate) for one in found.gate_results if one.outcome in ("Passed", "Failed")},
    }


@pytest.mark.parametrize("ends", ["Completed", "Failed"])
@pytest.mark.parametrize("how", ["away", "lost"])
async def test_one_call_that_fails_changes_nothing_in_the_end(how: str, ends: str) -> None:
    calls, undisturbed = await came_to(None, how, ends)
    assert undisturbed["status"] == ends
    assert {"create_commit", "create_branch", "kustomize", "put", "reconcile", "sync", "rollout"} <= set(
        calls
    )
    wrong: list[str] = []
    for number, method in enumerate(calls):
        if ends == "Failed" and number < calls.index("rollout"):
            continue  # as in the other
        if method == "file" and calls[number - 1] == method:
            continue  # as the one before
        _, left = await came_to(number, how, ends)
        differing = [what for what in left if left[what] != undisturbed[what]]
        if differing:
            wrong.append(f"call {number} of {method} {how}: {', '.join(differing)}")
        report.count("promotion with one call away or its answer lost:", "calls", 1)
    assert wrong == []
