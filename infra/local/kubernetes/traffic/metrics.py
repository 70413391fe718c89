"""Prometheus' query API, for the two metrics that a gate on a rollout asks for."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.traffic.endpoints import image_of, ready_pods

type Json = dict[str, Any]

_QUERY = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{([^{}]*)\}\s*)?")
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*')
ERROR_RATE, P95 = "error_rate", "request_duration_p95"


async def answer(cluster: Cluster, request: web.Request) -> web.Response:
    if request.path != "/prometheus/api/v1/query" or request.method not in ("GET", "POST"):
        return web.Response(status=404, text="404 page not found")
    form: Mapping[str, Any] = await request.post() if request.method == "POST" else request.query
    query = str(form.get("query", ""))
    parsed = _parsed(query)
    if parsed is None:
        said = f'invalid parameter "query": parse error in {query!r}'
        body = {"status": "error", "errorType": "bad_data", "error": said}
        return web.json_response(body, status=400)
    name, labels = parsed
    value = _value(cluster, name, labels)
    result: list[Json] = []
    if value is not None:
        result.append(
            {"metric": {"__name__": name, **labels}, "value": [round(time.time(), 3), f"{value:g}"]}
        )
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


def _parsed(query: str) -> tuple[str, dict[str, str]] | None:
    found = _QUERY.fullmatch(query)
    if not found:
        return None
    labels, rest = {}, found[2] or ""
    while rest.strip():
        matcher = _MATCHER.match(rest)
        if not matcher:
            return None
        labels[matcher[1]] = matcher[2]
        rest = rest[matcher.end() :]
        if rest and not rest.startswith(","):
            return None
        rest = rest[1:]
    return found[1], labels


def _value(cluster: Cluster, name: str, labels: Mapping[str, str]) -> float | None:
    """Of the error rates the mean over the ready pods, of the durations the slowest; None without any."""
    pods = ready_pods(cluster, labels.get("namespace", ""), labels.get("service", ""))
    if not pods or set(labels) != {"namespace", "service"}:
        return None
    behaviours = [cluster.images.behaviour(image_of(pod)) for pod in pods]
    if name == ERROR_RATE:
        return sum(behaviour.error_rate for behaviour in behaviours) / len(behaviours)
    if name == P95:
        return max(behaviour.p95 for behaviour in behaviours)
    return None
