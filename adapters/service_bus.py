"""Azure Service Bus: the `Broker` port. Its receiving side is the Functions platform's triggers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlsplit

from domain.kernel.envelope import Message
from domain.kernel.errors import Unavailable
from domain.ports import Broker

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

# Longer than a reconnect (about 2 s), short enough for an HTTP caller to wait through.
SEND_TIMEOUT = 6.0
# After a failure, sends fail at once for this long, so that commands don't queue up behind time-outs; the
# outbox timer makes good what was not sent.
REST_AFTER_FAILURE = 5.0
PING_TIMEOUT = 2.0


class ServiceBus(Broker):
    """Publishes to topics and queues over one connection with one sender per destination."""

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        namespace: str | None = None,
        credential: AsyncTokenCredential | None = None,
    ) -> None:
        """Either a connection string, or a fully qualified namespace with a credential."""
        if connection_string is None and (namespace is None or credential is None):
            raise ValueError("Service Bus needs a connection string, or a namespace and a credential")
        self._connection_string, self._namespace, self._credential = connection_string, namespace, credential
        self._client: ServiceBusClient | None = None
        self._senders: dict[str, ServiceBusSender] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.rest_until = 0.0
        """Until then (monotonic seconds) sends fail at once."""

    @override
    async def publish(self, messages: Sequence[Message]) -> None:
        by_destination: dict[str, list[Message]] = {}
        for message in messages:
            by_destination.setdefault(message.destination, []).append(message)
        sends = [self._send(destination, batch) for destination, batch in by_destination.items()]
        # All are tried: one topic's trouble must not hold back another's messages.
        for result in await asyncio.gather(*sends, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    @override
    async def ping(self) -> None:
        """A connection to its port: cheap, and true also when nothing was sent for a while."""
        host, port = self._address()
        try:
            async with asyncio.timeout(PING_TIMEOUT):
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
        except OSError as error:  # a time-out is one, too
            raise Unavailable("Service Bus", f"{host}:{port}: {error or 'no answer'}") from error

    def _address(self) -> tuple[str, int]:
        """AMQP's: over TLS on Azure; the emulators listen without, and say where."""
        if self._connection_string is None:
            assert self._namespace is not None
            return self._namespace, 5671
        parts = dict(part.partition("=")[::2] for part in self._connection_string.split(";") if part)
        endpoint = urlsplit(parts["Endpoint"])
        local = parts.get("UseDevelopmentEmulator", "").lower() == "true"
        return endpoint.hostname or "", endpoint.port or (5672 if local else 5671)

    def _require_rested(self) -> None:
        if time.monotonic() < self.rest_until:
            raise Unavailable("Service Bus", "the last send failed", retry_after=REST_AFTER_FAILURE)

    async def _send(self, destination: str, messages: Sequence[Message]) -> None:
        # A sender is not safe for concurrent use; one lock per destination keeps the order, too.
        async with self._locks.setdefault(destination, asyncio.Lock()):
            self._require_rested()
            try:
                async with asyncio.timeout(SEND_TIMEOUT):
                    await self._send_batches(self._sender(destination), messages)
            except Exception as error:
                self.rest_until = time.monotonic() + REST_AFTER_FAILURE
                await self._discard(destination)
                raise Unavailable("Service Bus", f"{destination}: {error or type(error).__name__}") from error

    async def _send_batches(self, sender: ServiceBusSender, messages: Sequence[Message]) -> None:
        from azure.servicebus.exceptions import MessageSizeExceededError

        if len(messages) == 1:
            await sender.send_messages(_wire(messages[0]))
            return
        batch = await sender.create_message_batch()
        for message in messages:
            try:
                batch.add_message(_wire(message))
            except MessageSizeExceededError:
                await sender.send_messages(batch)
                batch = await sender.create_message_batch()
                batch.add_message(_wire(message))
        await sender.send_messages(batch)

    def _sender(self, destination: str) -> ServiceBusSender:
        if destination not in self._senders:
            # Queues and topics are addressed alike when sending; the SDK's two methods differ in name only.
            self._senders[destination] = self._connect().get_queue_sender(destination)
        return self._senders[destination]

    def _connect(self) -> ServiceBusClient:
        if self._client is None:
            from azure.servicebus.aio import ServiceBusClient

            # Failing is cheap here (the outbox has it), so the SDK's own retries are kept short.
            options: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.1}
            if self._connection_string is not None:
                self._client = ServiceBusClient.from_connection_string(self._connection_string, **options)
            else:
                assert self._namespace is not None and self._credential is not None
                self._client = ServiceBusClient(self._namespace, self._credential, **options)
        return self._client

    async def _discard(self, destination: str) -> None:
        """A sender whose call was cut short may be half way through a transfer: never use it again."""
        sender = self._senders.pop(destination, None)
        if sender is not None:
            try:
                async with asyncio.timeout(1):
                    await sender.close()
            except Exception:  # it is being thrown away
                return

    async def close(self) -> None:
        for destination in list(self._senders):
            await self._discard(destination)
        if self._client is not None:
            await self._client.close()
            self._client = None


def _wire(message: Message) -> ServiceBusMessage:
    from azure.servicebus import ServiceBusMessage

    properties: Mapping[str, str | int] = message.properties
    correlation_id = properties.get("cs-correlation-id")
    return ServiceBusMessage(
        message.body,
        message_id=message.message_id,
        content_type="application/json",
        subject=str(properties.get("cs-event-type", "")),
        correlation_id=None if correlation_id is None else str(correlation_id),
        application_properties=dict(properties.items()),
    )
