"""InfrastructurePlan: an environment's stack previewed from its program, and then applied as previewed."""

from datetime import datetime
from typing import Any, ClassVar

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.deployment_policy import IaCEngine, StackName
from domain.devops.delivery.environments import EnvironmentName
from domain.devops.infrastructure import infrastructure
from domain.devops.infrastructure.changes import ChangeSummary, ResourceChange, StackOutput, names, plan_hash
from domain.devops.infrastructure.infrastructure_stack import is_as_applied
from domain.devops.infrastructure.plan_status import (
    LOOK,
    OPERATIONS,
    RUNNING,
    STEPS,
    EngineRun,
    InfrastructureStatus,
    pause,
)
from domain.devops.infrastructure.program import Program, require_usable
from domain.devops.source_control.git_names import CommitSha
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.errors import Rejected, require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Person, Timestamp, derived_id, timestamp
from domain.kernel.work import Partition, Work
from domain.ports import GitProvider
from domain.provided import StackHandle


class ProvisionInfrastructure(Command):
    """Have an environment's stack be as its program says, or only say what that would change. What is
    `automatic` does nothing where there is nothing to provision, or nothing new."""

    environment: EnvironmentName
    preview_only: bool = False
    automatic: bool = False


@infrastructure.event("Runtime & Cloud", "Governance")
class InfrastructureProvisioned(Event):
    """The stack is as its program says: exactly the previewed changes were applied."""

    infrastructure_plan_id: Identifier
    environment: str
    engine: IaCEngine
    stack: str
    changes: ChangeSummary
    outputs: tuple[StackOutput, ...]
    program_commit_sha: CommitSha
    applied_at: Timestamp


@infrastructure.aggregate(prefix="infra", collection="infrastructure-plans")
class InfrastructurePlan(Aggregate):
    immutable: ClassVar = {
        "environment": "a plan is for one environment",
        "engine": "a plan stays at its engine",
        "stack": "a plan is for one stack",
        "plan_hash": "what was previewed is what is applied: preview again for anything else",
        "requested_by": "who requested a plan stays who requested it",
    }

    infrastructure_plan_id: Identifier
    environment: EnvironmentName
    engine: IaCEngine = IaCEngine.PULUMI
    stack: StackName
    program: Program
    preview_summary: ChangeSummary | None = None
    status: InfrastructureStatus = InfrastructureStatus.REQUESTED
    applied_at: Timestamp | None = None
    preview_only: bool = False
    automatic: bool = False
    requested_by: Person
    initiator: Person | None
    """The person whose deed it is: of an automatic plan, whoever set it off."""
    requested_at: Timestamp
    began_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    fence: int | None = None
    """The number of its lease on the stack."""
    waiting_for: str | None = None
    look_again_at: Timestamp | None = None
    looks: int = 0
    runs: tuple[EngineRun, ...] = ()
    base_version: int | None = None
    """The version of the stack's state that the preview was made from."""
    changes: tuple[ResourceChange, ...] = ()
    drift: tuple[ResourceChange, ...] = ()
    """What would repair what was found to have drifted before the preview."""
    plan_hash: str | None = None
    done: tuple[ResourceChange, ...] = ()
    outputs: tuple[StackOutput, ...] = ()
    reason: str | None = None
    """Why it ended as it did, where that needs a word."""

    @property
    def handle(self) -> StackHandle:
        partition = Partition(self.tenant_id, self.project_id)
        return StackHandle(partition, self.environment, self.engine, self.stack)

    @property
    def running(self) -> EngineRun | None:
        return self.runs[-1] if self.runs and self.runs[-1].status == RUNNING else None

    @property
    def operation_id(self) -> str:
        """Of what is to be begun next. Another lease's and another attempt's are others: what an earlier one
        found is not taken for news."""
        attempt = sum(run.stage is self.status for run in self.runs)
        return derived_id("op", self.infrastructure_plan_id, self.fence, self.status, attempt)

    @property
    def next_step(self) -> str | None:
        if self.status.is_over:
            return None
        return LOOK if self.running is not None else STEPS[self.status]

    def standing(self) -> dict[str, Any]:
        """What its orchestration goes by."""
        return {
            "status": self.status.value,
            "nextStep": self.next_step,
            "lookAgainAt": None if self.look_again_at is None else timestamp(self.look_again_at),
            "waitingFor": self.waiting_for,
            "reason": self.reason,
        }

    def require_stage(self, *stages: InfrastructureStatus) -> None:
        require(
            self.status in stages,
            f"plan {self.infrastructure_plan_id} is {self.status}, not {' or '.join(stages)}",
        )

    def wait(self, waiting_for: str | None, now: datetime) -> None:
        """Look again later: soon at first, then every half minute."""
        self.look_again_at = now + pause(self.looks)
        self.looks, self.waiting_for = self.looks + 1, waiting_for

    def go_on(self, status: InfrastructureStatus) -> None:
        self.status, self.looks, self.waiting_for, self.look_again_at = status, 0, None, None

    def begin(self, fence: int, commit_sha: str, *, applied_before: bool, now: datetime) -> None:
        """With a lease, of the program as it is now; drift is looked for before any apply but the first."""
        self.require_stage(InfrastructureStatus.REQUESTED)
        self.fence, self.began_at, self.program = fence, now, self.program.at(commit_sha)
        stages = InfrastructureStatus
        self.go_on(stages.DETECTING_DRIFT if applied_before else stages.PREVIEWING)

    def started(self, run_id: str, operation_id: str, now: datetime) -> None:
        """The engine has begun what this stage asks of it."""
        run = EngineRun(
            stage=self.status,
            operation=OPERATIONS[self.status],
            operation_id=operation_id,
            run_id=run_id,
            began_at=now,
        )
        self.runs, self.looks = (*self.runs, run), 0
        self.wait(None, now)

    def ended_run(self, status: str, message: str, now: datetime) -> None:
        assert self.running is not None
        ended = self.running.model_copy(update={"status": status, "message": message, "ended_at": now})
        self.runs = (*self.runs[:-1], ended)

    def previewed(self, changes: tuple[ResourceChange, ...], base_version: int) -> None:
        assert self.program.commit_sha is not None
        self.changes, self.base_version = changes, base_version
        self.preview_summary = ChangeSummary.of(changes)
        self.plan_hash = plan_hash(self.program.commit_sha, base_version, changes, self.drift)

    def verified(self, drift: tuple[ResourceChange, ...]) -> str | None:
        """Why the preview no longer holds; None where it does."""
        appeared = tuple(one for one in drift if one not in self.drift)
        if appeared:
            return f"drift appeared on stack {self.stack} since the preview: {names(appeared)}"
        if drift != self.drift:
            return f"drift on stack {self.stack} went away since the preview: {names(self.drift)}"
        return None

    def require_previewed(self) -> None:
        """What is applied is what was previewed, to the letter."""
        require(
            self.plan_hash is not None and self.base_version is not None,
            f"plan {self.infrastructure_plan_id} is {self.status}: an apply requires a successful preview",
        )
        assert self.program.commit_sha is not None and self.base_version is not None
        now = plan_hash(self.program.commit_sha, self.base_version, self.changes, self.drift)
        require(now == self.plan_hash, f"plan {self.infrastructure_plan_id} is not as it was previewed")

    def provision(self, outputs: tuple[StackOutput, ...], now: datetime) -> None:
        """The engine has done what was previewed."""
        self.require_previewed()
        self.end(InfrastructureStatus.PROVISIONED, None, now)
        self.applied_at, self.outputs = now, outputs
        assert self.program.commit_sha is not None
        self.record(
            InfrastructureProvisioned(
                infrastructure_plan_id=self.infrastructure_plan_id,
                environment=self.environment,
                engine=self.engine,
                stack=self.stack,
                changes=ChangeSummary.of(self.done),
                outputs=outputs,
                program_commit_sha=self.program.commit_sha,
                applied_at=now,
            )
        )

    def end(self, status: InfrastructureStatus, reason: str | None, now: datetime) -> None:
        assert status.is_over and not self.status.is_over, f"{self.status} can't become {status}"
        self.go_on(status)
        self.reason, self.finished_at = reason, now


@infrastructure.handler
async def provision_infrastructure(command: ProvisionInfrastructure, work: Work, git: GitProvider) -> None:
    policy = await DeliveryPolicy.of(work)
    if command.automatic and command.environment not in {one.name for one in policy.environments}:
        return
    environment = policy.environment(command.environment)
    source = environment.infrastructure
    if source is None:
        if command.automatic:
            return
        raise Rejected(
            f"environment {environment.name} has no infrastructure configured:"
            " name its stack in the delivery policy"
        )
    require_usable(source)
    if command.automatic and await is_as_applied(source, work, git):
        return
    plan = InfrastructurePlan(
        infrastructure_plan_id=work.new_id(InfrastructurePlan),
        environment=environment.name,
        engine=source.engine,
        stack=source.stack,
        program=Program.of(source),
        preview_only=command.preview_only,
        automatic=command.automatic,
        requested_by=work.actor.name,
        initiator=work.actor.behind,
        requested_at=work.now,
    )
    work.add(plan)
    work.join(plan)
    work.orchestrate(plan)
