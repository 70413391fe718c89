"""The steps that have the engine do something: look for drift, preview, apply."""

from domain.devops.infrastructure import infrastructure
from domain.devops.infrastructure.ending import end, held
from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan
from domain.devops.infrastructure.infrastructure_stack import InfrastructureStack
from domain.devops.infrastructure.plan_status import OPERATIONS, InfrastructureStatus
from domain.devops.infrastructure.program import Program, provided
from domain.kernel.command import Step
from domain.kernel.errors import Rejected
from domain.kernel.values import Identifier
from domain.kernel.work import Work
from domain.ports import GitProvider, InfrastructureEngine


class DetectInfrastructureDrift(Step):
    """Compare the stack's state with what is really there: before the preview, and again before the apply."""

    infrastructure_plan_id: Identifier


class PreviewInfrastructure(Step):
    """Have the engine say what the program would change."""

    infrastructure_plan_id: Identifier


class ApplyInfrastructure(Step):
    """Have the engine do what it has previewed, if that is still what it would do."""

    infrastructure_plan_id: Identifier


async def _begin(
    plan: InfrastructurePlan,
    stack: InfrastructureStack,
    program: Program,
    work: Work,
    git: GitProvider,
    engine: InfrastructureEngine,
) -> None:
    """Once: the engine is asked by the operation's id, which a repeat finds again."""
    operation_id = plan.operation_id
    try:
        given = await provided(program, plan.engine, work, git)
        run_id = await engine.begin(plan.handle, OPERATIONS[plan.status], given, operation_id=operation_id)
    except Rejected as no:
        end(plan, stack, InfrastructureStatus.FAILED, no.sentence, work.now)
        return
    plan.started(run_id, operation_id, work.now)


@infrastructure.handler
async def detect_infrastructure_drift(
    command: DetectInfrastructureDrift, work: Work, git: GitProvider, engine: InfrastructureEngine
) -> None:
    plan = await work.get(InfrastructurePlan, command.infrastructure_plan_id)
    if plan.running is not None:
        return
    plan.require_stage(InfrastructureStatus.DETECTING_DRIFT, InfrastructureStatus.VERIFYING)
    stack = await held(plan, work)
    # Of what was applied, not of what is to be: that is the preview's.
    assert stack.last_program is not None
    await _begin(plan, stack, stack.last_program, work, git, engine)


@infrastructure.handler
async def preview_infrastructure(
    command: PreviewInfrastructure, work: Work, git: GitProvider, engine: InfrastructureEngine
) -> None:
    plan = await work.get(InfrastructurePlan, command.infrastructure_plan_id)
    if plan.running is not None:
        return
    plan.require_stage(InfrastructureStatus.PREVIEWING)
    stack = await held(plan, work)
    plan.base_version = (await engine.stack(plan.handle)).version
    await _begin(plan, stack, plan.program, work, git, engine)


@infrastructure.handler
async def apply_infrastructure(
    command: ApplyInfrastructure, work: Work, git: GitProvider, engine: InfrastructureEngine
) -> None:
    plan = await work.get(InfrastructurePlan, command.infrastructure_plan_id)
    if plan.running is not None:
        return
    plan.require_previewed()
    plan.require_stage(InfrastructureStatus.APPLYING)
    stack = await held(plan, work)
    # An earlier try may have begun it: the state then moves for that reason.
    if await engine.find(plan.handle, plan.operation_id) is None:
        version = (await engine.stack(plan.handle)).version
        if version != plan.base_version:
            reason = (
                f"stack {plan.stack} moved from version {plan.base_version} to {version} since the preview:"
                " it is no longer what was previewed"
            )
            end(plan, stack, InfrastructureStatus.REFUSED, reason, work.now)
            return
    stack.begin_update(plan.program)
    await _begin(plan, stack, plan.program, work, git, engine)
