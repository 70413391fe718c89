"""The `Workloads` port in memory; counterpart: `adapters.kubernetes.rollouts`."""

from typing import override

from adapters.memory.outside import Outside
from domain.ports import Workloads
from domain.provided import EnvironmentHandle, ProvidedRollout

_STATES = ("progressing", "complete", "failed")


class MemoryWorkloads(Outside, Workloads):
    """Whatever is asked for is there and complete, until somebody says otherwise."""

    def __init__(self) -> None:
        super().__init__("the cluster")
        self._rollouts: dict[tuple[EnvironmentHandle, str], ProvidedRollout | None] = {}

    def becomes(self, environment: EnvironmentHandle, deployment: str, state: str, message: str = "") -> None:
        """`state`: progressing, complete or failed."""
        assert state in _STATES, f"{state} is not the state of a rollout"
        rollout = ProvidedRollout(state, message or f"{deployment} is {state}")
        self._rollouts[environment, deployment] = rollout

    def unknown(self, environment: EnvironmentHandle, deployment: str) -> None:
        """There is no Deployment of that name."""
        self._rollouts[environment, deployment] = None

    @override
    async def rollout(self, environment: EnvironmentHandle, deployment: str) -> ProvidedRollout | None:
        async with self._call("rollout"):
            complete = ProvidedRollout("complete", f"{deployment} is complete")
            return self._rollouts.get((environment, deployment), complete)
