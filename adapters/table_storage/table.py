"""One table: point reads, range queries and writes, made at the first write that misses it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapters.table_storage.clients import Clients
from adapters.table_storage.errors import code_of, status_of, translated
from adapters.table_storage.keys import after_prefix
from adapters.table_storage.rows import Row, batches

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

DEPENDENCY = "table storage"

type Entity = Mapping[str, Any]


class Table:
    """A table by name. Reads of a table that is not there find nothing."""

    def __init__(self, clients: Clients, name: str) -> None:
        self._clients, self._name = clients, name
        self._made: TableClient | None = None

    @property
    def _client(self) -> "TableClient":
        if self._made is None:
            self._made = self._clients.tables().get_table_client(self._name)
        return self._made

    async def get(self, partition_key: str, row_key: str, *columns: str) -> Entity | None:
        """One point read of all columns or the given ones. Raises `Unavailable`."""
        with translated(DEPENDENCY):
            try:
                return await self._client.get_entity(partition_key, row_key, select=list(columns) or None)
            except Exception as error:
                if status_of(error) == 404:
                    return None
                raise

    async def range(
        self, partition_key: str, prefix: str, *, above: str | None = None, most: int | None = None
    ) -> AsyncIterator[Entity]:
        """Rows of a partition whose keys start with `prefix`, in order, over all pages.

        `above` starts after that key; `most` ends after that many rows. Raises `Unavailable`.
        """
        pages = self._client.query_entities(
            "PartitionKey eq @partition and RowKey gt @low and RowKey lt @high",
            parameters={"partition": partition_key, "low": above or prefix, "high": after_prefix(prefix)},
            results_per_page=None if most is None else min(most, 1000),
        ).by_page()
        given = 0
        while True:
            with translated(DEPENDENCY):
                try:
                    rows = [row async for row in await anext(pages)]
                except StopAsyncIteration:
                    return
                except Exception as error:
                    if code_of(error) == "TableNotFound":
                        return
                    raise
            for row in rows:
                yield row
                given += 1
                if given == most:
                    return

    async def write(self, rows: Sequence[Row]) -> None:
        """Create or replace the rows at once. Raises what the SDK raises: its outcome needs a look."""
        if len(rows) == 1 and rows[0].etag is None:
            await self._making(lambda: self._client.create_entity(rows[0].entity()))
            return
        from azure.core import MatchConditions

        operations: list[Any] = []
        for row in rows:
            if row.etag is None:
                operations.append(("create", row.entity()))
            else:
                options = {
                    "mode": "replace",
                    "etag": row.etag,
                    "match_condition": MatchConditions.IfNotModified,
                }
                operations.append(("update", row.entity(), options))
        await self._submit(operations)

    async def put(self, rows: Sequence[Row]) -> None:
        """Write rows of one partition, whatever was there; safe to repeat. Raises `Unavailable`."""
        from azure.data.tables import UpdateMode

        with translated(DEPENDENCY):
            if len(rows) == 1:
                entity = rows[0].entity()
                await self._making(lambda: self._client.upsert_entity(entity, mode=UpdateMode.REPLACE))
                return
            for batch in batches(rows):
                operations: list[Any] = [("upsert", row.entity(), {"mode": "replace"}) for row in batch]
                await self._submit(operations)

    async def delete(self, partition_key: str, row_key: str) -> None:
        """Delete a row; an absent one is fine. Raises `Unavailable`."""
        with translated(DEPENDENCY):
            try:
                await self._client.delete_entity(partition_key, row_key)
            except Exception as error:
                if status_of(error) != 404:
                    raise

    async def _submit(self, operations: list[Any]) -> None:
        done = await self._making(lambda: self._client.submit_transaction(operations))
        # The SDK takes an answer with parts missing for a success, whatever the missing parts said.
        if len(done) != len(operations):
            raise OSError(f"an answer to {len(done)} of {len(operations)} operations")

    async def _making[T](self, call: Callable[[], Awaitable[T]]) -> T:
        """The call, after making the table where it turns out to be missing."""
        try:
            return await call()
        except Exception as error:
            if code_of(error) != "TableNotFound":
                raise
        await self._clients.tables().create_table_if_not_exists(self._name)
        return await call()
