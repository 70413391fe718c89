"""How plans end: the stack is given back in the same transaction."""

from datetime import datetime

from domain.devops.infrastructure import infrastructure
from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan
from domain.devops.infrastructure.infrastructure_stack import InfrastructureStack, LeftBehind
from domain.devops.infrastructure.plan_status import InfrastructureStatus
from domain.kernel.command import Step
from domain.kernel.values import Identifier
from domain.kernel.work import Work

_LONGEST_REASON = 2000


class FailInfrastructure(Step):
    """End a plan whose step was refused, or failed for good; `refused` says which."""

    infrastructure_plan_id: Identifier
    reason: str
    refused: bool = False


async def stack_of(plan: InfrastructurePlan, work: Work) -> InfrastructureStack:
    """The plan's stack; one that is not known yet is new, and not added."""
    id = InfrastructureStack.id_for(work.partition, plan.engine, plan.stack)
    found = await work.find(InfrastructureStack, id)
    if found is None:
        found = InfrastructureStack(infrastructure_stack_id=id, engine=plan.engine, stack=plan.stack)
    return found


async def held(plan: InfrastructurePlan, work: Work) -> InfrastructureStack:
    """The plan's stack, for as long again. Raises `Rejected` where it is no longer the plan's turn."""
    stack = await stack_of(plan, work)
    stack.require_held(plan.infrastructure_plan_id, plan.fence)
    stack.renew(work.now)
    return stack


def end(
    plan: InfrastructurePlan,
    stack: InfrastructureStack,
    status: InfrastructureStatus,
    reason: str | None,
    now: datetime,
) -> None:
    plan.end(status, reason[:_LONGEST_REASON] if reason else None, now)
    if stack.is_held(plan.infrastructure_plan_id, plan.fence):
        stack.give_back()


def give_up(
    plan: InfrastructurePlan,
    stack: InfrastructureStack,
    status: InfrastructureStatus,
    reason: str,
    now: datetime,
) -> None:
    """End it without a look at the engine, which may still be at work: whoever is next has that look."""
    holds = stack.is_held(plan.infrastructure_plan_id, plan.fence)
    if holds and plan.status is InfrastructureStatus.APPLYING:
        running = plan.running
        stack.left_behind = LeftBehind(
            infrastructure_plan_id=plan.infrastructure_plan_id,
            operation_id=running.operation_id if running else plan.operation_id,
            run_id=running.run_id if running else None,
        )
        # The stack may be as this program, or half so: either way there is something to compare with.
        stack.begin_update(plan.program)
    end(plan, stack, status, reason, now)


@infrastructure.handler
async def fail_infrastructure(command: FailInfrastructure, work: Work) -> None:
    plan = await work.get(InfrastructurePlan, command.infrastructure_plan_id)
    if plan.status.is_over:
        return
    status = InfrastructureStatus.FAILED if command.refused else InfrastructureStatus.ERRORED
    give_up(plan, await stack_of(plan, work), status, command.reason, work.now)
