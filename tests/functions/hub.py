"""A task hub in memory, and the message that begins an orchestration in it."""

from typing import Any, cast

from azure.durable_functions import DurableOrchestrationClient
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from domain.kernel.context import RUN_ORCHESTRATION
from domain.kernel.envelope import Envelope


class Hub:
    """A task hub as the SDK's client sees it. `loses`: how many starts have their effect and no answer;
    `away`: nothing is answered."""

    def __init__(self, **instances: str) -> None:
        self.instances, self.started = dict(instances), list[tuple[str, str, Any]]()
        self.loses, self.away = 0, False

    async def get_status(self, instance_id: str) -> DurableOrchestrationStatus:
        if self.away:
            raise Exception("The operation failed with an unexpected status code 503")
        status = self.instances.get(instance_id)
        return DurableOrchestrationStatus.from_json("" if status is None else {"runtimeStatus": status})

    async def start_new(self, name: str, instance_id: str, client_input: object) -> str:
        status = self.instances.get(instance_id)
        if self.away or status in ("Running", "Pending"):
            raise Exception(f"an instance {instance_id} is {status}")
        self.instances[instance_id] = "Pending"
        self.started.append((name, instance_id, client_input))
        if self.loses:
            self.loses -= 1
            raise Exception("the connection was cut")
        return instance_id


def client(hub: Hub) -> DurableOrchestrationClient:
    return cast(DurableOrchestrationClient, hub)


def beginning(**payload: object) -> Envelope:
    return Envelope.model_validate(
        {
            "eventId": "run-1",
            "eventType": RUN_ORCHESTRATION,
            "tenantId": "acme",
            "projectId": "booking",
            "moduleId": "module-reservations-api",
            "traceId": "trace-1",
            "correlationId": "corr-1",
            "causationId": "cmd-1",
            "occurredAt": "2026-06-11T18:22:05Z",
            "payload": {"orchestration": "EnvironmentPromotion", "id": "promotion-1"} | payload,
        }
    )
