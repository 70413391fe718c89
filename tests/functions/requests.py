"""HTTP requests as the Functions platform hands them over."""

from collections.abc import Mapping

import azure.functions as func


def request(
    method: str = "POST",
    *,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    route: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> func.HttpRequest:
    """Route values default to one tenant's project; header names arrive in lower case."""
    return func.HttpRequest(
        method=method,
        url="http://localhost/api",
        headers={name.lower(): value for name, value in (headers or {}).items()},
        params=dict(query or {}),
        route_params={"tenantId": "acme", "projectId": "booking"} | dict(route or {}),
        body=body,
    )
