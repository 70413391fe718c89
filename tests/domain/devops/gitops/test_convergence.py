"""Whatever we, other people, the agent and the cluster do, and whenever somebody looks: what is said of an
environment is true, and once the agent behaves the environment becomes what its branch says."""

import asyncio
from collections.abc import Coroutine
from typing import Any, override

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from domain.devops.gitops.gitops_sync_state import GitOpsSynced, GitOpsSyncState
from tests.domain.devops.gitops.given import NAMES, an_environment
from tests.domain.happened import Happened
from tests.domain.world import World

STRANGE = "e" * 40

OBJECTS = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in NAMES]


class Convergence(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.history: list[str] = []
        """Every commit of the branch; the last is its head."""
        self.position = -1
        """How far the state has come in it."""

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    @initialize()
    def an_environment(self) -> None:
        self.world = World()
        self.environment = self.run(an_environment(self.world))
        self.agent = self.environment.agent
        self.we_commit()

    @rule()
    def we_commit(self) -> None:
        self.history.append(self.run(self.environment.commit()))

    @rule()
    def somebody_pushes(self) -> None:
        self.history.append(self.run(self.environment.push()))

    @rule()
    def the_agent_applies(self) -> None:
        self.agent.finish()
        self.run(self.environment.tick())

    @rule()
    def the_agents_interval_is_over(self) -> None:
        self.run(self.environment.tick())

    @rule()
    def the_agent_takes_its_time(self) -> None:
        self.agent.hold()

    @rule()
    def the_agent_fails(self) -> None:
        self.agent.fail("a pod is not ready")

    @rule()
    def somebody_commits_faster_than_anybody_looks(self) -> None:
        self.an_agent_that_behaves_converges()
        records = len(self.state.drifts)
        for _ in range(2):
            self.we_commit()
            self.the_agent_applies()
        self.somebody_pushes()
        self.check(self.run(self.environment.look()))
        assert self.state.applied_commit_sha == self.history[-2]
        assert len(self.state.drifts) == records, "a commit on the way is no drift"

    @rule(name=st.sampled_from(NAMES), is_rolled_back=st.booleans())
    def somebody_meddles_with_an_environment_that_is_looked_at(self, name: str, is_rolled_back: bool) -> None:
        self.we_commit()
        self.an_agent_that_behaves_converges()
        if is_rolled_back:
            self.agent.applied_instead(self.environment.handle, self.history[-2])
        else:
            self.environment.drifts(name)
        self.check(self.run(self.environment.look()))
        (record,) = self.state.open_drifts
        happened = self.run(self.environment.look())  # nobody but the look has told the agent
        self.check(happened)
        assert happened.only(GitOpsSynced).drift_corrected == (record.name,)

    @rule(data=st.data())
    def somebody_applies_another_commit(self, data: st.DataObject) -> None:
        applied = self.run(self._applied())
        if applied is None:
            return
        before = self.history[: self.history.index(applied)] if applied in self.history else []
        self.agent.applied_instead(
            self.environment.handle, data.draw(st.sampled_from([*before, STRANGE]), "the commit")
        )

    @rule(name=st.sampled_from(NAMES), change=st.sampled_from(["is gone", "data.version is changed"]))
    def somebody_changes_an_object(self, name: str, change: str) -> None:
        self.environment.drifts(name, change)

    @rule(seconds=st.sampled_from([1, 60, 400, 2000]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.step(seconds)

    @rule()
    def somebody_looks(self) -> None:
        drifted = self.run(self._drifted())
        is_seen = self.run(self._is_applied())
        self.check(self.run(self.environment.look()))
        if is_seen:
            names = {one.name for one in self.state.open_drifts if one.resource is not None}
            assert names == drifted
        shown = self.state.shown(self.world.clock.now())["syncStatus"]
        assert shown == self.state.sync_status, "a look leaves nothing stale"

    @rule()
    def a_look_after_another_finds_nothing_new(self) -> None:
        for _ in range(2):  # the first may have had something corrected
            self.check(self.run(self.environment.look()))
        before = self.state.state()
        assert self.run(self.environment.look()).facts == ()
        assert self.state.state() == before

    @rule()
    def a_command_syncs(self) -> None:
        happened = self.run(self.environment.sync())
        self.check(happened)
        synced = self.state.sync_status == "Synced"
        assert bool(happened.facts) is synced
        assert self.state.awaited is not synced

    @rule()
    def an_agent_that_behaves_converges(self) -> None:
        self.the_agent_applies()
        for _ in range(2):
            self.check(self.run(self.environment.look()))
        state = self.state
        assert (state.sync_status, state.applied_commit_sha) == ("Synced", self.history[-1])
        assert (state.open_drifts, state.drift_detected, state.trail) == ((), False, ())
        assert (state.corrected, state.awaited) == ((), False)

    def check(self, happened: Happened) -> None:
        """What is said is true, and what is applied has only come closer."""
        state, head = self.state, self.history[-1]
        assert state.desired_commit_sha == head
        position = -1 if state.applied_commit_sha is None else self.history.index(state.applied_commit_sha)
        assert position >= self.position
        self.position = position
        assert set(state.trail) <= set(self.history[position + 1 :])
        assert (state.trail[-1:] == (head,)) is (state.applied_commit_sha != head)
        assert state.drift_detected is bool(state.open_drifts)
        for record in state.drifts:
            assert record.corrected_at is None or record.corrected_at >= record.detected_at
        if state.sync_status == "Synced":
            assert self.run(self._is_applied()) and not self.run(self._drifted())
            assert state.applied_commit_sha == head and not state.drift_detected
        for fact in happened.facts:
            assert isinstance(fact, GitOpsSynced) and state.sync_status == "Synced"
            assert fact.desired_commit_sha == fact.applied_commit_sha == head

    @property
    def state(self) -> GitOpsSyncState:
        async def read() -> GitOpsSyncState:
            return await self.environment.state

        return self.run(read())

    async def _applied(self) -> str | None:
        found = await self.agent.sync(self.environment.handle)
        return found.applied_sha if found is not None else None

    async def _is_applied(self) -> bool:
        found = await self.agent.sync(self.environment.handle)
        return found is not None and found.ready is True and found.applied_sha == self.history[-1]

    async def _drifted(self) -> set[str]:
        """The names of what runs otherwise, whatever anybody has recorded."""
        found = await self.agent.drift(self.environment.handle, OBJECTS)
        return {f"{one.resource.kind} {one.resource.name}" for one in found}

    @override
    def teardown(self) -> None:
        self.an_agent_that_behaves_converges()
        self.runner.close()


TestConvergence = Convergence.TestCase
TestConvergence.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
