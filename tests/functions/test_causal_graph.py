"""A trace as a graph, and as Mermaid text that any label leaves intact."""

from typing import Any

import pytest

from domain.kernel.journal import TraceNode
from domain.sealing import integration_id
from functions.causal_graph import causal_graph, mermaid


def node(
    id: str, cause: str | None = None, scope: str = "domain", kind: str = "Kind", **details: Any
) -> TraceNode:
    return TraceNode(
        id=id,
        type=kind,
        scope=scope,
        tenant_id="acme",
        project_id="booking",
        trace_id="trace-1",
        correlation_id="corr-1",
        causation_id=cause,
        occurred_at="2026-06-11T18:22:05Z",
        actor="ada",
        details=details,
    )


def test_edges_go_from_cause_to_effect() -> None:
    graph = causal_graph("trace-1", [node("cmd-1"), node("evt-1", "cmd-1"), node("cmd-2", "evt-1")])
    assert graph["traceId"] == "trace-1"
    assert graph["edges"] == [{"from": "cmd-1", "to": "evt-1"}, {"from": "evt-1", "to": "cmd-2"}]
    assert (graph["roots"], graph["missing"]) == (["cmd-1"], [])


def test_a_node_shows_whose_it_is_and_its_details() -> None:
    (shown,) = causal_graph("trace-1", [node("evt-1", aggregateId="repo-1")])["nodes"]
    assert shown == {
        "id": "evt-1",
        "type": "Kind",
        "scope": "domain",
        "projectId": "booking",
        "correlationId": "corr-1",
        "causationId": None,
        "occurredAt": "2026-06-11T18:22:05Z",
        "actor": "ada",
        "aggregateId": "repo-1",
    }


def test_a_cause_that_the_trace_does_not_hold_is_missing_and_its_effect_a_root() -> None:
    nodes = [node("cmd-2", "evt-elsewhere"), node("cmd-3", "evt-elsewhere"), node("evt-2", "cmd-2")]
    graph = causal_graph("trace-1", nodes)
    assert graph["missing"] == ["evt-elsewhere"]
    assert graph["roots"] == ["cmd-2", "cmd-3"]


def test_who_names_a_fact_by_its_integration_copy_follows_from_the_fact() -> None:
    graph = causal_graph("trace-1", [node("evt-1"), node("cmd-2", integration_id("evt-1"), "command")])
    assert graph["edges"] == [{"from": "evt-1", "to": "cmd-2"}]
    assert graph["missing"] == []


def test_a_command_has_no_integration_copy() -> None:
    nodes = [node("cmd-1", scope="command"), node("cmd-2", integration_id("cmd-1"), "command")]
    assert causal_graph("trace-1", nodes)["missing"] == [integration_id("cmd-1")]


def test_an_empty_trace_is_an_empty_graph() -> None:
    graph = causal_graph("trace-1", [])
    assert (graph["nodes"], graph["edges"], graph["roots"], graph["missing"]) == ([], [], [], [])
    assert mermaid(graph) == "flowchart LR\n"


def test_facts_are_boxes_and_commands_rounded() -> None:
    nodes = [
        node("cmd-1", None, "command", "ProvisionRepository"),
        node("evt-1", "cmd-1", kind="RepositoryProvisioned"),
    ]
    assert mermaid(causal_graph("trace-1", nodes)) == (
        "flowchart LR\n"
        '    n0(["ProvisionRepository<br/>2026-06-11T18:22:05Z"])\n'
        '    n1["RepositoryProvisioned<br/>2026-06-11T18:22:05Z"]\n'
        "    n0 --> n1\n"
    )


def test_a_refused_command_is_marked_with_its_reason() -> None:
    drawn = mermaid(causal_graph("trace-1", [node("cmd-1", None, "command", reason="policy has not passed")]))
    assert "<br/>rejected: policy has not passed" in drawn
    assert "    class n0 rejected\n" in drawn
    assert "classDef rejected" in drawn


@pytest.mark.parametrize(
    "reason",
    [
        'branch "x" exists',
        "two\nlines",
        "two\r\nlines",
        "line\u2028separator",
        "a #quot; b",
        '"]); click n0 "javascript:alert(1)',
        "<img src=x onerror=alert(1)>",
        "a & b &lt; c",
    ],
)
def test_whatever_a_reason_says_it_stays_inside_its_label(reason: str) -> None:
    def drawn(said: str) -> list[str]:
        nodes = [node("cmd-1", None, "command", reason=said), node("evt-1", "cmd-1")]
        return mermaid(causal_graph("trace-1", nodes)).splitlines()

    lines = drawn(reason)
    assert len(lines) == len(drawn("no"))
    (label,) = [line for line in lines if line.startswith("    n0(")]
    inside = label.removeprefix('    n0(["').removesuffix('"])')
    assert len(label) == len(inside) + len('    n0(["') + len('"])')
    said = inside.rpartition("rejected: ")[2]
    assert not set(said) & set('"<>\n\r\u2028\u2029')
