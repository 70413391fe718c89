"""Refusals in Resource Manager's form: an error object with a code."""

from __future__ import annotations

from typing import Any

from infra.local.emulation.refusal import Refusal, Refusals


class ArmError(Refusal):
    """An HTTP status and a coded error, which may hold more of them."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.details = details or []

    def error(self) -> dict[str, Any]:
        more = {"details": self.details} if self.details else {}
        return {"code": self.code, "message": self.message, **more}

    def body(self) -> dict[str, Any]:
        return {"error": self.error()}


def unauthorized() -> ArmError:
    return ArmError(
        401,
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def throttled(retry_after: float) -> ArmError:
    headers = {"Retry-After": f"{retry_after:g}"}
    return ArmError(429, "TooManyRequests", "The request was throttled.", headers=headers)


def unavailable(retry_after: float) -> ArmError:
    headers = {"Retry-After": f"{retry_after:g}"}
    return ArmError(503, "ServiceUnavailable", "The service is unavailable.", headers=headers)


def broken() -> ArmError:
    return ArmError(500, "InternalServerError", "There is an internal error.")


def invalid_request(message: str) -> ArmError:
    return ArmError(400, "InvalidRequestContent", message)


REFUSALS = Refusals(invalid_request, throttled, unavailable, broken)


def invalid_template(message: str) -> ArmError:
    return ArmError(400, "InvalidTemplate", f"Deployment template validation failed: '{message}'")


def group_not_found(name: str) -> ArmError:
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def deployment_not_found(name: str) -> ArmError:
    return ArmError(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")


def deployment_active(name: str) -> ArmError:
    return ArmError(
        409,
        "DeploymentActive",
        f"Unable to edit or replace deployment '{name}': previous deployment is still active.",
    )
