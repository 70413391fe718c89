"""Orchestrations: how they begin, and their steps as activities.

A command's commit puts the message that begins one into the outbox; its id is its aggregate's, so that it
begins once. The orchestrator only says which step comes next: each step is a command of the domain, with the
same transaction and the same idempotency as any other.
"""

import logging
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import Any, Protocol

import azure.durable_functions as df

from domain.catalogue import catalogue
from domain.kernel.actor import Actor, service
from domain.kernel.aggregate import Aggregate
from domain.kernel.context import Handler, snake
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Conflict, Unavailable
from domain.kernel.journal import Journal
from domain.kernel.values import Identifier, Model, derived_id, validated
from domain.kernel.work import Partition
from domain.ports import Store
from domain.sealing import ORCHESTRATOR
from functions.bootstrap import now, platform

log = logging.getLogger(__name__)
blueprint = df.Blueprint()

# What is away is tried again for five minutes within a step, before the orchestration says what to do.
RETRIES = df.RetryOptions(first_retry_interval_in_milliseconds=3_000, max_number_of_attempts=100)

type Order = dict[str, Any]
type Turns = Generator[Any, Any, Any]


class Dispatches(Protocol):
    """`Dispatcher`, as far as steps need it."""

    async def dispatch(self, envelope: Envelope, actor: Actor, *, may_be_repeat: bool = False) -> Journal: ...


class Orchestrated(Protocol):
    """An aggregate that an orchestration takes on."""

    def standing(self) -> dict[str, Any]:
        """JSON: what the orchestrator must know to choose what comes next."""


class _Beginning(Model):
    orchestration: Identifier
    id: Identifier


class _Call(Model):
    """What an activity is given; `look` tells one look at the same thing from the next."""

    order: dict[str, Any]
    payload: dict[str, Any]
    look: int = 0


def step(context: Any, order: Order, name: str, payload: Mapping[str, Any], look: int = 0) -> Turns:
    """Have a step taken: `answer = yield from step(...)`.

    Answers `{"standing", "rejected", "errored"}`: what the aggregate says now, the sentence where the domain
    said no, and the one where it failed technically, for good.
    """
    call = {"order": order, "payload": payload, "look": look}
    try:
        answer = yield context.call_activity_with_retry(snake(name), RETRIES, call)
    except Exception as error:
        answer = {"standing": None, "rejected": None, "errored": str(error)}
    return answer


def at(text: str) -> datetime:
    """A moment of a standing, as timers take it."""
    return datetime.fromisoformat(text)


async def take(
    name: str, call: Mapping[str, Any], dispatcher: Dispatches, store: Store, moment: datetime
) -> dict[str, Any]:
    """One step. Raises what is worth another try; everything else is an answer."""
    given = validated(_Call, call)
    order = given.order
    envelope = Envelope(
        # The same step of the same look is the same command, however often the activity runs.
        event_id=derived_id("cmd", order["run"], name, given.look, sorted(given.payload.items())),
        event_type=name,
        tenant_id=order["tenantId"],
        project_id=order["projectId"],
        module_id=order["moduleId"],
        trace_id=order["traceId"],
        correlation_id=order["correlationId"],
        causation_id=order["causationId"],
        occurred_at=moment,
        payload=given.payload,
    )
    actor = service(ORCHESTRATOR, order["initiator"])
    try:
        # Not looked for beforehand: an activity seldom runs twice, and then the transaction finds it out.
        journal = await dispatcher.dispatch(envelope, actor)
        standing = await _standing(order, store)
    except (Unavailable, Conflict):
        raise
    except Exception as error:
        log.exception("%s of %s", name, order["id"])
        return {"standing": None, "rejected": None, "errored": f"{name}: {error}"}
    return {"standing": standing, "rejected": journal.outcome.rejection, "errored": None}


async def _standing(order: Order, store: Store) -> dict[str, Any]:
    partition = Partition(order["tenantId"], order["projectId"])
    loaded = await store.load(partition, _kind(order["orchestration"]), order["id"])
    assert loaded is not None, f"{order['id']} is gone"
    orchestrated: Orchestrated = loaded.aggregate  # type: ignore[assignment]
    return orchestrated.standing()


def _kind(name: str) -> type[Aggregate]:
    return next(kind for kind in catalogue().aggregates.values() if kind.kind == name)


def order_of(envelope: Envelope, initiator: str | None) -> Order:
    """What an orchestration goes by, from the message that begins it. Raises `Invalid`."""
    asked = validated(_Beginning, envelope.payload, at="payload")
    return {
        "orchestration": asked.orchestration,
        "id": asked.id,
        "run": envelope.event_id,
        "tenantId": envelope.tenant_id,
        "projectId": envelope.project_id,
        "moduleId": envelope.module_id,
        "traceId": envelope.trace_id,
        "correlationId": envelope.correlation_id,
        "causationId": envelope.causation_id,
        "initiator": initiator,
    }


async def begin(client: df.DurableOrchestrationClient, envelope: Envelope, initiator: str | None) -> None:
    """Begin what a commit has asked for, unless it has begun, be it over by now."""
    order = order_of(envelope, initiator)
    id = order["id"]
    if await _has_begun(client, id):
        return
    try:
        await client.start_new(snake(order["orchestration"]), id, order)
    except Exception as error:
        # Another delivery of the same message may have been first, or the answer have been lost.
        if not await _has_begun(client, id):
            raise Unavailable("Durable Functions", str(error)) from error


# What an operator has terminated, or a fault of ours has ended, may be begun again.
_ENDED_BADLY = (df.OrchestrationRuntimeStatus.Terminated, df.OrchestrationRuntimeStatus.Failed)


async def _has_begun(client: df.DurableOrchestrationClient, id: str) -> bool:
    try:
        status = await client.get_status(id)
    except Exception as error:
        raise Unavailable("Durable Functions", str(error)) from error
    found = status.runtime_status if status is not None else None
    return found is not None and found not in _ENDED_BADLY


def orchestrates(kind: str, orchestrator: Callable[[Any], Turns]) -> df.Blueprint:
    """The blueprint of a generator that is the orchestrator of an aggregate's kind; it stays a generator."""

    def orchestration(context: df.DurableOrchestrationContext) -> Turns:
        return (yield from orchestrator(context))

    ORCHESTRATORS[kind] = orchestrator
    own, name = df.Blueprint(), snake(kind)
    own.function_name(name)(
        own.orchestration_trigger(context_name="context", orchestration=name)(orchestration)
    )
    return own


ORCHESTRATORS: dict[str, Callable[[Any], Turns]] = {}


def _register(handler: Handler) -> None:
    async def activity(call: dict) -> dict:  # type: ignore[type-arg]  # the worker takes no generics here
        return await take(handler.name, call, platform().dispatcher, platform().store, now())

    name = snake(handler.name)
    blueprint.function_name(name)(blueprint.activity_trigger(input_name="call", activity=name)(activity))


for _handler in catalogue().steps:
    _register(_handler)
