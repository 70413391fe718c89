"""A consumer elsewhere: reads every subscription with Microsoft's SDK and keeps what came, by tenant."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.exceptions import ServiceBusError

from domain.kernel.envelope import Envelope
from tests.end_to_end.laptop import AUDIT, topics

log = logging.getLogger(__name__)

type Place = tuple[str, str]
"""topic and subscription"""

_PAUSE = 0.2


@dataclass(frozen=True)
class Received:
    """One published message. What the broker delivers twice is one; what was sent twice are two."""

    place: Place
    sequence: int
    message_id: str
    body: bytes
    properties: tuple[tuple[str, Any], ...]

    @property
    def envelope(self) -> Envelope:
        return Envelope.parse(self.body)

    @property
    def about(self) -> dict[str, Any]:
        return dict(self.properties)

    @property
    def content(self) -> tuple[bytes, tuple[tuple[str, Any], ...]]:
        """What must be the same whenever the message is sent again."""
        return self.body, self.properties


class Consumer:
    """Listens as long as the block runs, through outages of the broker."""

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        self._seen: dict[tuple[Place, int], Received] = {}
        self._by_tenant: dict[str, list[Received]] = {}
        self._arrived = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._listen(place)) for place in _places()]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, place: Place) -> None:
        while True:
            client = ServiceBusClient.from_connection_string(self._connection_string, retry_total=0)
            try:
                async with client, client.get_subscription_receiver(*place) as receiver:
                    # One by one: asked for many, the SDK waits a while for more after the first.
                    async for message in receiver:
                        await self._take(place, message)
                        await receiver.complete_message(message)
            except (ServiceBusError, OSError, ValueError) as error:
                log.info("%s/%s: the broker is away: %s", *place, error)
                await asyncio.sleep(_PAUSE)

    async def _take(self, place: Place, message: ServiceBusReceivedMessage) -> None:
        about = {
            key.decode() if isinstance(key, bytes) else key: value.decode()
            if isinstance(value, bytes)
            else value
            for key, value in (message.application_properties or {}).items()
        }
        assert message.sequence_number is not None
        received = Received(
            place,
            message.sequence_number,
            str(message.message_id),
            b"".join(message.body),
            tuple(sorted(about.items())),
        )
        if (place, received.sequence) in self._seen:
            return
        self._seen[place, received.sequence] = received
        async with self._arrived:
            self._by_tenant.setdefault(str(about.get("cs-tenant-id")), []).append(received)
            self._arrived.notify_all()

    def of(self, tenant: str, subscription: str = AUDIT, scope: str | None = None) -> list[Received]:
        """What a tenant's commands have published until now, in the order of its coming."""
        return [
            received
            for received in self._by_tenant.get(tenant, ())
            if received.place[1] == subscription and scope in (None, received.about["cs-scope"])
        ]

    async def until(
        self,
        tenant: str,
        holds: Callable[[Sequence[Received]], bool],
        *,
        subscription: str = AUDIT,
        within: float = 30,
    ) -> list[Received]:
        """The tenant's messages of a subscription, once `holds` says so."""
        try:
            async with asyncio.timeout(within), self._arrived:
                await self._arrived.wait_for(lambda: holds(self.of(tenant, subscription)))
        except TimeoutError:
            found = [
                (r.about["cs-event-type"], r.about["cs-scope"], r.message_id)
                for r in self.of(tenant, subscription)
            ]
            raise AssertionError(f"{tenant} on {subscription} after {within:g} s: {found}") from None
        return self.of(tenant, subscription)

    async def ids(
        self, tenant: str, ids: Iterable[str], *, subscription: str = AUDIT, within: float = 30
    ) -> list[Received]:
        """The messages with these ids, once each has come at least once."""
        wanted = set(ids)
        found = await self.until(
            tenant,
            lambda received: wanted <= {each.message_id for each in received},
            subscription=subscription,
            within=within,
        )
        return [received for received in found if received.message_id in wanted]


def _places() -> list[Place]:
    """Every consumer's subscription, and the audit; not the app's own."""
    return [
        (topic["Name"], name)
        for topic in topics()
        for name in [AUDIT, *(each["Name"] for each in topic["Subscriptions"])]
        if name != "reactions"
    ]


def assert_repeats_are_identical(messages: Iterable[Received]) -> int:
    """However often a message was sent, it was the same bytes; how many were repeats."""
    first: dict[tuple[Place, str], Received] = {}
    repeats = 0
    for message in messages:
        known = first.setdefault((message.place, message.message_id), message)
        assert message.content == known.content, f"{message.message_id} was sent with two bodies"
        repeats += message is not known
    return repeats


def assert_no_gap(messages: Iterable[Received]) -> None:
    """Who follows cs-aggregate-version from message to message finds 1, 2, 3 and so on."""
    versions: dict[str, set[int]] = {}
    for message in messages:
        if message.about["cs-scope"] == "domain":
            versions.setdefault(message.about["cs-aggregate-id"], set()).add(
                message.about["cs-aggregate-version"]
            )
    for aggregate, seen in versions.items():
        assert seen == set(range(1, len(seen) + 1)), f"{aggregate} has versions {sorted(seen)}"
