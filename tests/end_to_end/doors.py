"""The platform's two doors for commands and its views, as a client of one project uses them."""

import asyncio
import base64
import json
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

import aiohttp
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from yarl import URL

from domain.catalogue import catalogue
from domain.kernel.context import kebab
from domain.kernel.envelope import Envelope
from domain.kernel.work import Partition
from domain.reactions import reactions
from functions.bootstrap import hook_password
from infra.local.cloud import Cloud
from infra.local.issuer.client import token
from tests.domain.scenarios import ADA, GRACE, SCENARIOS
from tests.end_to_end.answer import Answer as Answer
from tests.end_to_end.consumer import Consumer
from tests.end_to_end.provider import Provider
from tests.end_to_end.waiting import eventually

type Payload = dict[str, Any]

_LONG_AGO = "2026-06-11T18:22:05Z"

# What the persons of the scenarios may do in the tenant that they come to.
ROLES = {ADA: ("contributor", "release-manager", "operator"), GRACE: ("approver", "incident-commander")}


class Doors:
    """The running cloud with the clients that all tests share. `statuses` counts every HTTP answer."""

    def __init__(self, cloud: Cloud, session: aiohttp.ClientSession, consumer: Consumer) -> None:
        self.cloud, self.session, self.consumer = cloud, session, consumer
        self.provider = Provider(cloud, session)
        self.statuses: Counter[int] = Counter()
        self._bus = self.bus()
        self._senders: dict[str, ServiceBusSender] = {}
        self._sending = asyncio.Lock()
        self._tokens: dict[tuple[str, ...], str] = {}

    async def token(self, person: str, tenant: str, *roles: str) -> str:
        """A person's access token, with roles in one tenant; those of `ROLES` unless told otherwise."""
        scoped = tuple(f"{role}@{tenant}" for role in roles or ROLES[person])
        if (person, *scoped) not in self._tokens:
            issuer = self.cloud.issuer.ready["url"]
            self._tokens[person, *scoped] = await token(self.session, issuer, person, scoped)
        return self._tokens[person, *scoped]

    async def bearer(self, person: str, tenant: str, *roles: str) -> dict[str, str]:
        """The header of a request that a person sends."""
        return {"Authorization": f"Bearer {await self.token(person, tenant, *roles)}"}

    def bus(self) -> ServiceBusClient:
        """A connection of its own: receivers on one connection wait for each other's reads."""
        return ServiceBusClient.from_connection_string(self.cloud.service_bus.ready["connectionString"])

    async def send(self, queue: str, *messages: ServiceBusMessage) -> None:
        """To a queue, as any service with the SDK would."""
        async with self._sending:
            if queue not in self._senders:
                self._senders[queue] = self._bus.get_queue_sender(queue)
            await self._senders[queue].send_messages(list(messages))

    async def close(self) -> None:
        await self._bus.close()

    def project(self, tenant: str | None = None) -> "Project":
        """A project that nobody else uses."""
        return Project(self, tenant or f"tenant-{uuid.uuid4().hex[:10]}", f"proj-{uuid.uuid4().hex[:6]}")

    async def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`path` goes out as it is written, below the host's address; with a machine's key, which an
        Authorization in `headers` overrides."""
        everything = {"x-functions-key": self.cloud.function_key, **(headers or {})}
        url = URL(f"{self.cloud.url}/{path}", encoded=True)
        async with self.session.request(method, url, data=body, headers=everything) as answer:
            self.statuses[answer.status] += 1
            return Answer(answer.status, await answer.text(), answer.headers.copy())

    async def fire(self, timer: str) -> None:
        """Run a timer's function now, to its end."""
        answer = await self.request("POST", f"admin/functions/{timer}?wait=1", body=b'{"input": ""}')
        assert answer.status == 200, f"{timer}: {answer.status} {answer.text}"


class Project:
    """One project of one tenant."""

    def __init__(self, doors: Doors, tenant: str, name: str) -> None:
        self.doors, self.tenant, self.name = doors, tenant, name
        self._names: Counter[str] = Counter()

    @property
    def path(self) -> str:
        return f"api/tenants/{self.tenant}/projects/{self.name}"

    def unused(self, stem: str) -> str:
        """A name that nothing in this project has yet."""
        self._names[stem] += 1
        return f"{stem}-{self._names[stem]}"

    async def post(
        self,
        command: str,
        payload: Payload,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        by: str | None = None,
    ) -> Answer:
        """A command over HTTP, by the person of its scenario unless told otherwise; without a key every
        request is a command of its own."""
        who = await self.doors.bearer(by or sender_of(command), self.tenant)
        sent = {"Content-Type": "application/json", **who, **(headers or {})}
        if key is not None:
            sent["Idempotency-Key"] = key
        return await self.doors.request(
            "POST", f"{self.path}/{kebab(command)}", body=json.dumps(payload).encode(), headers=sent
        )

    async def get(self, path: str) -> Answer:
        """Below the project's address."""
        return await self.doors.request("GET", f"{self.path}/{path}")

    async def view(self, collection: str, id: str) -> dict[str, Any]:
        """An aggregate that must be there."""
        answer = await self.get(f"{collection}/{id}")
        assert answer.status == 200, f"{collection}/{id}: {answer.status} {answer.text}"
        found: dict[str, Any] = answer.json
        return found

    def message(self, command: str, payload: Payload, command_id: str | None = None, **changes: Any) -> str:
        """A command's body for its queue."""
        command_id = command_id or f"cmd-{uuid.uuid4()}"
        wire = {
            "eventId": command_id,
            "eventType": command,
            "tenantId": self.tenant,
            "projectId": self.name,
            "moduleId": "module-reservations-api",
            "traceId": f"trace-{command_id}",
            "correlationId": f"corr-{command_id}",
            "causationId": None,
            "occurredAt": _LONG_AGO,
            "payload": payload,
        }
        return json.dumps(wire | changes)

    async def send(self, queue: str, *bodies: str | bytes, by: str | None = None) -> None:
        """Messages to a queue, of our making, by the person of its command's scenario."""
        command = next((each.name for each in catalogue().commands if each.queue == queue), "")
        who = await self.doors.bearer(by or sender_of(command), self.tenant)
        properties: dict[str | bytes, Any] = {"cs-authorization": who["Authorization"]}
        made = (
            ServiceBusMessage(body, content_type="application/json", application_properties=dict(properties))
            for body in bodies
        )
        await self.doors.send(queue, *made)

    async def outcome(self, command_id: str, within: float = 20) -> dict[str, Any]:
        """A command's outcome, once there is one: what came through a queue is answered nowhere else."""
        answer = await eventually(
            lambda: self.get(f"commands/{command_id}"), lambda answer: answer.status != 404, within
        )
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        found: dict[str, Any] = answer.json
        return found

    async def reacted(self, events: list[dict[str, Any]]) -> None:
        """Wait until what follows from facts has been handled, and what follows from that."""
        for event in events:
            off: tuple[str, ...] = ()
            if reactions.has_switches(event["eventType"]):
                off = tuple((await self.get("delivery-policy")).json["switchedOff"])
            for command in reactions.to(Envelope.model_validate(event), off):
                await self.reacted((await self.outcome(command.event_id))["events"])


def hook_headers(project: Project) -> dict[str, str]:
    """As Azure DevOps authenticates itself for this project."""
    password = hook_password(
        project.doors.cloud.settings["Webhooks__secret"].encode(), Partition(project.tenant, project.name)
    )
    return {"Authorization": "Basic " + base64.b64encode(f"azure-devops:{password}".encode()).decode()}


def queue_of(command: str) -> str:
    queue = catalogue().handlers[command].queue
    assert queue is not None, f"{command} has no queue"
    return queue


def sender_of(command: str) -> str:
    return SCENARIOS[command].by if command in SCENARIOS else ADA


async def until_gone(receiver: ServiceBusReceiver, body: bytes, within: float = 20) -> None:
    """Wait until a queue holds a message of this body no longer, locked or not."""
    await eventually(lambda: bodies(receiver), lambda found: body not in found, within)


async def bodies(receiver: ServiceBusReceiver) -> list[bytes]:
    """What a queue holds, without taking it."""
    return [b"".join(message.body) for message in await receiver.peek_messages(200, sequence_number=1)]
