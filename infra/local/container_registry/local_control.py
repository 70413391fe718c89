"""What tests ask of the registry itself: deliveries, scan results, where its webhook goes."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from infra.local.container_registry import scans
from infra.local.container_registry.errors import invalid
from infra.local.container_registry.names import Digest, checked_repository
from infra.local.container_registry.registry import Receiver
from infra.local.container_registry.routing import Call, Route


async def _get_deliveries(call: Call) -> web.Response:
    found = call.registry.state.list("delivery")
    return web.json_response({"count": len(found), "value": found})


async def _set_webhook(call: Call) -> web.Response:
    """For the life of the process; without a URL there are no webhooks any more."""
    body = await _object(call)
    url, authorization = body.get("url"), body.get("authorization")
    call.registry.receiver = Receiver(str(url), authorization) if url else None
    return web.Response(status=204)


async def _get_scans(call: Call) -> web.Response:
    done = [
        {"repository": scan.repository, "digest": scan.digest, "findings": scan.findings}
        for scan in scans.done(call.registry)
    ]
    return web.json_response({"scanned": done, "injected": scans.injected(call.registry)})


async def _put_scans(call: Call) -> web.Response:
    body = await _object(call)
    repository = checked_repository(str(body.get("repository", "")))
    digest = str(Digest.parse(str(body["digest"]))) if body.get("digest") else None
    findings = body.get("findings") or []
    if not isinstance(findings, list):
        raise invalid("findings must be a list")
    read = [_finding(finding) for finding in findings]
    scans.inject(call.registry, repository, digest, read, never=body.get("never") is True)
    return web.Response(status=204)


async def _clear_scans(call: Call) -> web.Response:
    scans.clear(call.registry)
    return web.Response(status=204)


def _finding(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not body.get("cveId") or not body.get("severity"):
        raise invalid("a finding has a cveId and a severity")
    return {
        "cveId": str(body["cveId"]),
        "severity": str(body["severity"]),
        "exempt": body.get("exempt") is True,
    }


async def _json(call: Call) -> Any:
    try:
        return json.loads(await call.request.read())
    except ValueError as error:
        raise invalid("the body is not valid JSON") from error


async def _object(call: Call) -> dict[str, Any]:
    body = await _json(call)
    if not isinstance(body, dict):
        raise invalid("the body must be an object")
    return body


ROUTES = [
    Route("GET", "/_local/deliveries", _get_deliveries),
    Route("PUT", "/_local/webhook", _set_webhook),
    Route("GET", "/_local/scans", _get_scans),
    Route("PUT", "/_local/scans", _put_scans),
    Route("DELETE", "/_local/scans", _clear_scans),
]
