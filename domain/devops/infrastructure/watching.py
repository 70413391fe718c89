"""A look at what the engine is doing, and what follows from it once that is done."""

from datetime import timedelta

from domain.devops.infrastructure import infrastructure
from domain.devops.infrastructure.changes import changes_of, difference, outputs_of
from domain.devops.infrastructure.ending import end, give_up, held
from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan
from domain.devops.infrastructure.infrastructure_stack import InfrastructureStack
from domain.devops.infrastructure.plan_status import EngineRun, InfrastructureStatus
from domain.kernel.command import Step
from domain.kernel.values import Identifier
from domain.kernel.work import Work
from domain.ports import InfrastructureEngine
from domain.provided import ProvidedInfrastructureRun

# From its turn on, everything included. Some resources take hours.
LONGEST = timedelta(hours=6)

_MOST_LOST = 3


class WatchInfrastructure(Step):
    """Look at what the engine is doing."""

    infrastructure_plan_id: Identifier


@infrastructure.handler
async def watch_infrastructure(
    command: WatchInfrastructure, work: Work, engine: InfrastructureEngine
) -> None:
    plan = await work.get(InfrastructurePlan, command.infrastructure_plan_id)
    running = plan.running
    if plan.status.is_over or running is None:
        return
    stack = await held(plan, work)
    run = await engine.run(plan.handle, running.run_id)
    assert plan.began_at is not None
    if (run is None or run.status in ("running", "busy")) and work.now >= plan.began_at + LONGEST:
        await engine.cancel(plan.handle, running.run_id)
        hours = LONGEST // timedelta(hours=1)
        reason = f"the {running.operation} was not done within {hours} hours"
        give_up(plan, stack, InfrastructureStatus.ERRORED, reason, work.now)
    elif run is None:
        _lost(plan, stack, running, work)
    elif run.status == "running":
        plan.wait(None, work.now)
    elif run.status == "busy":
        # Nothing was done: it is asked for again, under an id of its own, and after another look for drift
        # where there was one: who knows for how long it waits.
        plan.ended_run(run.status, run.message, work.now)
        if any(one.stage is InfrastructureStatus.VERIFYING for one in plan.runs):
            plan.go_on(InfrastructureStatus.VERIFYING)
        plan.wait(f"an update of stack {plan.stack} that is somebody else's", work.now)
    else:
        plan.ended_run(run.status, run.message, work.now)
        if plan.status is InfrastructureStatus.APPLYING:
            await _updated(plan, stack, run, work, engine)
        elif run.status != "succeeded":
            end(plan, stack, InfrastructureStatus.FAILED, _sentence(run), work.now)
        else:
            _looked(plan, stack, run, work)


def _lost(plan: InfrastructurePlan, stack: InfrastructureStack, running: EngineRun, work: Work) -> None:
    """What only looks can be asked for again; an update may have been done."""
    plan.ended_run("lost", "", work.now)
    lost = sum(run.status == "lost" and run.stage is running.stage for run in plan.runs)
    if plan.status is InfrastructureStatus.APPLYING or lost >= _MOST_LOST:
        reason = f"the engine does not know {running.operation} {running.run_id} any more"
        end(plan, stack, InfrastructureStatus.ERRORED, reason, work.now)
    else:
        plan.wait(None, work.now)


def _looked(
    plan: InfrastructurePlan, stack: InfrastructureStack, run: ProvidedInfrastructureRun, work: Work
) -> None:
    """A preview or a look for drift has succeeded."""
    found = changes_of(run.changes)
    if plan.status is InfrastructureStatus.DETECTING_DRIFT:
        plan.drift = found
        stack.found_drift(found, work.now)
        plan.go_on(InfrastructureStatus.PREVIEWING)
    elif plan.status is InfrastructureStatus.VERIFYING:
        stack.found_drift(found, work.now)
        refusal = plan.verified(found)
        if refusal is None:
            plan.go_on(InfrastructureStatus.APPLYING)
        else:
            end(plan, stack, InfrastructureStatus.REFUSED, refusal, work.now)
    else:
        assert plan.base_version is not None
        plan.previewed(found, plan.base_version if run.base_version is None else run.base_version)
        if not found:
            stack.confirm(plan.program)
            end(plan, stack, InfrastructureStatus.NOTHING_TO_DO, None, work.now)
        elif plan.preview_only:
            end(plan, stack, InfrastructureStatus.PREVIEWED, None, work.now)
        elif stack.last_program is None:
            plan.go_on(InfrastructureStatus.APPLYING)
        else:
            plan.go_on(InfrastructureStatus.VERIFYING)


async def _updated(
    plan: InfrastructurePlan,
    stack: InfrastructureStack,
    run: ProvidedInfrastructureRun,
    work: Work,
    engine: InfrastructureEngine,
) -> None:
    """An update is over, one way or the other: what it has left is kept in any case."""
    now = await engine.stack(plan.handle)
    outputs = outputs_of(now.outputs)
    stack.changed(now.version, outputs)
    plan.done = changes_of(run.changes)
    if run.status != "succeeded":
        plan.outputs = outputs
        end(plan, stack, InfrastructureStatus.FAILED, _sentence(run), work.now)
        return
    other = difference(plan.changes, plan.done)
    if run.base_version not in (None, plan.base_version):
        other = other or f"it began from version {run.base_version}, not {plan.base_version}"
    if other:
        plan.outputs = outputs
        reason = f"the update of stack {plan.stack} did other than was previewed: {other}"
        end(plan, stack, InfrastructureStatus.FAILED, reason, work.now)
        return
    stack.applied(plan.infrastructure_plan_id, plan.program, work.now)
    plan.provision(outputs, work.now)
    stack.give_back()


def _sentence(run: ProvidedInfrastructureRun) -> str:
    if run.status == "canceled":
        return f"the {run.operation} was canceled"
    return f"the {run.operation} failed: {run.message or 'the engine does not say why'}"
