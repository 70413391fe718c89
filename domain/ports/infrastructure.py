"""What makes infrastructure from programs."""

from typing import Protocol

from domain.provided import ProvidedInfrastructureRun, ProvidedProgram, ProvidedStack, StackHandle


class InfrastructureEngine(Protocol):
    """Pulumi Deployments, or Azure Resource Manager for stacks from before. Runs take minutes: begin one,
    then look at it."""

    async def stack(self, stack: StackHandle) -> ProvidedStack:
        """The stack as it is now; made where it is not there yet."""

    async def begin(
        self, stack: StackHandle, operation: str, program: ProvidedProgram, *, operation_id: str
    ) -> str:
        """Begin a `preview`, an `update` or a `detect-drift`, once; answers the run's id. Raises `Rejected`
        where the engine takes no such program."""

    async def find(self, stack: StackHandle, operation_id: str) -> str | None:
        """The run that was begun with this id; None where none was."""

    async def run(self, stack: StackHandle, run_id: str) -> ProvidedInfrastructureRun | None:
        """How it stands; None where there is no such run."""

    async def cancel(self, stack: StackHandle, run_id: str) -> None:
        """Stop it if it still runs."""
