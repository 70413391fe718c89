"""The trace index: one partition a trace, one row a command, so that a trace of any length is one query."""

from collections.abc import Sequence

from adapters.codec import in_causal_order, nodes_from_json, nodes_to_json
from adapters.table_storage.claim_check import ClaimCheck
from adapters.table_storage.keys import trace_key, trace_row
from adapters.table_storage.rows import Row
from adapters.table_storage.table import Table
from domain.kernel.journal import Journal, TraceNode


class Traces:
    """Nodes by trace; a command and its facts share a row, which is written in one plain request."""

    def __init__(self, table: Table, claims: ClaimCheck) -> None:
        self._table, self._claims = table, claims

    async def add(self, journal: Journal) -> None:
        """Index a journal's nodes; again is the same."""
        by_trace: dict[str, list[tuple[int, TraceNode]]] = {}
        for place, node in enumerate(journal.trace):
            by_trace.setdefault(trace_key(node.tenant_id, node.trace_id), []).append((place, node))
        name = trace_row(journal.partition, journal.outcome.command_id)
        for key, nodes in by_trace.items():
            row = Row(key, name, {"command": journal.outcome.command}, {"nodes": nodes_to_json(nodes)})
            await self._claims.move_out(journal.partition, [row])
            await self._table.put([row])

    async def of(self, tenant_id: str, trace_id: str) -> Sequence[TraceNode]:
        nodes: list[tuple[int, TraceNode]] = []
        async for row in self._table.range(trace_key(tenant_id, trace_id), "command|"):
            nodes += nodes_from_json(await self._claims.text(row, "nodes"))
        return in_causal_order(nodes)
