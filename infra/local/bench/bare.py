"""The yardstick: the storage and broker calls of CreateBranch, straight from the SDKs, and nothing else."""

import asyncio
import json
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

QUEUE, TOPIC = "bench.bare", "bench.bare-facts"
PARTITION = "bench|bare"
CONCURRENCY = 16


class BareLoop:
    """Receives, reads twice, writes three rows in one transaction, sends one fact, completes; then writes a
    trace row and deletes the outbox row in the background."""

    def __init__(self, storage: str) -> None:
        self._service = TableServiceClient.from_connection_string(
            storage, transport=AioHttpTransport(use_env_settings=False)
        )
        self._table: TableClient = self._service.get_table_client("bare")
        self._traces: TableClient = self._service.get_table_client("baretraces")
        self._sending = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def prepare(self) -> None:
        await self._table.create_table()
        await self._traces.create_table()
        row = {"PartitionKey": PARTITION, "RowKey": "aggregate|Repository|r", "state": "x" * 900}
        await self._table.create_entity(row)

    async def run(self, client: ServiceBusClient) -> None:
        """Until it is cancelled."""
        async with client.get_queue_receiver(QUEUE) as receiver, client.get_topic_sender(TOPIC) as sender:
            async for message in receiver:
                await self._slots.acquire()
                task = self._start(self._handle(message, receiver, sender))
                task.add_done_callback(lambda _: self._slots.release())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _handle(self, message: Any, receiver: ServiceBusReceiver, sender: ServiceBusSender) -> None:
        command = json.loads(str(message))
        id = command["eventId"]
        await self._table.get_entity(PARTITION, "aggregate|Repository|r")
        with suppress(ResourceNotFoundError):
            await self._table.get_entity(PARTITION, f"aggregate|Branch|{id}")
        fact = json.dumps({**command, "eventId": f"evt-{uuid.uuid4()}", "causationId": id})
        rows = {f"command|{id}": fact * 3, f"aggregate|Branch|{id}": "x" * 900, f"outbox|{id}": "x"}
        await self._table.submit_transaction(
            [
                ("create", {"PartitionKey": PARTITION, "RowKey": key, "state": value})
                for key, value in rows.items()
            ]
        )
        async with self._sending:
            await sender.send_messages(ServiceBusMessage(fact))
        await receiver.complete_message(message)
        self._start(self._settle(id, fact))

    async def _settle(self, id: str, fact: str) -> None:
        await self._traces.upsert_entity({"PartitionKey": PARTITION, "RowKey": id, "state": fact * 2})
        await self._table.delete_entity(PARTITION, f"outbox|{id}")

    async def close(self) -> None:
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._service.close()
