"""Microsoft Defender's findings as Azure Resource Graph shows them, a page at a time."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from infra.local.azure_devops import clock
from infra.local.container_registry import images, scans
from infra.local.container_registry.graph_query import ASSESSMENTS, Query, UnknownQuery, read_query
from infra.local.container_registry.registry import Registry
from infra.local.container_registry.routing import Call, Route
from infra.local.container_registry.scans import Scan
from infra.local.emulation.state import Json

PATH = "/providers/Microsoft.ResourceGraph/resources"

_ASSESSMENT = "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5"
_NAMESPACE = uuid.UUID("0d3f6c0e-6a8b-5b0e-9a55-6e5f4f6a2c11")
_RESOURCE_TYPE = "AzureContainerRegistryVulnerability"
_SCORES = {"critical": 9.8, "high": 8.1, "medium": 5.4, "low": 3.1}
_LARGEST_PAGE = 1000
# What the service tells of its quota, on every answer.
_QUOTA = {"x-ms-user-quota-remaining": "14", "x-ms-user-quota-resets-after": "00:00:05"}


class InvalidRequest(Exception):
    """What the caller has to correct."""


async def resources(call: Call) -> web.StreamResponse:
    try:
        body = await _body(call)
        query = read_query(str(body.get("query", "")))
        top, after = _options(body.get("options") or {})
    except (InvalidRequest, UnknownQuery) as error:
        return web.json_response(_error(str(error)), status=400)
    rows = _rows(call.registry, query, str((body.get("subscriptions") or [uuid.UUID(int=0)])[0]))
    rest = [row for row in rows if after is None or _position(row, query) > after]
    page = rest[:top]
    answer: Json = {
        "totalRecords": len(rows),
        "count": len(page),
        "data": page,
        "facets": [],
        "resultTruncated": "false",
    }
    if len(rest) > top:
        answer["$skipToken"] = base64.urlsafe_b64encode(
            json.dumps(_position(page[-1], query)).encode()
        ).decode()
    return web.json_response(answer, headers=_QUOTA)


async def _body(call: Call) -> Json:
    if "api-version" not in call.request.query:
        raise InvalidRequest("The api-version query parameter is required.")
    try:
        body = json.loads(await call.request.read())
    except ValueError as error:
        raise InvalidRequest("The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be an object.")
    return body


def _options(options: Json) -> tuple[int, list[str] | None]:
    top = options.get("$top", _LARGEST_PAGE)
    if not isinstance(top, int) or not 0 < top <= _LARGEST_PAGE:
        raise InvalidRequest(f"$top must be between 1 and {_LARGEST_PAGE}.")
    token = options.get("$skipToken")
    if not token:
        return top, None
    try:
        position = json.loads(base64.urlsafe_b64decode(str(token)))
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest("The $skipToken is not valid.") from error
    return top, [str(part) for part in position]


def _position(row: Json, query: Query) -> list[str]:
    """Where a row stands; a page goes on after it even if rows have come or gone meanwhile."""
    values = {"timeGenerated": row["properties"]["timeGenerated"], "id": row["id"]}
    return [values[name] for name in query.order]


def _rows(registry: Registry, query: Query, subscription: str) -> list[Json]:
    if query.type not in (None, ASSESSMENTS) or query.assessed not in (None, _RESOURCE_TYPE):
        return []
    rows: list[Json] = []
    for scan in scans.done(registry, query.repository):
        wanted = query.digests is None or scan.digest in query.digests
        if wanted and query.wants_time(_moment(scan.done)):
            found: list[Json | None] = [*scan.findings] or [None]
            rows += [_row(registry, scan, finding, subscription) for finding in found]
    return sorted(rows, key=lambda row: _position(row, query))


def _row(registry: Registry, scan: Scan, finding: Json | None, subscription: str) -> Json:
    cve = str(finding["cveId"]) if finding else ""
    name = str(uuid.uuid5(_NAMESPACE, f"{scan.repository}@{scan.digest}/{cve}"))
    owner = f"/subscriptions/{subscription}/resourceGroups/local/providers"
    scope = f"{owner}/Microsoft.ContainerRegistry/registries/local/providers"
    return {
        "id": f"{scope}/Microsoft.Security/assessments/{_ASSESSMENT}/subAssessments/{name}",
        "name": name,
        "type": ASSESSMENTS,
        "properties": {
            "id": cve or name,
            "displayName": cve or "No vulnerabilities found",
            "status": _status(finding),
            "timeGenerated": clock.render(_moment(scan.done)),
            "additionalData": {
                "assessedResourceType": _RESOURCE_TYPE,
                "artifactDetails": {
                    "registryHost": registry.host,
                    "repositoryName": scan.repository,
                    "digest": scan.digest,
                    "tags": images.tags(registry, scan.repository, scan.digest),
                    "lastPushedToRegistryUTC": clock.render(_moment(scan.pushed)),
                },
                "vulnerabilityDetails": _details(finding) if finding else {},
            },
        },
    }


def _status(finding: Json | None) -> Json:
    if finding is None:
        return {"code": "Healthy", "severity": "None", "cause": ""}
    if finding["exempt"]:
        return {"code": "NotApplicable", "severity": finding["severity"], "cause": "Exempt"}
    return {"code": "Unhealthy", "severity": finding["severity"], "cause": ""}


def _details(finding: Json) -> Json:
    return {
        "cveId": finding["cveId"],
        "severity": finding["severity"],
        "cvss": {"3.0": {"base": _SCORES.get(str(finding["severity"]).lower(), 0.0)}},
        "publishedDate": "2025-01-01T00:00:00.0000000Z",
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _error(message: str) -> dict[str, Any]:
    details = [{"code": "InvalidQuery", "message": message}]
    return {"error": {"code": "BadRequest", "message": message, "details": details}}


ROUTES = [Route("POST", PATH, resources)]
