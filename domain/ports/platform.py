"""Where the platform keeps its state and what it says: aggregates, messages, blobs."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from domain.kernel.aggregate import Aggregate
from domain.kernel.envelope import Message
from domain.kernel.journal import Committed, Journal, Page, TraceNode, Transaction
from domain.kernel.work import Partition, Reader
from domain.provided import (
    BlobHandle,
)


class Store(Reader, Protocol):
    """Aggregates, the command journal, the outbox and the trace index."""

    async def commit(self, transaction: Transaction) -> Committed:
        """Write it all at once, unless this command has committed before.

        Raises `Rejected` with the key's sentence where a unique name is taken, `Conflict` where an aggregate
        changed since it was read, `Unavailable` where the outcome could not be established.
        """

    async def handled(self, partition: Partition, command_id: str) -> Journal | None:
        """The journal row of a command, if it has been handled; `pending` is looked up too."""

    async def settle(self, journal: Journal) -> None:
        """Index the trace, then delete the outbox row: the messages are out."""

    def unpublished(self, committed_before: datetime) -> AsyncIterator[Journal]:
        """What a crash or an absent broker left behind, oldest first as far as is known."""

    async def page[A: Aggregate](
        self, partition: Partition, kind: type[A], size: int, after: str | None = None
    ) -> Page[A]:
        """Aggregates of a kind in the order of their ids. Raises `Invalid` for a token it did not give."""

    async def trace(self, tenant_id: str, trace_id: str) -> Sequence[TraceNode]:
        """Every node of a trace in the order of time; empty where there is none."""

    async def receive(self, journal: Journal, raw: str) -> Committed:
        """Take in what the outside sent, once per command id, with its raw form beside the journal row."""

    async def mark(self, partition: Partition, name: str) -> datetime | None:
        """How far a periodic task of a partition has come; None before its first time."""

    async def set_mark(self, partition: Partition, name: str, moment: datetime) -> None:
        """Remember how far it has come."""

    def partitions(self) -> AsyncIterator[Partition]:
        """Every partition that ever committed something."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the store does not answer."""


class Broker(Protocol):
    """Topics and queues."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send, batched per destination and in order. Raises `Unavailable`; some may have been sent then."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the broker does not answer."""


class BlobStore(Protocol):
    """Logs and artifacts. What is stored is proved by its checksum and never changes."""

    async def put(self, partition: Partition, name: str, content: AsyncIterator[bytes]) -> BlobHandle:
        """Store under a name, or find the same content there. Raises `Rejected` where other content is."""

    def read(self, partition: Partition, blob: BlobHandle) -> AsyncIterator[bytes]:
        """The content; raises `Rejected` at its end where the checksum is not the stored one."""

    async def ping(self) -> None:
        """Raises `Unavailable` where the store does not answer."""
