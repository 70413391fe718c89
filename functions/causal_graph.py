"""A trace as a causal graph: nodes and edges, and the same as Mermaid text."""

from collections.abc import Sequence
from typing import Any

from domain.kernel.journal import TraceNode
from domain.sealing import integration_id


def causal_graph(trace_id: str, nodes: Sequence[TraceNode]) -> dict[str, Any]:
    """`{traceId, nodes, edges, roots, missing}`; an edge goes from cause to effect.

    `missing` names causes that this trace does not hold: they lie in another trace, or are not indexed yet.
    """
    # A consumer elsewhere may name a fact by its integration copy: both ids mean the same node.
    known = {node.id: node.id for node in nodes}
    known |= {integration_id(node.id): node.id for node in nodes if node.scope == "domain"}
    edges, roots, missing = [], [], set()
    for node in nodes:
        if node.causation_id is None:
            roots.append(node.id)
        elif node.causation_id in known:
            edges.append({"from": known[node.causation_id], "to": node.id})
        else:
            roots.append(node.id)
            missing.add(node.causation_id)
    return {
        "traceId": trace_id,
        "nodes": [_node(node) for node in nodes],
        "edges": edges,
        "roots": roots,
        "missing": sorted(missing),
    }


def _node(node: TraceNode) -> dict[str, Any]:
    return {
        "id": node.id,
        "type": node.type,
        "scope": node.scope,
        "projectId": node.project_id,
        "correlationId": node.correlation_id,
        "causationId": node.causation_id,
        "occurredAt": node.occurred_at,
        "actor": node.actor,
        **node.details,
    }


def mermaid(graph: dict[str, Any]) -> str:
    """`flowchart LR` text: commands as rounded boxes, facts as boxes, refused commands marked."""
    names = {node["id"]: f"n{number}" for number, node in enumerate(graph["nodes"])}
    lines = ["flowchart LR"]
    for node in graph["nodes"]:
        label = f"{_escaped(node['type'])}<br/>{_escaped(node['occurredAt'])}"
        if reason := node.get("reason"):
            label += f"<br/>rejected: {_escaped(reason)}"
        left, right = ('["', '"]') if node["scope"] == "domain" else ('(["', '"])')
        lines.append(f"    {names[node['id']]}{left}{label}{right}")
    lines += [f"    {names[edge['from']]} --> {names[edge['to']]}" for edge in graph["edges"]]
    rejected = [names[node["id"]] for node in graph["nodes"] if node.get("reason")]
    if rejected:
        lines += ["    classDef rejected stroke:#c00,color:#c00", f"    class {','.join(rejected)} rejected"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Mermaid takes entity codes for the characters that would end a label or begin HTML in it."""
    codes = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;"}
    return " ".join("".join(codes.get(character, character) for character in text).split())
