"""Every command: one queue-triggered and one HTTP-triggered function each, named after it; every setting: the
HTTP-triggered one alone."""

import asyncio
import logging
import uuid
from datetime import datetime

import azure.functions as func

from domain.catalogue import catalogue
from domain.kernel.context import RUN_ORCHESTRATION, Handler, kebab, snake
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Conflict, FieldError, Invalid, NotFound, Unavailable
from domain.kernel.journal import Journal
from domain.kernel.values import Model, ProjectId, TenantId, derived_id, parse_json, timestamp, validated
from functions.answers import answered, invalid, json_answer, problem
from functions.bootstrap import now, platform
from functions.callers import Caller, Forbidden
from functions.roles import needed

log = logging.getLogger(__name__)
blueprint = func.Blueprint()

BODY_LIMIT = 16 * 1024 * 1024
"""bytes; a command with more in it belongs in several"""

# Where an envelope's field comes from in an HTTP request, for errors that name what the caller wrote.
_HEADERS = {
    "traceId": "X-Trace-Id",
    "correlationId": "X-Correlation-Id",
    "causationId": "X-Causation-Id",
    "moduleId": "X-Module-Id",
}
_KEY = "Idempotency-Key"


class _Route(Model):
    tenant_id: TenantId
    project_id: ProjectId


async def handle_message(message: func.ServiceBusMessage, expected: str | None) -> Journal:
    """The queue door: returning completes the message, raising sends it back and at last dead-letters it.

    `expected` is the queue's command; the queue without one takes observations, which only the app sends.
    """
    envelope = Envelope.parse(message.get_body())
    _require_expected(envelope, expected)
    delivery = message.delivery_count or 1
    try:
        caller = await platform().identity.of_message(message)
        _require_allowed(caller, envelope, expected)
        journal = await platform().dispatcher.dispatch(envelope, caller.actor, may_be_repeat=delivery > 1)
    except (Unavailable, Conflict, NotFound) as error:
        await asyncio.sleep(pause(error, delivery))
        raise
    if journal.outcome.rejection is not None:
        log.info("%s rejected: %s", envelope.event_id, journal.outcome.rejection)
    return journal


def _require_expected(envelope: Envelope, expected: str | None) -> None:
    if expected is not None and envelope.event_type != expected:
        raise Invalid([FieldError("eventType", f"this queue takes {expected}, not {envelope.event_type}")])
    handler = catalogue().handlers.get(envelope.event_type)
    if expected is None and (handler is None or not handler.is_observation):
        raise Invalid([FieldError("eventType", f"{envelope.event_type} is not a known observation")])


def _require_allowed(caller: Caller, envelope: Envelope, expected: str | None) -> None:
    """Raises `Forbidden`, for another tenant as well: on a queue nobody is answered."""
    name, tenant = caller.actor.name, envelope.tenant_id
    if expected is None and not caller.is_platform:
        raise Forbidden(f"{name} sent an observation, which only the platform itself may")
    if expected is not None and not caller.may(needed(expected), tenant):
        raise Forbidden(f"{name}: {needed(expected)} in tenant {tenant}")


def pause(error: Exception, delivery: int) -> float:
    """Seconds to keep a message before it goes back: it would return at once, and its ten deliveries be used
    up before whatever is missing is there. Its lock is renewed meanwhile."""
    longest = 2.0 if isinstance(error, NotFound) else 30.0
    asked = error.retry_after if isinstance(error, Unavailable) else None
    return min(asked or 0.25 * 2.0**delivery, longest)


def envelope_of(request: func.HttpRequest, handler: Handler, moment: datetime) -> Envelope:
    """The command's envelope from route, headers and body. Raises `Invalid`, naming what the caller wrote."""
    tenant_id, project_id = request.route_params["tenantId"], request.route_params["projectId"]
    key = request.headers.get(_KEY)
    if key is not None and not (0 < len(key) <= 200 and key.isprintable() and key.isascii()):
        raise Invalid([FieldError(_KEY, "must be 1 to 200 printable ASCII characters")])
    # A key names the command within its project; without one, every request is a command of its own.
    command_id = (
        f"cmd-{uuid.uuid4()}" if key is None else derived_id("cmd", tenant_id, project_id, handler.name, key)
    )
    payload = parse_json(request.get_body())
    wire = {
        "eventId": command_id,
        "eventType": handler.name,
        "tenantId": tenant_id,
        "projectId": project_id,
        "traceId": derived_id("trace", command_id),
        "correlationId": derived_id("corr", command_id),
        "occurredAt": timestamp(moment),
        "payload": payload,
    }
    wire |= {
        field: request.headers[header] for field, header in _HEADERS.items() if header in request.headers
    }
    try:
        return validated(Envelope, wire)
    except Invalid as error:
        raise Invalid(FieldError(_HEADERS.get(e.field, e.field), e.problem) for e in error.errors) from None


async def handle_request(request: func.HttpRequest, handler: Handler) -> func.HttpResponse:
    """The HTTP door. Who calls is settled before anything of the request counts."""
    caller = await platform().identity.of_request(request)
    caller.require(needed(handler.name), validated(_Route, dict(request.route_params)).tenant_id)
    if len(request.get_body()) > BODY_LIMIT:
        return invalid([FieldError("body", f"must not exceed {BODY_LIMIT} bytes")], status=413)
    envelope = envelope_of(request, handler, now())
    try:
        journal = await platform().dispatcher.dispatch(
            envelope, caller.actor, may_be_repeat=_KEY in request.headers
        )
    except Invalid as error:
        # The body of a request is the payload: its fields are named as the caller wrote them.
        raise Invalid(FieldError(e.field.removeprefix("payload."), e.problem) for e in error.errors) from None
    outcome = journal.outcome
    if outcome.rejection is not None:
        return problem(409, f"{handler.name} was rejected", outcome.rejection, **outcome.reply)
    return _accepted(journal, request)


def _accepted(journal: Journal, request: func.HttpRequest) -> func.HttpResponse:
    """202 where an orchestration goes on with it: the place tells how it stands."""
    reply = journal.outcome.reply
    goes_on = any(one.properties.get("cs-event-type") == RUN_ORCHESTRATION for one in journal.messages)
    if not goes_on or reply["aggregate"] is None:
        return json_answer(reply)
    kind = next(one for one in catalogue().aggregates.values() if one.kind == reply["aggregate"]["type"])
    place = f"{request.url.rpartition('/')[0]}/{kind.collection}/{reply['aggregate']['id']}"
    return json_answer({**reply, "statusUrl": place}, 202, {"Location": place, "Retry-After": "5"})


def _register_queue(handler: Handler) -> None:
    assert handler.queue is not None

    async def from_queue(message: func.ServiceBusMessage) -> None:
        await handle_message(message, handler.name)

    blueprint.function_name(snake(handler.name))(
        blueprint.service_bus_queue_trigger(
            arg_name="message", queue_name=handler.queue, connection="ServiceBus"
        )(from_queue)
    )


def _register_http(handler: Handler) -> None:
    needed(handler.name)  # without a row in the table of roles the app does not start

    async def from_http(request: func.HttpRequest) -> func.HttpResponse:
        return await answered(lambda r: handle_request(r, handler), request)

    blueprint.function_name(f"{snake(handler.name)}_http")(
        blueprint.route(
            trigger_arg_name="request",
            route=f"tenants/{{tenantId}}/projects/{{projectId}}/{kebab(handler.name)}",
            methods=["POST"],
        )(from_http)
    )


for _handler in catalogue().commands:
    _register_queue(_handler)
    _register_http(_handler)
for _handler in catalogue().settings:
    _register_http(_handler)
