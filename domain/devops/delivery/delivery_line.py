"""DeliveryLine: whether anything may be promoted at all. One per project, and the tenant's own in the project
`tenant-wide`; whoever sees something wrong stops the line, and nothing moves until somebody resumes it."""

from typing import Annotated

from pydantic import Field

from domain.devops.delivery import delivery
from domain.devops.delivery.delivery_policy import DeliveryPolicy, Finder
from domain.devops.delivery.environments import EnvironmentName
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Setting
from domain.kernel.errors import Rejected
from domain.kernel.values import Identifier, Line, Model, Person, Timestamp, derived_id
from domain.kernel.work import TENANT_WIDE, Partition, Work

Reason = Annotated[Line, Field(max_length=400)]


class StopTheLine(Setting):
    """Let nothing be promoted into the environment or, where none is named, into any."""

    environment: EnvironmentName | None = None
    reason: Reason


class ResumeTheLine(Setting):
    """Take back a stop of the same scope."""

    environment: EnvironmentName | None = None
    reason: Reason


class Stop(Model):
    """A stop in force; `environment` is None where it holds in all of them."""

    environment: EnvironmentName | None
    reason: Reason
    stopped_by: Person
    stopped_at: Timestamp


@delivery.aggregate(prefix="delivery-line", collection="delivery-lines")
class DeliveryLine(Aggregate):
    delivery_line_id: Identifier
    stops: tuple[Stop, ...] = ()

    @staticmethod
    def id_for(partition: Partition) -> str:
        """Follows from the project: that is what makes it the only one."""
        return derived_id("delivery-line", partition.tenant_id, partition.project_id)

    @classmethod
    async def of(cls, finder: Finder) -> "DeliveryLine":
        """The project's line; one that nobody ever stopped runs."""
        id = cls.id_for(finder.partition)
        return await finder.find(cls, id) or cls(delivery_line_id=id)

    def stop_in(self, environment: str) -> Stop | None:
        """The stop that holds in the environment, if any."""
        return next((one for one in self.stops if one.environment in (None, environment)), None)

    def stop(self, stop: Stop) -> None:
        if any(one.environment == stop.environment for one in self.stops):
            raise Rejected(f"the line is already stopped in {_named(stop.environment)}")
        self.stops = (*self.stops, stop)

    def resume(self, environment: str | None) -> None:
        left = tuple(one for one in self.stops if one.environment != environment)
        if len(left) == len(self.stops):
            raise Rejected(f"the line is not stopped in {_named(environment)}")
        self.stops = left


def _named(environment: str | None) -> str:
    return environment or "all environments"


async def _require_known(environment: str | None, work: Work) -> None:
    # The tenant's own line holds for projects with paths of their own.
    if environment is not None and work.partition.project_id != TENANT_WIDE:
        (await DeliveryPolicy.of(work)).environment(environment)


@delivery.handler
async def stop_the_line(command: StopTheLine, work: Work) -> None:
    await _require_known(command.environment, work)
    id = DeliveryLine.id_for(work.partition)
    line = await work.find(DeliveryLine, id)
    if line is None:
        line = DeliveryLine(delivery_line_id=id)
        work.add(line)
    line.stop(
        Stop(
            environment=command.environment,
            reason=command.reason,
            stopped_by=work.actor.name,
            stopped_at=work.now,
        )
    )


@delivery.handler
async def resume_the_line(command: ResumeTheLine, work: Work) -> None:
    line = await work.find(DeliveryLine, DeliveryLine.id_for(work.partition))
    if line is None:
        raise Rejected(f"the line is not stopped in {_named(command.environment)}")
    line.resume(command.environment)
