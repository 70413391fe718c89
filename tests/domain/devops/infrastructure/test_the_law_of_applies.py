"""Whatever the order of steps, drift, others' updates, crashes and repeats: nothing is updated without a
preview of just that, and never twice at a time."""

import asyncio
import contextlib
from typing import Any, override

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.infrastructure_engine import MemoryInfrastructureEngine, MemoryRun
from domain.devops.infrastructure.changes import ChangeSummary
from domain.devops.infrastructure.infrastructure_plan import ProvisionInfrastructure
from domain.devops.infrastructure.infrastructure_stack import LEASE
from domain.kernel.actor import service
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Unavailable
from domain.ports import InfrastructureEngine
from tests.domain.devops.infrastructure.given import STEPS, Site, site

PLANS = 3
PROGRAMS: tuple[dict[str, dict[str, str]], ...] = (
    {"bucket": {"sku": "standard"}},
    {"bucket": {"sku": "premium"}, "queue": {}},
    {"queue": {"sku": "basic"}},
)


class Watched(MemoryInfrastructureEngine):
    """Sees to the law when an update begins."""

    @override
    def _updating(self, run: MemoryRun) -> None:
        super()._updating(run)
        previews = [
            one
            for one in self._runs.values()
            if one.stack is run.stack and one.seen.operation == "preview" and one.seen.status == "succeeded"
        ]
        assert any(
            one.program == run.program and one.seen.base_version == run.stack.version for one in previews
        ), f"{run.operation_id} was begun without a preview of it"
        assert self.overlaps == 0, f"{run.operation_id} was begun beside another"
        if all(one.seen.status == "busy" for one in self.updates[:-1]):
            return  # nothing was applied before
        looks = [one for one in self._runs.values() if one.stack is run.stack and one is not run]
        last = looks[-1].seen
        found = [one.seen.changes for one in looks if one.seen.operation == "detect-drift"][-2:]
        assert last.operation == "detect-drift", f"{run.operation_id} was begun without a look for drift"
        assert found[0] == found[-1], f"{run.operation_id} was begun though drift had appeared"


class LawSite(Site):
    def __init__(self) -> None:
        super().__init__()
        self.watched = Watched()
        self.ids: list[str] = []
        self.all: list[str] = []
        self.sent: list[Envelope] = []

    @property
    def engine(self) -> MemoryInfrastructureEngine:
        return self.watched

    @property
    def ports(self) -> dict[type, object]:
        return {**super().ports, InfrastructureEngine: self.watched}

    async def act(self, action: tuple[Any, ...]) -> None:
        kind, *rest = action
        await getattr(self, f"do_{kind}")(*rest)

    async def do_request(self, preview_only: bool, automatic: bool) -> None:
        self.ids = [id for id in self.ids if not (await self.plan(id)).status.is_over][-PLANS + 1 :]
        command = ProvisionInfrastructure(environment="dev", preview_only=preview_only, automatic=automatic)
        found = (await self.when(command)).journal.outcome.reply["aggregate"]
        if found is not None:
            self.ids.append(found["id"])
            self.all.append(found["id"])

    async def do_step(self, which: int, name: str) -> None:
        """Any step at all, however out of place."""
        if self.ids:
            payload: dict[str, Any] = {"infrastructurePlanId": self.ids[which % len(self.ids)]}
            if name == "FailInfrastructure":
                payload["reason"] = "it was given up"
            await self.sent_as(self.envelope(name, payload))

    async def do_next(self, which: int) -> None:
        """The step that is in place."""
        if self.ids:
            plan = await self.plan(self.ids[which % len(self.ids)])
            if plan.next_step is not None:
                payload = {"infrastructurePlanId": plan.id}
                await self.sent_as(self.envelope(plan.next_step, payload))

    async def do_until(self, which: int, stage: str) -> None:
        """The steps that are in place, to a stage or to the end."""
        for _ in range(9):
            if self.ids and (await self.plan(self.ids[which % len(self.ids)])).status != stage:
                await self.do_next(which)

    async def do_crash(self, which: int, lost: bool) -> None:
        """An update is begun, takes its time, and is given up, perhaps unheard of; the next is asked for."""
        await self.do_until(which, "Applying")
        self.engine.holding = True
        if lost:
            self.engine.lose_answer("begin")
        await self.do_next(which)
        # What is begun later finishes all the same; this one does not before everything does.
        self.engine.holding = False
        await self.do_step(which, "FailInfrastructure")
        await self.do_request(False, False)

    async def do_repeat(self, which: int) -> None:
        if self.sent:
            await self.sent_as(self.sent[which % len(self.sent)])

    async def sent_as(self, envelope: Envelope) -> None:
        self.sent.append(envelope)
        # As an activity that failed: it may come again, or not.
        with contextlib.suppress(Unavailable):
            await self.dispatcher.dispatch(envelope, service("orchestrator"), may_be_repeat=True)

    async def do_drift(self, sku: str | None) -> None:
        self.engine.drift(self.at_engine, "bucket", None if sku is None else {"sku": sku})

    async def do_move(self) -> None:
        self.engine.move(self.at_engine)

    async def do_program(self, which: int) -> None:
        await self.program(PROGRAMS[which])

    async def do_hold(self, holding: bool) -> None:
        self.engine.holding = holding
        if not holding:
            self.engine.finish()

    async def do_taken(self, taken: bool) -> None:
        self.there.taken_by_somebody = taken

    async def do_lose(self, method: str) -> None:
        self.engine.lose_answer(method)

    async def do_fail(self, operation: str) -> None:
        self.engine.fail_next(operation, "the provider refused", after=1)

    async def do_tick(self, seconds: float) -> None:
        self.clock.step(seconds)

    async def obeys(self) -> None:
        for id in self.all:
            plan = await self.plan(id)
            begun = [one for one in self.engine.updates if one.operation_id in ids_of(plan.runs, "update")]
            real = [one for one in begun if one.seen.status != "busy"]
            assert len(real) <= 1, f"{plan.id} was applied twice"
            if plan.status == "Provisioned":
                assert ChangeSummary.of(plan.done) == plan.preview_summary
                assert {(one.urn, one.operation) for one in plan.done} == {
                    (one.urn, one.operation) for one in plan.changes
                }
            if plan.preview_only:
                assert not begun

    async def settles(self) -> None:
        """Once nobody meddles any more each plan comes to its end, and the stack is free."""
        self.there.taken_by_somebody = False
        await self.do_hold(False)
        for id in self.all:
            for _ in range(40):
                self.clock.step(LEASE.total_seconds() / 10)
                plan = await self.plan(id)
                if plan.next_step is None:
                    break
                await self.sent_as(self.envelope(plan.next_step, {"infrastructurePlanId": id}))
            assert plan.status.is_over, plan.status
        if [id for id in self.all if (await self.plan(id)).fence is not None]:
            assert (await self.stack()).holder is None


def ids_of(runs: Any, operation: str) -> set[str]:
    return {run.operation_id for run in runs if run.operation == operation}


which = st.integers(0, PLANS - 1)
ACTIONS = st.one_of(
    st.tuples(st.just("request"), st.booleans(), st.booleans()),
    st.tuples(st.just("next"), which),
    st.tuples(st.just("until"), which, st.sampled_from(("Applying", "Verifying", "the end"))),
    st.tuples(st.just("until"), which, st.sampled_from(("Applying", "Verifying", "the end"))),
    st.tuples(st.just("crash"), which, st.booleans()),
    st.tuples(st.just("step"), which, st.sampled_from(sorted(STEPS))),
    st.tuples(st.just("repeat"), st.integers(0, 20)),
    st.tuples(st.just("drift"), st.sampled_from(("by hand", None))),
    st.tuples(st.just("move")),
    st.tuples(st.just("program"), st.integers(0, len(PROGRAMS) - 1)),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("taken"), st.booleans()),
    st.tuples(st.just("lose"), st.sampled_from(("begin", "run", "stack", "find"))),
    st.tuples(st.just("fail"), st.sampled_from(("preview", "update", "detect-drift"))),
    st.tuples(st.just("tick"), st.sampled_from((1.0, 60.0, LEASE.total_seconds()))),
)


async def _play(actions: list[tuple[Any, ...]], applied_before: bool) -> None:
    made = await site(LawSite)
    await made.program(PROGRAMS[0])
    await made.do_request(False, False)
    if applied_before:
        await made.do_until(0, "the end")
        await made.program(PROGRAMS[1])
        await made.do_request(False, False)
    for action in actions:
        await made.act(action)
        await made.obeys()
    await made.settles()
    await made.obeys()
    await made.dispatcher.drain()


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, min_size=4, max_size=20), st.booleans())
def test_no_update_without_its_preview_and_never_two_at_a_time(
    actions: list[tuple[Any, ...]], applied_before: bool
) -> None:
    asyncio.run(_play(actions, applied_before))
