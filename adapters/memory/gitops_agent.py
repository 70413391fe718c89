"""The `GitOpsAgent` port in memory; counterparts: `adapters.kubernetes.flux`, `adapters.argo_cd`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, override

from adapters.kubernetes.objects import resource_of
from adapters.memory.outside import Outside
from domain.kernel.errors import Rejected
from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from domain.ports import GitOpsAgent
from domain.provided import EnvironmentHandle, ProvidedDrift, ProvidedResource, ProvidedSync

type Head = Callable[[Partition, str], Awaitable[str | None]]


@dataclass
class _State:
    token: str | None = None
    handled: str | None = None
    desired: str | None = None
    applied: str | None = None
    ready: bool | None = None
    message: str = ""

    @property
    def is_under_way(self) -> bool:
        return self.token != self.handled


class MemoryGitOpsAgent(Outside, GitOpsAgent):
    """`head` answers the commit that an environment's branch is at, None where there is no such branch.

    What it is asked for is applied at once, until `hold` or `fail` say otherwise.
    """

    def __init__(self, head: Head) -> None:
        super().__init__("the GitOps agent")
        self._head = head
        self._states: dict[EnvironmentHandle, _State] = {}
        self._without: set[EnvironmentHandle] = set()
        self._drifts: dict[EnvironmentHandle, dict[ProvidedResource, str]] = {}
        self._resources: dict[EnvironmentHandle, tuple[ProvidedResource, ...]] = {}
        self._holding = False
        self._failure: str | None = None

    def hold(self) -> None:
        """From now on what it is asked for stays under way."""
        self._holding, self._failure = True, None

    def fail(self, message: str) -> None:
        """What is under way fails, and so does all that it is asked for from now on."""
        self._holding, self._failure = False, message
        for state in self._states.values():
            if state.is_under_way:
                self._end(state)

    def finish(self) -> None:
        """The trouble is over: what is under way, or has failed, is applied, as is all that comes."""
        self._holding, self._failure = False, None
        for environment, state in self._states.items():
            if state.is_under_way or state.ready is False:
                self._attempt(environment, state)

    def disconnect(self, environment: EnvironmentHandle) -> None:
        """The environment has no agent any more."""
        self._without.add(environment)

    def connect(self, environment: EnvironmentHandle) -> None:
        """The environment has an agent again."""
        self._without.discard(environment)

    def applies(self, environment: EnvironmentHandle, resources: Sequence[ProvidedResource]) -> None:
        """What the environment's branch comes to, for `sync` to tell."""
        self._resources[environment] = tuple(resources)

    def drifted(self, environment: EnvironmentHandle, resource: ProvidedResource, change: str) -> None:
        """Somebody changed an object. What is applied next undoes it."""
        self._drifts.setdefault(environment, {})[resource] = change

    @override
    async def reconcile(self, environment: EnvironmentHandle, *, token: str) -> None:
        async with self._call("reconcile"):
            self._require_agent(environment)
            # Fetched first: nobody sees what it is asked for under way, for it is applied at once.
            head = await self._head(environment.partition, environment.environment)
            state = self._states.setdefault(environment, _State())
            if state.token == token:
                return
            state.token = token
            self.effects["reconcile"] += 1
            if head is None:
                # What was fetched before stays.
                state.ready, state.handled = None, token
                state.message = "the branch of the environment does not exist"
                return
            state.desired = head
            self._attempt(environment, state)

    @override
    async def sync(self, environment: EnvironmentHandle) -> ProvidedSync | None:
        async with self._call("sync"):
            if environment in self._without:
                return None
            state = self._states.get(environment, _State())
            resources = self._resources.get(environment, ()) if state.applied is not None else ()
            return ProvidedSync(
                state.desired, state.applied, state.handled, state.ready, state.message, resources
            )

    @override
    async def drift(
        self, environment: EnvironmentHandle, desired: Sequence[Mapping[str, Any]]
    ) -> Sequence[ProvidedDrift]:
        async with self._call("drift"):
            self._require_agent(environment)
            namespace = environment_namespace(environment.partition, environment.environment)
            drifts = self._drifts.get(environment, {})
            found = []
            for resource in [resource_of(wanted, namespace) for wanted in desired]:
                cluster_wide = ProvidedResource(resource.api_version, resource.kind, "", resource.name)
                found += [
                    ProvidedDrift(one, drifts[one]) for one in (resource, cluster_wide) if one in drifts
                ]
            return tuple(found)

    def _attempt(self, environment: EnvironmentHandle, state: _State) -> None:
        state.ready, state.message = None, "Reconciliation in progress"
        if self._holding:
            return
        self._end(state)
        if state.ready:
            self._drifts.pop(environment, None)

    def _end(self, state: _State) -> None:
        state.handled = state.token
        if self._failure is not None:
            state.ready, state.message = False, self._failure
            return
        state.applied, state.ready = state.desired, True
        state.message = f"Applied revision: {state.desired}"

    def _require_agent(self, environment: EnvironmentHandle) -> None:
        if environment in self._without:
            raise Rejected(f"environment {environment.environment} has no GitOps agent")
