"""What a command came to once all that goes on by itself is over."""

from typing import Any

from azure.servicebus import ServiceBusMessage

from domain.devops.gitops.gitops_sync_state import ObserveGitOps
from domain.kernel.actor import service
from domain.kernel.command import Observation
from domain.kernel.context import OBSERVATIONS
from domain.kernel.proof import proof_key
from domain.kernel.work import Partition
from functions.bootstrap import Settings, now
from functions.messages import observed, proven
from tests.domain.scenarios import SCENARIOS
from tests.end_to_end.consumer import Received
from tests.end_to_end.doors import Project
from tests.end_to_end.waiting import eventually

ENVIRONMENT = "dev"

# Their fact is in the reply where it holds already, and else comes with a later look.
CONVERGING = {"SyncGitOps"}


async def observe(project: Project, observation: Observation) -> None:
    """As the reconciler would, for this project alone."""
    key = proof_key(Settings.read(project.doors.cloud.settings).redaction_key)
    moment = now()
    envelope = observed(Partition(project.tenant, project.name), observation, moment, moment)
    sent = proven(envelope, service("reconciler"), key)
    properties: dict[str | bytes, Any] = {str(name): value for name, value in sent.properties.items()}
    message = ServiceBusMessage(sent.body, message_id=sent.message_id, application_properties=properties)
    await project.doors.send(OBSERVATIONS, message)


async def settled(project: Project, name: str) -> list[Received]:
    """The facts of the project, once those of a command's scenario are among them."""
    wanted = {*SCENARIOS[name].events, *SCENARIOS[name].later}

    async def look() -> list[Received]:
        found = project.doors.consumer.of(project.tenant, scope="domain")
        if name in CONVERGING and wanted - {one.about["cs-event-type"] for one in found}:
            await observe(project, ObserveGitOps(environment=ENVIRONMENT))
        return found

    return await eventually(
        look,
        lambda found: wanted <= {one.about["cs-event-type"] for one in found},
        within=60,
        poll=0.25,
    )
