"""A plan's first step: its turn at the stack, and the program as it is then."""

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.infrastructure import infrastructure
from domain.devops.infrastructure.ending import give_up, stack_of
from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan
from domain.devops.infrastructure.infrastructure_stack import InfrastructureStack
from domain.devops.infrastructure.plan_status import InfrastructureStatus
from domain.devops.infrastructure.program import Program, head_of
from domain.kernel.command import Step
from domain.kernel.errors import Rejected
from domain.kernel.values import Identifier
from domain.kernel.work import Work
from domain.ports import GitProvider, InfrastructureEngine


class BeginInfrastructure(Step):
    """Take the stack, as soon as it is free."""

    infrastructure_plan_id: Identifier


async def _superseded(plan: InfrastructurePlan, work: Work) -> str | None:
    """Why it is no longer wanted: plans may wait for hours."""
    environments = (await DeliveryPolicy.of(work)).environments
    source = next((one.infrastructure for one in environments if one.name == plan.environment), None)
    if source is None:
        return f"environment {plan.environment} has no infrastructure configured any more"
    if (source.engine, source.stack, Program.of(source)) != (plan.engine, plan.stack, plan.program):
        return f"environment {plan.environment} is configured to have other infrastructure by now"
    return None


async def _waits_for(
    plan: InfrastructurePlan, stack: InfrastructureStack, work: Work, engine: InfrastructureEngine
) -> str | None:
    """What keeps the stack from being taken; None where it is free."""
    if stack.holder is not None and not stack.is_abandoned(work.now):
        return f"plan {stack.holder}, which holds stack {stack.stack}"
    if stack.holder is not None:
        other = await work.get(InfrastructurePlan, stack.holder)
        reason = f"nothing was heard of plan {stack.holder} until its lease had ended"
        give_up(other, stack, InfrastructureStatus.ERRORED, reason, work.now)
    left = stack.left_behind
    if left is not None:
        run_id = left.run_id or await engine.find(plan.handle, left.operation_id)
        run = await engine.run(plan.handle, run_id) if run_id is not None else None
        if run is not None and run.status == "running":
            return f"the update of plan {left.infrastructure_plan_id}, which was given up but still runs"
        stack.left_behind = None
    return None


@infrastructure.handler
async def begin_infrastructure(
    command: BeginInfrastructure, work: Work, git: GitProvider, engine: InfrastructureEngine
) -> None:
    plan = await work.get(InfrastructurePlan, command.infrastructure_plan_id)
    if plan.status is not InfrastructureStatus.REQUESTED:
        return
    superseded = await _superseded(plan, work)
    if superseded is not None:
        plan.end(InfrastructureStatus.SUPERSEDED, superseded, work.now)
        return
    stack = await stack_of(plan, work)
    waiting_for = await _waits_for(plan, stack, work, engine)
    if waiting_for is not None:
        plan.wait(waiting_for, work.now)
        return
    try:
        head = await head_of(plan.program, work, git)
    except Rejected as no:
        plan.end(InfrastructureStatus.FAILED, no.sentence, work.now)
        return
    if plan.automatic and stack.is_as(plan.program.at(head)):
        reason = f"stack {plan.stack} is as its program says"
        plan.end(InfrastructureStatus.NOTHING_TO_DO, reason, work.now)
        return
    if stack.fence == 0:
        work.add(stack)
    fence = stack.take(plan.infrastructure_plan_id, work.now)
    plan.begin(fence, head, applied_before=stack.last_program is not None, now=work.now)
