"""The `InfrastructureEngine` port over several: each stack goes to the engine that it names."""

from typing import override

from domain.kernel.errors import Rejected
from domain.ports import InfrastructureEngine
from domain.provided import ProvidedInfrastructureRun, ProvidedProgram, ProvidedStack, StackHandle


class InfrastructureEngines(InfrastructureEngine):
    """The engines by their names in `StackHandle.engine`; they are their maker's to close."""

    def __init__(self, pulumi: InfrastructureEngine, bicep: InfrastructureEngine) -> None:
        self._by_name = {"Pulumi": pulumi, "Bicep": bicep}

    def _of(self, stack: StackHandle) -> InfrastructureEngine:
        engine = self._by_name.get(stack.engine)
        if engine is None:
            raise Rejected(f"engine {stack.engine} is not connected")
        return engine

    @override
    async def stack(self, stack: StackHandle) -> ProvidedStack:
        return await self._of(stack).stack(stack)

    @override
    async def begin(
        self, stack: StackHandle, operation: str, program: ProvidedProgram, *, operation_id: str
    ) -> str:
        return await self._of(stack).begin(stack, operation, program, operation_id=operation_id)

    @override
    async def find(self, stack: StackHandle, operation_id: str) -> str | None:
        return await self._of(stack).find(stack, operation_id)

    @override
    async def run(self, stack: StackHandle, run_id: str) -> ProvidedInfrastructureRun | None:
        return await self._of(stack).run(stack, run_id)

    @override
    async def cancel(self, stack: StackHandle, run_id: str) -> None:
        await self._of(stack).cancel(stack, run_id)
