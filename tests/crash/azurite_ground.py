"""The ground over table storage: what was prepared in memory, written to tables of its own in Azurite."""

import uuid
from dataclasses import dataclass, field, fields

from adapters.table_storage import TableStorageStore
from domain.catalogue import catalogue
from domain.kernel.journal import Journal, Outcome, Transaction
from domain.kernel.work import Record
from tests.adapters.fault_proxy import FaultProxy
from tests.crash.ground import Ground
from tests.crash.process import Process
from tests.crash.wire import Wire
from tests.domain.world import Clock


@dataclass
class Tables:
    """Names of tables that nobody else has, and how to reach them."""

    connection_string: str
    unique: str = field(default_factory=lambda: uuid.uuid4().hex[:20])

    def store(self, clock: Clock, proxy: FaultProxy | None = None) -> TableStorageStore:
        """An adapter as a process of its own has it."""
        address = self.connection_string
        if proxy is not None:
            address = address.replace(proxy.target, proxy.url)
        return TableStorageStore(
            address,
            table=f"p{self.unique}",
            trace_table=f"t{self.unique}",
            container=f"c-{self.unique}",
            now=clock.now,
        )


@dataclass
class AzuriteGround(Ground):
    """Broker and Git host stay in memory; each process has a store adapter of its own."""

    tables: Tables = field(kw_only=True)
    proxy: FaultProxy = field(kw_only=True)
    opened: list[TableStorageStore] = field(default_factory=list, kw_only=True)

    @classmethod
    async def like(cls, memory: Ground, connection_string: str, proxy: FaultProxy) -> "AzuriteGround":
        """The same aggregates, with the same versions, in one transaction."""
        tables = Tables(connection_string)
        store = tables.store(memory.clock)
        records = [
            Record(
                one.kind,
                one.id,
                one.aggregate_version,
                one.schema_version,
                one.state(),
                None,
                one.unique_keys(),
            )
            for kind in catalogue().aggregates.values()
            for one in [
                loaded.aggregate for loaded in (await memory.store.page(memory.partition, kind, 50)).items
            ]
        ]
        nothing = Outcome("cmd-before", "Prepare", "", None, {})
        await store.commit(Transaction(Journal(memory.partition, nothing, (), (), False), tuple(records)))
        inherited = {one.name: getattr(memory, one.name) for one in fields(Ground)} | {"store": store}
        return cls(**inherited, tables=tables, proxy=proxy, opened=[store])

    def process(self, *, under_fault: bool = False) -> Process:
        store = self.tables.store(self.clock, self.proxy if under_fault else None)
        self.opened.append(store)
        process = Process(store, self.broker, self.ports, self.clock)
        if under_fault:
            self.wire = Wire.through(self.proxy, process)
        return process

    async def close(self) -> None:
        for store in self.opened:
            await store.close()
