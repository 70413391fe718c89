"""Refusals in the service's form: the status again as `code`, and a message that begins with its name."""

from __future__ import annotations

from typing import Any

from infra.local.emulation.refusal import Refusal, Refusals


class ApiError(Refusal):
    def body(self) -> dict[str, Any]:
        return {"code": self.status, "message": self.message}


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized: No credentials provided or are invalid.")


def bad_request(message: str) -> ApiError:
    return ApiError(400, f"Bad Request: {message}")


def not_found(what: str) -> ApiError:
    return ApiError(404, f"Not Found: {what} not found")


def conflict(message: str) -> ApiError:
    return ApiError(409, f"Conflict: {message}")


def throttled(retry_after: float) -> ApiError:
    return ApiError(429, "Too Many Requests: rate limit exceeded", {"Retry-After": f"{retry_after:g}"})


def unavailable(retry_after: float) -> ApiError:
    return ApiError(
        503, "Service Unavailable: the service is down for maintenance", {"Retry-After": f"{retry_after:g}"}
    )


def broken() -> ApiError:
    return ApiError(500, "Internal Server Error")


REFUSALS = Refusals(bad_request, throttled, unavailable, broken)
UPDATE_IN_PROGRESS = "Another update is currently in progress."


class OperationFailed(Exception):
    """Ends a deployment as failed; the message is a line of its log."""
