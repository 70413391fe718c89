"""HTTP requests and messages as the Functions platform hands them over."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import azure.functions as func

MACHINE_KEY = "a key that every machine role comes with"


def request(
    method: str = "POST",
    *,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    route: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    key: str | None = MACHINE_KEY,
    path: str = "",
) -> func.HttpRequest:
    """Route values default to one tenant's project; header names arrive in lower case. Without an
    Authorization a machine calls with its key. `path` is below the API's address."""
    credential = {} if key is None or "Authorization" in (headers or {}) else {"x-functions-key": key}
    return func.HttpRequest(
        method=method,
        url=f"http://localhost/api{path}",
        headers={name.lower(): value for name, value in (credential | dict(headers or {})).items()},
        params=dict(query or {}),
        route_params={"tenantId": "acme", "projectId": "booking"} | dict(route or {}),
        body=body,
    )


def message(
    body: Mapping[str, Any] | bytes | str,
    properties: Mapping[str, object] | None = None,
    *,
    message_id: str = "message-1",
    sent: datetime | None = None,
) -> func.ServiceBusMessage:
    """`sent` is when the broker took it in; `properties` are the sender's."""
    if isinstance(body, str):
        raw = body.encode()
    else:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given_id, given_properties = message_id, dict(properties or {})

    class Message(func.ServiceBusMessage):
        """The library's is abstract; the worker's own has the same."""

        message_id = given_id
        application_properties = given_properties
        enqueued_time_utc = sent
        delivery_count = 1

        def get_body(self) -> bytes:
            return raw

    return Message()
