"""What scenarios of infrastructure begin with: an environment whose stack is made from a repository."""

from typing import Any

from adapters.memory.infrastructure_engine import MemoryInfrastructureEngine, MemoryStack
from domain.catalogue import catalogue
from domain.devops.delivery.delivery_policy import ConfigureDelivery, DeliveryPolicy
from domain.devops.infrastructure.beginning import BeginInfrastructure
from domain.devops.infrastructure.ending import FailInfrastructure
from domain.devops.infrastructure.engine_steps import (
    ApplyInfrastructure,
    DetectInfrastructureDrift,
    PreviewInfrastructure,
)
from domain.devops.infrastructure.infrastructure_plan import InfrastructurePlan, ProvisionInfrastructure
from domain.devops.infrastructure.infrastructure_stack import InfrastructureStack
from domain.devops.infrastructure.watching import WatchInfrastructure
from domain.devops.source_control.repository import ProvisionRepository, Repository, RepositoryProvisioned
from domain.kernel.command import Step
from domain.provided import FileContent, StackHandle
from tests.domain.world import HERE, World

STACK = "booking/dev"

STEPS: dict[str, type[Step]] = {
    kind.__name__: kind
    for kind in (
        BeginInfrastructure,
        DetectInfrastructureDrift,
        PreviewInfrastructure,
        WatchInfrastructure,
        ApplyInfrastructure,
        FailInfrastructure,
    )
}


def step(name: str, plan_id: str) -> Step:
    """As its orchestration sends it."""
    return STEPS[name].model_validate({"infrastructurePlanId": plan_id})


class Site(World):
    """A world with an engine, and a repository that environment dev's stack is made from."""

    repository: RepositoryProvisioned

    @property
    def engine(self) -> MemoryInfrastructureEngine:
        return self.infrastructure

    @property
    def at_engine(self) -> StackHandle:
        return StackHandle(HERE, "dev", "Pulumi", STACK)

    @property
    def there(self) -> MemoryStack:
        """The stack at the engine."""
        return self.engine.stack_of(self.at_engine)

    async def configure(self, **infrastructure: Any) -> None:
        source = {"stack": STACK, "repositoryId": self.repository.repository_id, **infrastructure}
        environments = [
            {"name": "dev", "infrastructure": source},
            {"name": "test", "infrastructure": source},
            {"name": "prod"},
        ]
        await self.when(ConfigureDelivery.model_validate({"environments": environments}))

    async def head(self) -> str:
        repository = await self.read(Repository, self.repository.repository_id)
        found = await self.git.branch_head(repository.handle, "main")
        assert found is not None
        return found

    async def program(self, resources: dict[str, dict[str, str]], **outputs: str) -> str:
        """A commit whose program declares this; its id."""
        repository = await self.read(Repository, self.repository.repository_id)
        change = FileContent(self.name("main"), "add", b"")
        head = self.git.push(repository.handle, "main", [change])
        self.engine.declare(head, resources, outputs)
        return head

    async def requested(self, environment: str = "dev", **more: bool) -> InfrastructurePlan:
        command = ProvisionInfrastructure(environment=environment, **more)
        happened = await self.when(command)
        aggregate = happened.journal.outcome.reply["aggregate"]
        assert aggregate is not None, "there is nothing to provision"
        return await self.plan(aggregate["id"])

    async def plan(self, id: str) -> InfrastructurePlan:
        return await self.read(InfrastructurePlan, id)

    async def stack(self) -> InfrastructureStack:
        id = InfrastructureStack.id_for(HERE, (await self.policy_source()).engine, STACK)
        return await self.read(InfrastructureStack, id)

    async def taken_from(self, plan_id: str) -> None:
        """The lease is another plan's from now on, though this one does not know."""
        command = step("WatchInfrastructure", plan_id)
        work = self.work(command)
        stack = await work.get(InfrastructureStack, (await self.stack()).id)
        stack.give_back()
        stack.take("infra-other", self.clock.now())
        handler = catalogue().handlers["WatchInfrastructure"]
        await self.store.commit(self._sealer.seal(handler, work))

    async def policy_source(self) -> Any:
        policy = await self.read(DeliveryPolicy, DeliveryPolicy.id_for(HERE))
        return policy.environment("dev").infrastructure

    async def next_step(self, id: str) -> InfrastructurePlan:
        """The step that its orchestration would send now."""
        name = (await self.plan(id)).next_step
        assert name is not None, "it is over"
        await self.when(step(name, id))
        return await self.plan(id)

    async def until(self, id: str, *statuses: str) -> InfrastructurePlan:
        """Step by step to a stage, or to the end."""
        plan = await self.plan(id)
        while plan.next_step is not None and plan.status not in statuses:
            self.clock.step()
            plan = await self.next_step(id)
        return plan

    async def provisioned(self, **more: bool) -> InfrastructurePlan:
        """A plan played to its end."""
        return await self.until((await self.requested("dev", **more)).id)


async def site[S: Site](kind: type[S]) -> S:
    made = kind()
    made.repository = (await made.when(ProvisionRepository(name="booking"))).only(RepositoryProvisioned)
    await made.configure()
    return made
