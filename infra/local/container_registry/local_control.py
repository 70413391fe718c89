"""What tests ask of the registry itself: faults, deliveries, scan results, counted requests."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from infra.local.azure_devops.errors import ApiError
from infra.local.container_registry import scans
from infra.local.container_registry.errors import OciError
from infra.local.container_registry.names import Digest, checked_repository
from infra.local.container_registry.registry import Receiver
from infra.local.container_registry.routing import Call, Route

REQUEST_MODES = frozenset({"429", "503", "500", "slow", "cut-before", "cut-after-commit"})
HOOK_MODES = frozenset({"duplicate-hook", "reorder-hooks", "drop-hook"})


async def _get_faults(call: Call) -> web.Response:
    return web.json_response(call.registry.faults.render())


async def _add_faults(call: Call) -> web.Response:
    body = await _json(call)
    rules = body.get("rules") if isinstance(body, dict) else body
    if not isinstance(rules, list):
        raise _invalid("the body must be a list of rules")
    for rule in rules:
        if not isinstance(rule, dict) or rule.get("mode") not in REQUEST_MODES | HOOK_MODES:
            raise _invalid(f"unknown fault {rule!r}")
    try:
        call.registry.faults.add(rules)
    except ApiError as error:
        raise _invalid(error.message) from error
    return web.json_response(call.registry.faults.render())


async def _clear_faults(call: Call) -> web.Response:
    call.registry.faults.clear()
    return web.Response(status=204)


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
        raise _invalid("findings must be a list")
    read = [_finding(finding) for finding in findings]
    scans.inject(call.registry, repository, digest, read, never=body.get("never") is True)
    return web.Response(status=204)


async def _clear_scans(call: Call) -> web.Response:
    scans.clear(call.registry)
    return web.Response(status=204)


async def _get_requests(call: Call) -> web.Response:
    return web.json_response(call.registry.requests.render())


async def _clear_requests(call: Call) -> web.Response:
    call.registry.requests.clear()
    return web.Response(status=204)


def _finding(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not body.get("cveId") or not body.get("severity"):
        raise _invalid("a finding has a cveId and a severity")
    return {
        "cveId": str(body["cveId"]),
        "severity": str(body["severity"]),
        "exempt": body.get("exempt") is True,
    }


async def _json(call: Call) -> Any:
    try:
        return json.loads(await call.request.read())
    except ValueError as error:
        raise _invalid("the body is not valid JSON") from error


async def _object(call: Call) -> dict[str, Any]:
    body = await _json(call)
    if not isinstance(body, dict):
        raise _invalid("the body must be an object")
    return body


def _invalid(message: str) -> OciError:
    return OciError(400, "INVALID", message)


ROUTES = [
    Route("GET", "/_local/faults", _get_faults),
    Route("POST", "/_local/faults", _add_faults),
    Route("DELETE", "/_local/faults", _clear_faults),
    Route("GET", "/_local/deliveries", _get_deliveries),
    Route("PUT", "/_local/webhook", _set_webhook),
    Route("GET", "/_local/scans", _get_scans),
    Route("PUT", "/_local/scans", _put_scans),
    Route("DELETE", "/_local/scans", _clear_scans),
    Route("GET", "/_local/requests", _get_requests),
    Route("DELETE", "/_local/requests", _clear_requests),
]
