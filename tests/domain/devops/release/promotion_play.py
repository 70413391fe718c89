"""Promotions played turn by turn: everything that can happen to them, one thing at a time, in any order."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import product
from typing import Any, cast

from adapters.memory.outside import Outside
from domain.devops.release.deployment_target import DeploymentTarget
from domain.devops.release.environment_promotion import EnvironmentPromotion, PromoteDeployment
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.actor import Actor
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.envelope import Message
from domain.kernel.errors import Conflict, Rejected, Unavailable
from domain.kernel.values import timestamp
from domain.provided import FileContent
from tests.deployment import APP
from tests.domain.devops.release.given import ADA, ALAN, HEIDI, to_decide
from tests.domain.devops.release.promoting import Delivery, a_delivery, an_environment
from tests.domain.world import World
from tests.orchestrations import Activity, Running

MODULES = ("module-payments", "module-reservations-api")
ENVIRONMENTS = ("dev", "test")
GATES = {
    "http": [{"name": "alive", "url": "http://{service}/health"}],
    "metrics": [{"name": "errors", "query": "errors", "threshold": 0.1}],
    "soak_seconds": 20,
    "timeout_seconds": 120,
}
# Whose absence a step notices.
PORTS = ("git", "renderer", "blobs", "agent", "workloads", "probe", "metrics")


class Play:
    """A project with two modules on a path of two environments, both promoted to automatically."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery, self.world = delivery, delivery.world
        self.releases: list[str] = []
        self.running: list[Running] = []
        self.calls: list[Activity] = []
        self.messages: list[Message] = []
        self.frozen_until: datetime | None = None
        self.uncertain: set[str] = set()
        """Targets of whose last commit the outcome is not known yet."""
        self.refusals = 0
        self._read: dict[str, Aggregate] = {}

    async def command(self, command: Command, by: Actor = HEIDI) -> None:
        """What a person sends; it may well be refused."""
        self.world.actor = by
        try:
            happened = await self.world.given(command)
        except Rejected:
            self.refusals += 1
            return
        self.messages += happened.journal.messages
        self._begin()

    def _begin(self) -> None:
        while self.world.begun:
            self.running.append(Running(self.world.begun.pop(0), self.world.clock, self.taken))

    async def plan(self, module_id: str, target: str, strategy: str | None) -> None:
        version = f"1.{len(self.releases)}.0"
        with self.calm():
            plan = await self.delivery.a_release(
                version, target, approved=False, module_id=module_id, strategy=strategy
            )
        self.releases.append(plan.release_id)

    async def decide(self, release_id: str, decision: str) -> None:
        plan = await self.world.read(ReleasePlan, release_id)
        await self.command(to_decide(plan, decision=decision), ALAN)

    async def promote(
        self, release_id: str, to: str | None, strategy: str | None, *, automatic: bool = False
    ) -> None:
        asked = {"release_id": release_id, "to_environment": to, "strategy": strategy, "automatic": automatic}
        await self.command(PromoteDeployment.model_validate(asked), ADA)

    async def freeze(self, seconds: int) -> None:
        # To the millisecond, as the wire has it.
        ends = timestamp(self.world.clock.moment + timedelta(seconds=seconds))
        self.frozen_until = datetime.fromisoformat(ends)
        await self.configure()

    async def unfreeze(self) -> None:
        self.frozen_until = None
        await self.configure()

    async def configure(self) -> None:
        begins = timestamp(self.world.clock.moment)
        freezes = (
            []
            if self.frozen_until is None
            else [{"name": "audit", "starts_at": begins, "ends_at": timestamp(self.frozen_until)}]
        )
        await self.delivery.configure(*environments(), freezes=freezes)

    async def turn(self, running: Running, *, leaves: bool = True) -> None:
        """The next turn of an orchestration; what waits for a timer moves the clock."""
        if running.due is not None:
            wait = (running.due - self.world.clock.moment).total_seconds()
            self.world.clock.step(max(wait, 0))
        await running.turn()
        if running.is_over and leaves:
            self.running.remove(running)
        self._begin()

    async def taken(self, asked: Activity, *, before: bool = False) -> dict[str, Any]:
        """A step, as the orchestrations have it taken; `before`: it was taken before."""
        if asked.name not in ("commit_promotion_step", "roll_back_promotion"):
            answer = await self.world.orchestrations.taken(asked)
        else:
            answer = await self._committing(asked, before=before)
        self.calls.append(asked)
        return answer

    async def _committing(self, asked: Activity, *, before: bool) -> dict[str, Any]:
        """What fails on its way may leave a commit that nobody knows of yet."""
        promotion = await self.world.read(EnvironmentPromotion, asked.call["payload"]["promotionId"])
        target = await self.target_of(promotion)
        was_certain = target.id not in self.uncertain
        self.uncertain.add(target.id)
        answer = await self.world.orchestrations.taken(asked)
        now = await self.target_of(promotion)
        moved = (now.commit_sha, now.arrangement) != (target.commit_sha, target.arrangement)
        is_back = asked.name == "roll_back_promotion" and not before and answer["rejected"] is None
        if was_certain or moved or is_back:
            self.uncertain.discard(target.id)
        return answer

    @property
    def _ports(self) -> list[Outside]:
        return [getattr(self.world, name) for name in PORTS]

    async def redeliver(self, asked: Activity) -> None:
        """An activity of long ago runs once more."""
        with suppress(Unavailable, Conflict):
            await self.taken(asked, before=True)
        self._begin()

    @contextmanager
    def calm(self) -> Iterator[None]:
        """For a look at what is: nothing is away meanwhile, and no answer gets lost."""
        kept = [(port, port.away, port._lost) for port in self._ports]
        for port in self._ports:
            port.away, port._lost = False, Counter()
        yield
        for port, away, lost in kept:
            port.away, port._lost = away, lost

    async def begin_again(self, message: Message) -> None:
        order = self.world.orchestrations.beginning(message)
        if order is not None:
            self.running.append(Running(order, self.world.clock, self.taken))

    def terminate(self, running: Running) -> None:
        """By an operator: what it was taking is left where it is, and may be begun again."""
        self.running.remove(running)
        del self.world.orchestrations.begun[running.id]

    async def push(self, environment: str) -> None:
        """A person's own commit on an environment's branch."""
        if await self.delivery.head(environment) is not None:
            change = FileContent(self.world.name("notes/file"), "add", b"x")
            self.world.git.push(self.delivery.gitops.handle, f"env/{environment}", [change])

    def mood(self, kind: str, says: Any) -> None:
        """From now on the gates of a kind say this, in every environment."""
        if kind == "sync":
            getattr(self.world.agent, says)(*(("it does not build",) if says == "fail" else ()))
        elif kind == "http":
            self.world.probe.answers("http://", says)
        elif kind == "metric":
            self.world.metrics.gives("errors", says)
        else:
            for name, slot in product(ENVIRONMENTS, ("", "-blue", "-green")):
                self.world.workloads.becomes(self.delivery.handle(name), APP + slot, says)

    def all_is_healthy(self) -> None:
        """Nothing is away, and every gate passes."""
        for port in self._ports:
            port.away, port._lost = False, Counter()
        self.world.agent.finish()
        for said in (self.world.workloads._rollouts, self.world.probe._answers, self.world.metrics._answers):
            said.clear()

    async def target_of(self, promotion: EnvironmentPromotion) -> DeploymentTarget:
        return await self.delivery.target(promotion.to_environment, promotion.module_id)

    async def all[A: Aggregate](self, kind: type[A]) -> list[A]:
        """All aggregates of a kind, each read once for as long as nobody writes it."""
        found: list[A] = []
        for (of_kind, _), row in self._rows.items():
            if of_kind == kind.kind:
                if row.etag not in self._read:
                    self._read[row.etag] = kind.restore(row.state, row.schema_version, row.version)
                found.append(cast(A, self._read[row.etag]))
        return found

    @property
    def _rows(self) -> dict[tuple[str, str], Any]:
        return self.world.memory._project(self.world.partition).aggregates

    @property
    def moment(self) -> tuple[object, ...]:
        """Differs where anything that invariants speak of has changed."""
        branches = self.world.git._repository(self.delivery.gitops.handle).refs
        applied = [one.applied for one in self.world.agent._states.values()]
        written = [row.etag for row in self._rows.values()]
        return (written, dict(branches), applied, len(self.world.topics.published), set(self.uncertain))


def environments() -> list[dict[str, Any]]:
    return [an_environment(name, gates=GATES, auto_promote=True) for name in ENVIRONMENTS]


async def a_play() -> Play:
    """The second module runs in both environments already, so that there is something to go back to."""
    play = Play(await a_delivery(World(), *environments()))
    await play.plan(MODULES[1], ENVIRONMENTS[-1], None)
    await play.decide(play.releases[0], "Approved")
    for running in play.running:
        # The one that follows joins the end of the list.
        while not running.is_over:
            await play.turn(running, leaves=False)
    play.running.clear()
    return play
