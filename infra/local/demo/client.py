"""How anybody would use the platform: HTTP with a function key, and Service Bus with Microsoft's SDK."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from infra.local.cloud import Cloud


class Unexpected(Exception):
    """Something is not as it should be: the demo has failed, and says where."""


@dataclass
class Delivery:
    """One delivery: its tenant and project, and the trace that all its commands belong to."""

    tenant: str
    project: str
    module: str
    trace_id: str = field(default_factory=lambda: f"trace-{uuid.uuid4().hex[:8]}")
    correlation_id: str = field(default_factory=lambda: f"corr-{uuid.uuid4().hex[:8]}")


class Client:
    """The platform's two front doors, and a subscription to what it publishes."""

    def __init__(self, cloud: Cloud, delivery: Delivery, session: aiohttp.ClientSession) -> None:
        self.cloud, self.delivery, self._session = cloud, delivery, session
        self._bus = ServiceBusClient.from_connection_string(cloud.service_bus.ready["connectionString"])
        self._facts: dict[str, dict[str, Any]] = {}
        self._arrived = asyncio.Condition()

    @property
    def base(self) -> str:
        return f"{self.cloud.url}/api/tenants/{self.delivery.tenant}"

    @property
    def project(self) -> str:
        return f"{self.base}/projects/{self.delivery.project}"

    async def command(
        self, name: str, payload: dict[str, Any], *, key: str, cause: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """POST a command; answers status and body."""
        headers = {
            "x-functions-key": self.cloud.function_key,
            "Idempotency-Key": key,
            "X-Trace-Id": self.delivery.trace_id,
            "X-Correlation-Id": self.delivery.correlation_id,
            "X-Module-Id": self.delivery.module,
        }
        if cause is not None:
            headers["X-Causation-Id"] = cause
        async with self._session.post(f"{self.project}/{name}", json=payload, headers=headers) as answer:
            return answer.status, await answer.json()

    async def accepted(
        self, name: str, payload: dict[str, Any], *, key: str, cause: str | None = None
    ) -> Any:
        """POST a command that must be accepted; answers its one fact. Raises `Unexpected`."""
        status, body = await self.command(name, payload, key=key, cause=cause)
        if status != 200 or not body["events"]:
            raise Unexpected(f"{name} was answered {status}: {json.dumps(body)}")
        return body["events"][0]

    async def send(self, queue: str, name: str, payload: dict[str, Any], *, cause: str | None) -> str:
        """Send a command to its queue, as any service with the SDK would; answers its id."""
        command_id = f"cmd-{uuid.uuid4()}"
        envelope = {
            "eventId": command_id,
            "eventType": name,
            "tenantId": self.delivery.tenant,
            "projectId": self.delivery.project,
            "moduleId": self.delivery.module,
            "traceId": self.delivery.trace_id,
            "correlationId": self.delivery.correlation_id,
            "causationId": cause,
            "occurredAt": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "payload": payload,
        }
        message = ServiceBusMessage(
            json.dumps(envelope),
            message_id=command_id,
            content_type="application/json",
            application_properties={"cs-event-type": name, "cs-actor": "service:demo"},
        )
        async with self._bus.get_queue_sender(queue) as sender:
            await sender.send_messages(message)
        return command_id

    async def get(self, path: str, **params: str) -> Any:
        """GET below the tenant's address. Raises `Unexpected`."""
        headers = {"x-functions-key": self.cloud.function_key}
        async with self._session.get(f"{self.base}/{path}", headers=headers, params=params) as answer:
            if answer.status != 200:
                raise Unexpected(f"GET {path} was answered {answer.status}: {await answer.text()}")
            return await answer.json() if answer.content_type == "application/json" else await answer.text()

    @asynccontextmanager
    async def listening(self, topic: str, subscription: str) -> AsyncIterator[None]:
        """Collect what a subscription receives while the block runs, as a consumer elsewhere would."""
        receiver = self._bus.get_subscription_receiver(topic, subscription)
        listener = asyncio.create_task(self._listen(receiver))
        try:
            yield
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            await receiver.close()
            await self._bus.close()

    async def _listen(self, receiver: Any) -> None:
        async for message in receiver:
            fact = json.loads(str(message))
            await receiver.complete_message(message)
            if fact["traceId"] == self.delivery.trace_id:
                async with self._arrived:
                    self._facts[fact["eventType"]] = fact
                    self._arrived.notify_all()

    async def fact(self, event_type: str, within: float = 30) -> dict[str, Any]:
        """The published fact of a type; waits for it. Raises `Unexpected`."""
        try:
            async with asyncio.timeout(within), self._arrived:
                await self._arrived.wait_for(lambda: event_type in self._facts)
        except TimeoutError:
            raise Unexpected(f"{event_type} was not published within {within:g} s") from None
        return self._facts[event_type]
