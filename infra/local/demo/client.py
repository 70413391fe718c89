"""How anybody would use the platform: HTTP with an access token, and Service Bus with Microsoft's SDK."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from infra.local.cloud import Cloud
from infra.local.issuer.client import token


class Unexpected(Exception):
    """Something is not as it should be: the demo has failed, and says where."""


class Refused(Exception):
    """The platform decided against a step of its own; that is an outcome, and told as one."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"{command} was rejected: {reason}")
        self.command, self.reason = command, reason


@dataclass
class Delivery:
    """One delivery: its tenant and project, and the trace that all its commands belong to."""

    tenant: str
    project: str
    module: str
    trace_id: str = field(default_factory=lambda: f"trace-{uuid.uuid4().hex[:8]}")
    correlation_id: str = field(default_factory=lambda: f"corr-{uuid.uuid4().hex[:8]}")


# Who takes part. Ada may even approve, and still not what she planned herself.
ROLES = {
    "ada": ("contributor", "release-manager", "approver"),
    "grace": ("approver",),
    "olga": ("operator",),
}


class Client:
    """The platform's two front doors, and subscriptions to what it publishes."""

    def __init__(self, cloud: Cloud, delivery: Delivery, session: aiohttp.ClientSession) -> None:
        self.cloud, self.delivery, self._session = cloud, delivery, session
        self._bus = ServiceBusClient.from_connection_string(cloud.service_bus.ready["connectionString"])
        self._facts: dict[str, dict[str, Any]] = {}
        self._arrived = asyncio.Condition()
        self._tokens: dict[str, str] = {}

    async def _signed(self, person: str) -> dict[str, str]:
        """The header of a person who has signed in."""
        if person not in self._tokens:
            issuer = self.cloud.issuer.ready["url"]
            self._tokens[person] = await token(self._session, issuer, person, ROLES[person])
        return {"Authorization": f"Bearer {self._tokens[person]}"}

    @property
    def base(self) -> str:
        return f"{self.cloud.url}/api/tenants/{self.delivery.tenant}"

    @property
    def project(self) -> str:
        return f"{self.base}/projects/{self.delivery.project}"

    @property
    def cluster_url(self) -> str:
        url: str = self.cloud.kubernetes.ready["url"]
        return url

    async def ask(self, url: str) -> Any:
        """GET a workload, as its users would. Raises `Unexpected`."""
        async with self._session.get(url) as answer:
            if answer.status != 200:
                raise Unexpected(f"GET {url} was answered {answer.status}: {await answer.text()}")
            return await answer.json()

    async def image_digest(self, version: str) -> str:
        """Of the module's image of a version."""
        page = await self.view("images?size=200")
        return next(str(one["digest"]) for one in page["items"] if one["tag"] == version)

    async def mark_image(self, match: str, **marks: Any) -> None:
        """Have whatever runs this image behave so from now on."""
        url = f"{self.cluster_url}/_local/images"
        async with self._session.put(url, json={"match": match, **marks}) as answer:
            if not answer.ok:
                raise Unexpected(f"marking an image was answered {answer.status}: {await answer.text()}")

    async def command(
        self, name: str, payload: dict[str, Any], *, key: str, cause: str | None = None, by: str = "ada"
    ) -> tuple[int, dict[str, Any]]:
        """POST a command; answers status and body."""
        headers = {
            **await self._signed(by),
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
        self, name: str, payload: dict[str, Any], *, key: str, cause: str | None = None, by: str = "ada"
    ) -> Any:
        """POST a command that must be accepted; answers its one fact. Raises `Unexpected`."""
        status, body = await self.command(name, payload, key=key, cause=cause, by=by)
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
            application_properties={
                "cs-event-type": name,
                "cs-authorization": (await self._signed("ada"))["Authorization"],
            },
        )
        async with self._bus.get_queue_sender(queue) as sender:
            await sender.send_messages(message)
        return command_id

    async def get(self, path: str, **params: str) -> Any:
        """GET below the tenant's address. Raises `Unexpected`."""
        headers = await self._signed("ada")
        async with self._session.get(f"{self.base}/{path}", headers=headers, params=params) as answer:
            if answer.status != 200:
                raise Unexpected(f"GET {path} was answered {answer.status}: {await answer.text()}")
            return await answer.json() if answer.content_type == "application/json" else await answer.text()

    async def view(self, path: str) -> Any:
        """GET below the project's address. Raises `Unexpected`."""
        return await self.get(f"projects/{self.delivery.project}/{path}")

    async def branch(self, repository_id: str, name: str, within: float = 30) -> dict[str, Any]:
        """A branch once the platform has taken it in. Raises `Unexpected`."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for one in (await self.view("branches?size=200"))["items"]:
                if one["repositoryId"] == repository_id and one["name"] == name:
                    found: dict[str, Any] = one
                    return found
            await asyncio.sleep(0.1)
        raise Unexpected(f"branch {name} of {repository_id} was not taken in within {within:g} s")

    @asynccontextmanager
    async def listening(self, *subscriptions: tuple[str, str]) -> AsyncIterator[None]:
        """Collect what (topic, subscription) pairs receive while the block runs, as consumers elsewhere."""
        receivers = [self._bus.get_subscription_receiver(*one) for one in subscriptions]
        listeners = [asyncio.create_task(self._listen(receiver)) for receiver in receivers]
        try:
            yield
        finally:
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)
            for receiver in receivers:
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
        """The newest published fact of a type; waits for the first. Raises `Unexpected`."""
        try:
            async with asyncio.timeout(within), self._arrived:
                await self._arrived.wait_for(lambda: event_type in self._facts)
        except TimeoutError:
            raise Unexpected(f"{event_type} was not published within {within:g} s") from None
        return self._facts[event_type]

    async def following(
        self, event_type: str, commands: Sequence[str], within: float, waiting: Callable[[], Any]
    ) -> dict[str, Any]:
        """The fact that follows by itself from one of these commands. Raises `Refused` where the platform
        refused the command, `Unexpected` where nothing came; `waiting` is called now and then meanwhile."""
        deadline = time.monotonic() + within
        while event_type not in self._facts:
            trace = await self.get(f"traces/{self.delivery.trace_id}")
            for node in trace["nodes"]:
                if node["type"] in commands and node.get("reason") and node["actor"] == "reactions":
                    raise Refused(node["type"], node["reason"])
            if time.monotonic() > deadline:
                raise Unexpected(f"{event_type} was not published within {within:g} s")
            await waiting()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5), self._arrived:
                    await self._arrived.wait()
        return self._facts[event_type]
