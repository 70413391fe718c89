"""One HTTP answer of the service, read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.waiting import read_retry_after


@dataclass(frozen=True)
class Answer:
    """`retry_after` is in seconds; `sign_in` says why this is a refused credential, where it is one."""

    status: int
    body: Any
    retry_after: float | None = None
    sign_in: str | None = None
    continuation: str | None = None

    @property
    def reason(self) -> str:
        fields = self.body if isinstance(self.body, dict) else {}
        return str(fields.get("message") or f"status {self.status}")


def read_answer(status: int, headers: Mapping[str, str], raw: bytes) -> Answer:
    """Whatever came back; what should be JSON and isn't has the body None."""
    try:
        body = json.loads(raw) if raw else None
        is_json = True
    except ValueError:
        body, is_json = None, False
    return Answer(
        status=status,
        body=body,
        retry_after=read_retry_after(headers.get("Retry-After")),
        sign_in=_sign_in(status, is_json),
        continuation=headers.get("x-ms-continuationtoken"),
    )


def _sign_in(status: int, is_json: bool) -> str | None:
    if status == 401:
        return "401"
    if 300 <= status < 400:
        return f"{status}, a redirect to its sign-in page"
    # The service shows its sign-in page as a 203, and proxies show theirs as a 200.
    if status < 300 and not is_json:
        return f"{status} with a page in place of JSON"
    return None
