"""The trace index: one partition a trace, one row a node, so that a trace of any length is one query."""

from collections.abc import Sequence

from adapters.table_storage.claim_check import ClaimCheck
from adapters.table_storage.codec import in_causal_order, node_from_json, node_to_json
from adapters.table_storage.keys import node_row, trace_key
from adapters.table_storage.rows import Columns, Row
from adapters.table_storage.table import Table
from domain.ports import Journal, TraceNode


class Traces:
    """Nodes by trace."""

    def __init__(self, table: Table, claims: ClaimCheck) -> None:
        self._table, self._claims = table, claims

    async def add(self, journal: Journal) -> None:
        """Index a journal's nodes; again is the same."""
        by_trace: dict[str, dict[str, Row]] = {}
        for position, node in enumerate(journal.trace):
            key = trace_key(node.tenant_id, node.trace_id)
            columns: Columns = {"position": position, "type": node.type}
            row = Row(key, node_row(node.id), columns, {"node": node_to_json(node)})
            by_trace.setdefault(key, {})[row.row_key] = row
        for nodes in by_trace.values():
            rows = list(nodes.values())
            for row in rows:
                await self._claims.move_out(journal.partition, [row])
            await self._table.put(rows)

    async def of(self, tenant_id: str, trace_id: str) -> Sequence[TraceNode]:
        nodes = []
        async for row in self._table.range(trace_key(tenant_id, trace_id), "node|"):
            nodes.append((int(row["position"]), node_from_json(await self._claims.text(row, "node"))))
        return in_causal_order(nodes)
