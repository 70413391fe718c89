"""What the store's tests are given: both stores, a project of their own, and transactions to commit."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from adapters.memory.store import MemoryStore
from adapters.table_storage import TableStorageStore
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.envelope import Message
from domain.kernel.journal import Journal, Outcome, TraceNode, Transaction
from domain.kernel.work import Partition, Record
from tests.azurite import shared

type AnyStore = MemoryStore | TableStorageStore

AWKWARD = "quotes \" \\ ' <&> \u2028 \u2029 \x7f é 漢字 😀 \U0010ffff tab\t nl\n crlf\r\n"


class Ticket(Aggregate):
    """An aggregate with a unique title and room for any text."""

    kind: ClassVar[str] = "Ticket"
    id_field: ClassVar[str] = "ticket_id"
    id_prefix: ClassVar[str] = "tkt"
    collection: ClassVar[str] = "tickets"

    ticket_id: str
    title: str
    text: str = ""

    def unique_keys(self) -> tuple[UniqueKey, ...]:
        return (UniqueKey("ticket-title", (self.title,), f"a ticket {self.title} exists already"),)


class TicketNote(Aggregate):
    """An aggregate without a unique name, whose kind starts like another's."""

    kind: ClassVar[str] = "TicketNote"
    id_field: ClassVar[str] = "note_id"
    id_prefix: ClassVar[str] = "nte"
    collection: ClassVar[str] = "notes"

    note_id: str


def table_storage(connection_string: str | None = None, **options: Any) -> TableStorageStore:
    """A store on tables of its own, in the session's Azurite if nowhere else."""
    unique = uuid.uuid4().hex[:20]
    settings = {"table": f"p{unique}", "trace_table": f"t{unique}", "container": f"c-{unique}"}
    return TableStorageStore(connection_string or shared().connection_string, **(settings | options))


@pytest.fixture(params=["memory", "table_storage"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[AnyStore]:
    made: AnyStore = MemoryStore() if request.param == "memory" else table_storage()
    yield made
    await made.close()


@pytest.fixture
def partition() -> Partition:
    return Partition(f"tenant-{uuid.uuid4().hex[:12]}", "project-1")


def new_id(prefix: str = "cmd") -> str:
    return f"{prefix}-{uuid.uuid4()}"


def ticket(title: str | None = None, text: str = "") -> Ticket:
    id = new_id("tkt")
    return Ticket(ticket_id=id, title=title or id, text=text)


def record(aggregate: Aggregate, etag: str | None = None, version: int = 1) -> Record:
    return Record(
        kind=aggregate.kind,
        id=aggregate.id,
        version=version,
        schema_version=1,
        state=aggregate.state(),
        etag=etag,
        unique_keys=aggregate.unique_keys() if etag is None else (),
    )


def node(
    partition: Partition,
    trace_id: str,
    id: str,
    causation_id: str | None = None,
    occurred_at: str = "2026-05-06T07:08:09Z",
    details: dict[str, Any] | None = None,
) -> TraceNode:
    return TraceNode(
        id=id,
        type="TicketOpened",
        scope="domain",
        tenant_id=partition.tenant_id,
        project_id=partition.project_id,
        trace_id=trace_id,
        correlation_id="corr-1",
        causation_id=causation_id,
        occurred_at=occurred_at,
        actor="ada@example.org",
        details=details or {},
    )


def journal(
    partition: Partition,
    command_id: str | None = None,
    *,
    messages: tuple[Message, ...] = (),
    trace: tuple[TraceNode, ...] = (),
    rejection: str | None = None,
    pending: bool = True,
) -> Journal:
    command_id = command_id or new_id()
    # Two journals of one command differ, so that a test can tell whose it was given.
    reply = {"commandId": command_id, "events": [], "nonce": uuid.uuid4().hex}
    outcome = Outcome(command_id, "OpenTicket", "sha256:0", rejection, reply)
    return Journal(partition, outcome, messages, trace, pending)


def transaction(partition: Partition, *records: Record, command_id: str | None = None) -> Transaction:
    return Transaction(journal(partition, command_id), records)


def soon() -> datetime:
    """Later than anything committed so far."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + 60, UTC)


async def pending_of(store: AnyStore, partition: Partition, before: datetime | None = None) -> list[Journal]:
    found = [one async for one in store.unpublished(before or soon())]
    return [one for one in found if one.partition == partition]
