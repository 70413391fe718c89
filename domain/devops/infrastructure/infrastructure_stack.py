"""InfrastructureStack: a stack at its engine; whose turn it is, and what the last update has left."""

from datetime import datetime, timedelta
from typing import ClassVar

from domain.devops.delivery.deployment_policy import IaCEngine, InfrastructureSource, StackName
from domain.devops.infrastructure import infrastructure
from domain.devops.infrastructure.changes import ResourceChange, StackOutput
from domain.devops.infrastructure.program import Program, head_of
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import require
from domain.kernel.values import Identifier, Model, Timestamp, derived_id
from domain.kernel.work import Partition, Work
from domain.ports import GitProvider

# Each step of a plan renews the lease. What is not heard of for so long has ended without saying so.
LEASE = timedelta(hours=1)


class LeftBehind(Model):
    """An update that may still run though its plan was given up; without a run's id it may never have
    begun."""

    infrastructure_plan_id: Identifier
    operation_id: Identifier
    run_id: str | None


@infrastructure.aggregate(prefix="stack", collection="infrastructure-stacks")
class InfrastructureStack(Aggregate):
    """`fence` grows with each lease, so that a step of an earlier holder is known for what it is."""

    immutable: ClassVar = {
        "engine": "a stack stays at its engine",
        "stack": "a stack keeps its name",
    }

    infrastructure_stack_id: Identifier
    engine: IaCEngine
    stack: StackName
    fence: int = 0
    holder: Identifier | None = None
    """The plan whose turn it is."""
    held_until: Timestamp | None = None
    last_program: Program | None = None
    """What the last update was begun with, whatever came of it."""
    applied_program: Program | None = None
    """What the stack is as; None while that is not known."""
    applied_plan_id: Identifier | None = None
    applied_at: Timestamp | None = None
    version: int | None = None
    outputs: tuple[StackOutput, ...] = ()
    drift: tuple[ResourceChange, ...] = ()
    drift_looked_for_at: Timestamp | None = None
    left_behind: LeftBehind | None = None

    @staticmethod
    def id_for(partition: Partition, engine: IaCEngine, stack: str) -> str:
        """Follows from the stack alone: two environments that name the same one take turns, too. In Azure
        the letter case of a resource group does not count."""
        name = stack.casefold() if engine is IaCEngine.BICEP else stack
        return derived_id("stack", partition.tenant_id, partition.project_id, engine, name)

    def take(self, plan_id: str, now: datetime) -> int:
        """Hold the stack for a plan; the number of the lease."""
        require(
            self.holder in (None, plan_id),
            f"stack {self.stack} is held by plan {self.holder}: one apply of a stack at a time",
        )
        self.holder, self.held_until = plan_id, now + LEASE
        self.fence += 1
        return self.fence

    def is_held(self, plan_id: str, fence: int | None) -> bool:
        return (self.holder, self.fence) == (plan_id, fence)

    def require_held(self, plan_id: str, fence: int | None) -> None:
        require(
            self.is_held(plan_id, fence),
            f"plan {plan_id} no longer holds stack {self.stack}: its lease {fence} is over,"
            f" the last one given is {self.fence}",
        )

    def renew(self, now: datetime) -> None:
        assert self.held_until is not None
        if self.held_until - now < LEASE / 2:
            self.held_until = now + LEASE

    def is_abandoned(self, now: datetime) -> bool:
        return self.holder is not None and self.held_until is not None and now >= self.held_until

    def give_back(self) -> None:
        self.holder = self.held_until = None

    def is_as(self, program: Program) -> bool:
        """Whether applying this program has nothing to do, as far as is known."""
        return self.applied_program == program and not self.drift and self.left_behind is None

    def found_drift(self, drift: tuple[ResourceChange, ...], now: datetime) -> None:
        self.drift, self.drift_looked_for_at = drift, now

    def begin_update(self, program: Program) -> None:
        self.last_program, self.applied_program = program, None

    def changed(self, version: int, outputs: tuple[StackOutput, ...]) -> None:
        """What was done is done, also where it was not what had been previewed."""
        self.version, self.outputs = version, outputs

    def confirm(self, program: Program) -> None:
        """A preview of this program found nothing to change."""
        self.applied_program = program

    def applied(self, plan_id: str, program: Program, now: datetime) -> None:
        self.applied_plan_id, self.applied_program, self.applied_at = plan_id, program, now
        self.drift = ()


async def is_as_applied(source: InfrastructureSource, work: Work, git: GitProvider) -> bool:
    """Whether the stack is known to be as its program is now."""
    id = InfrastructureStack.id_for(work.partition, source.engine, source.stack)
    stack = await work.find(InfrastructureStack, id)
    if stack is None or stack.applied_program is None:
        return False
    program = Program.of(source)
    return stack.is_as(program.at(await head_of(program, work, git)))
