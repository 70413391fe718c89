"""Instances in one Azure table: a partition each, and one transaction for all that a turn changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.core.async_paging import AsyncItemPaged
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableEntity, UpdateMode
from azure.data.tables.aio import TableServiceClient

from infra.local.functions_host.durable import rows
from infra.local.functions_host.durable.events import Event, from_text
from infra.local.functions_host.durable.record import Loaded, Message, Record
from infra.local.functions_host.durable.storage_retry import persistently

_BATCH = 100
# Every history row of a turn but the last goes ahead of the transaction where they would not fit into it.
_ROWS_IN_TRANSACTION = 2
_LONGEST_TRY = 20.0


class AlreadyExists(Exception):
    """There is an instance of this id."""


class LostTheRace(Exception):
    """Somebody else has written the instance; what is in memory is not true any more."""


class InstanceStore:
    """The table `<Hub>Instances`. `on_request` hears of every request."""

    def __init__(
        self, connection_string: str, hub: str, on_request: Callable[[object], None] = lambda _: None
    ) -> None:
        self._service = TableServiceClient.from_connection_string(
            connection_string,
            retry_total=0,
            connection_timeout=5,
            read_timeout=_LONGEST_TRY,
            raw_request_hook=on_request,
        )
        self._table = self._service.get_table_client(f"{hub}Instances")

    async def open(self) -> None:
        """Make the table where it is missing; waits for a storage that is not there yet."""

        async def create() -> None:
            try:
                await self._table.create_table()
            except ResourceExistsError:
                return

        await persistently("table", create)

    async def close(self) -> None:
        await self._table.close()
        await self._service.close()

    async def create(self, record: Record, patience: float | None = None) -> None:
        """Raises AlreadyExists, StorageAway."""
        operations: list[Any] = [("create", rows.instance_row(record, with_input=True))]
        operations += [("upsert", row) for row in rows.value_rows(record, with_input=True)]
        try:
            answers = await persistently(
                f"start of {record.instance_id}",
                lambda: self._table.submit_transaction(operations),
                patience,
            )
        except HttpResponseError as error:
            if error.status_code != 409:
                raise
            found = await self.read(record.instance_id)
            if found is None or found.commit_id != record.commit_id:
                raise AlreadyExists(record.instance_id) from error
            record.etag = found.etag  # an earlier attempt had succeeded, unheard
            return
        record.etag = str(answers[0]["etag"])

    async def commit(
        self,
        record: Record,
        *,
        of: tuple[int, int],
        events: Sequence[Event],
        used: Message | None,
        carried: Sequence[Event] = (),
        with_input: bool = False,
    ) -> list[Message]:
        """Store a turn: the record as it is now, the events of turn `of` (execution, number) and the inbox.

        Answers the messages that were carried into the next execution. Raises LostTheRace.
        """
        parts = rows.turn_rows(record.instance_id, *of, events) if events else []
        for row in parts[:-_ROWS_IN_TRANSACTION]:
            await self._upsert(row)
        messages = [
            Message("completion", each, "", rows.new_message_key(from_text(each["Timestamp"])))
            for each in carried
        ]
        operations: list[Any] = [
            (
                "update",
                rows.instance_row(record, with_input=with_input),
                {
                    "mode": UpdateMode.MERGE,
                    "etag": record.etag,
                    "match_condition": MatchConditions.IfNotModified,
                },
            )
        ]
        more = parts[-_ROWS_IN_TRANSACTION:] + rows.value_rows(record, with_input=with_input)
        more += [rows.message_row(record.instance_id, str(each.row), each) for each in messages]
        # An orchestration that leaves this many events unread carries the first of them over beforehand.
        for row in more[_BATCH - 2 :]:
            await self._upsert(row)
        operations += [("upsert", row) for row in more[: _BATCH - 2]]
        if used is not None and used.row is not None:
            operations.append(("delete", {"PartitionKey": record.instance_id, "RowKey": used.row}))
        record.etag = await self._submit(record, operations)
        return messages

    async def _submit(self, record: Record, operations: list[Any]) -> str:
        try:
            answers = await persistently(
                f"turn of {record.instance_id}", lambda: self._table.submit_transaction(operations)
            )
        except HttpResponseError as error:
            if error.status_code not in (404, 409, 412):
                raise
            found = await self.read(record.instance_id)
            if found is None or found.commit_id != record.commit_id:
                raise LostTheRace(record.instance_id) from error
            return found.etag  # an earlier attempt had succeeded, unheard
        return str(answers[0]["etag"])

    async def _upsert(self, row: rows.Row, patience: float | None = None) -> None:
        await persistently(
            f"row of {row['PartitionKey']}",
            lambda: self._table.upsert_entity(row, mode=UpdateMode.REPLACE),
            patience,
        )

    async def put(self, instance_id: str, message: Message, patience: float | None = None) -> Message:
        """Store the message in the instance's inbox; answers it with its place. Raises StorageAway."""
        key = rows.new_message_key(from_text(message.event["Timestamp"]))
        await self._upsert(rows.message_row(instance_id, key, message), patience)
        return Message(message.kind, message.event, message.execution_id, key)

    async def drop(self, instance_id: str, message: Message) -> None:
        """Forget a message that nobody needs any more."""
        if message.row is not None:
            row = message.row
            await persistently(f"inbox of {instance_id}", lambda: self._table.delete_entity(instance_id, row))

    async def read(self, instance_id: str, patience: float | None = None) -> Record | None:
        """The instance without its history. Raises StorageAway."""

        async def attempt() -> Record | None:
            try:
                found = await self._table.get_entity(instance_id, rows.INSTANCE)
            except ResourceNotFoundError:
                return None
            apart: dict[str, Mapping[str, Any]] = {}
            for key in (rows.INPUT, rows.OUTPUT):
                if found.get(f"{key.capitalize()}Apart"):
                    apart[key] = await self._table.get_entity(instance_id, key)
            return rows.read_record(found, str(found.metadata["etag"]), apart)

        return await persistently(f"instance {instance_id}", attempt, patience)

    async def load(self, instance_id: str) -> Loaded | None:
        """The instance with the history of its present execution and its inbox."""
        record = await self.read(instance_id)
        if record is None:
            return None
        # Only the instance's own loop writes turns, and it is not running while it is loaded.
        found = await self._partition(instance_id, rows.of_execution(record.execution))
        history = (entity for key, entity in found.items() if key.startswith(rows.HISTORY))
        turns = rows.read_history(history, record.execution, record.turn)
        inbox = [rows.read_message(found[key]) for key in sorted(found) if key.startswith(rows.INBOX)]
        return Loaded(record, [each for turn in turns for each in turn], inbox)

    async def histories(self, instance_id: str) -> list[list[Event]]:
        """The history of every execution, the first one first."""
        found = await self._partition(instance_id)
        if rows.INSTANCE not in found:
            return []
        record = found[rows.INSTANCE]
        history = [entity for key, entity in found.items() if key.startswith(rows.HISTORY)]
        executions = []
        for number in range(int(record["Execution"]) + 1):
            last = int(record["Turn"]) if number == record["Execution"] else 1_000_000
            turns = rows.read_history(history, number, last)
            executions.append([each for turn in turns for each in turn])
        return executions

    async def _partition(self, instance_id: str, which: str = "") -> dict[str, Any]:
        text = f"PartitionKey eq @id{which}"

        async def attempt() -> dict[str, Any]:
            query = self._table.query_entities(text, parameters={"id": instance_id})
            return {str(entity["RowKey"]): entity async for entity in query}

        return await persistently(f"instance {instance_id}", attempt)

    async def unfinished(self) -> list[str]:
        """The ids of all instances that have not come to their end."""

        async def attempt() -> list[str]:
            query = self._table.query_entities(
                "RowKey eq 'instance' and Terminal eq false", select=["PartitionKey"]
            )
            return [str(entity["PartitionKey"]) async for entity in query]

        return await persistently("unfinished instances", attempt)

    def query(self, text: str, values: dict[str, Any], top: int) -> AsyncItemPaged[TableEntity]:
        """Rows by a filter, page by page."""
        return self._table.query_entities(text, parameters=values, results_per_page=top)

    async def purge(self, instance_id: str) -> None:
        """Delete all of an instance, its own row last: what a crash interrupts can be purged again."""

        async def attempt() -> None:
            while keys := sorted(await self._partition(instance_id), key=lambda key: key == rows.INSTANCE):
                batch: list[Any] = [
                    ("delete", {"PartitionKey": instance_id, "RowKey": key}) for key in keys[:_BATCH]
                ]
                try:
                    await self._table.submit_transaction(batch)
                except HttpResponseError as error:
                    if error.status_code != 404:  # somebody deleted one of them meanwhile: look again
                        raise

        await persistently(f"purge of {instance_id}", attempt)
