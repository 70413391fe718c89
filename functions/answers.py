"""HTTP answers: RFC 9457 problems, each naming what is at fault, and never a 500 for bad input."""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import azure.functions as func

from domain.kernel.errors import Conflict, FieldError, Invalid, NotFound, Unavailable
from functions.callers import Forbidden, NotAuthenticated

log = logging.getLogger(__name__)

type HttpFunction = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def json_answer(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None, kind: str = "application/json"
) -> func.HttpResponse:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return func.HttpResponse(text, status_code=status, headers=dict(headers or {}), mimetype=kind)


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> func.HttpResponse:
    """`application/problem+json`; `detail` is the sentence for the person who reads it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return json_answer(body, status, headers, "application/problem+json")


def invalid(errors: Iterable[FieldError], status: int = 422) -> func.HttpResponse:
    named = [{"field": error.field, "problem": error.problem} for error in errors]
    detail = "; ".join(f"{error['field']}: {error['problem']}" for error in named)
    return problem(status, "The request is not valid", detail, errors=named)


def retry_later(reason: str, seconds: float | None) -> func.HttpResponse:
    return problem(503, "Try again", reason, headers={"Retry-After": str(max(1, round(seconds or 1)))})


def not_authenticated(error: NotAuthenticated) -> func.HttpResponse:
    """What was wrong with a credential is for our log alone."""
    log.info("not authenticated: %s", error)
    challenge = 'Bearer error="invalid_token"' if error.credential else "Bearer"
    detail = "an access token of Entra ID or a machine's key is needed, and valid"
    return problem(401, "Not authenticated", detail, headers={"WWW-Authenticate": challenge})


async def answered(function: HttpFunction, request: func.HttpRequest) -> func.HttpResponse:
    """Run an HTTP function; what it raises becomes the answer that says so."""
    try:
        return await function(request)
    except Invalid as error:
        return invalid(error.errors)
    except NotAuthenticated as error:
        return not_authenticated(error)
    except Forbidden as error:
        return problem(403, "Forbidden", str(error))
    except NotFound as error:
        return problem(404, "Not found", str(error))
    except Unavailable as error:
        log.warning("%s", error)
        return retry_later(str(error), error.retry_after)
    except Conflict:
        return retry_later("others keep changing the same aggregate", 1)
