"""Refusals as Kubernetes Status objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.emulation.refusal import Refusal, Refusals
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """What is wrong with one field; reason is FieldValueInvalid, FieldValueRequired and the like."""

    field: str
    reason: str
    message: str

    def render(self) -> Json:
        return {"reason": self.reason, "message": self.message, "field": self.field}


class StatusError(Refusal):
    """An HTTP status with a reason that clients act upon."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code, message, headers)
        self.code = code
        self.reason = reason
        self.details = details or {}

    def body(self) -> Json:
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        return {**status, "details": self.details} if self.details else status


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def no_such_path() -> StatusError:
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> StatusError:
    return StatusError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def not_found(resource: Resource, name: str) -> StatusError:
    return StatusError(
        404,
        "NotFound",
        f'{resource.qualified} "{name}" not found',
        details=_about(resource.plural, resource, name),
    )


def already_exists(resource: Resource, name: str) -> StatusError:
    return StatusError(
        409,
        "AlreadyExists",
        f'{resource.qualified} "{name}" already exists',
        details=_about(resource.plural, resource, name),
    )


def conflict(resource: Resource, name: str, why: str = "") -> StatusError:
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}',
        details=_about(resource.plural, resource, name),
    )


def apply_conflict(causes: Sequence[Cause]) -> StatusError:
    """Fields of a server-side apply that others own."""
    if len(causes) == 1:
        said = f"1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        fields: dict[str, list[str]] = {}
        for cause in causes:
            fields.setdefault(cause.message.replace("conflict", "conflicts", 1), []).append(
                f"- {cause.field}"
            )
        lines = [line for head, found in fields.items() for line in (f"{head}:", *found)]
        said = f"{len(causes)} conflicts: " + "\n".join(lines)
    return StatusError(
        409,
        "Conflict",
        f"Apply failed with {said}",
        details={"causes": [cause.render() for cause in causes]},
    )


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> StatusError:
    said = [f"{cause.field}: {cause.message}" for cause in causes]
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = _about(resource.kind, resource, name)
    return StatusError(
        422,
        "Invalid",
        f'{kind} "{name}" is invalid: {said[0] if len(said) == 1 else "[" + ", ".join(said) + "]"}',
        details={**details, "causes": [cause.render() for cause in causes]},
    )


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str) -> StatusError:
    return StatusError(
        403,
        "Forbidden",
        f'{resource.qualified} "{name}" is forbidden: {why}',
        details=_about(resource.plural, resource, name),
    )


def expired(message: str) -> StatusError:
    return StatusError(410, "Expired", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    return StatusError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted),
    )


def throttled(retry_after: float) -> StatusError:
    return StatusError(
        429,
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
        details={"retryAfterSeconds": max(1, round(retry_after))},
        headers={"Retry-After": f"{retry_after:g}"},
    )


def unavailable() -> StatusError:
    return StatusError(503, "ServiceUnavailable", "the server is currently unable to handle the request")


def broken() -> StatusError:
    return StatusError(
        500, "InternalError", "an error on the server has prevented the request from succeeding"
    )


REFUSALS = Refusals(bad_request, throttled, lambda _: unavailable(), broken)


def _about(kind: str, resource: Resource, name: str) -> Json:
    return {"name": name, **({"group": resource.group} if resource.group else {}), "kind": kind}
