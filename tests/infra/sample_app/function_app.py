"""A Functions app that shows what it was called with; the tests of the local host drive it."""

import asyncio
import json
import logging
import os
import time
from pathlib import Path
from typing import Any, List  # noqa: UP035 (the worker accepts no list[...] here)

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

seen: list[dict[str, Any]] = []
running = 0
most_running = 0


def journal(entry: dict[str, Any]) -> None:
    """Keep what happened for `GET /api/seen`, and in a file that outlives the process."""
    seen.append(entry)
    path = os.environ.get("JOURNAL")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(entry) + "\n")


@app.route("seen", methods=["GET"])
async def what_was_seen(req: func.HttpRequest) -> func.HttpResponse:
    body = {"seen": seen, "running": running, "most_running": most_running}
    return func.HttpResponse(json.dumps(body), mimetype="application/json")


@app.route("orders/{tenant}/{id:int?}", methods=["GET", "POST"])
async def orders(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    body = {
        "method": req.method,
        "url": req.url,
        "route": dict(req.route_params),
        "query": dict(req.params),
        "headers": dict(req.headers),
        "body": req.get_body().decode(),
        "function": context.function_name,
    }
    return func.HttpResponse(json.dumps(body), status_code=201, mimetype="application/json")


@app.route("orders/special/{id:int?}", methods=["GET"])
async def special_orders(req: func.HttpRequest) -> str:
    return "special"


@app.route("files/{*rest}", methods=["GET"])
def files(req: func.HttpRequest) -> str:
    return str(req.route_params.get("rest", "nothing"))


@app.route("bytes", methods=["POST"])
async def reversed_bytes(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"X-Length": str(len(req.get_body())), "Content-Type": "application/x-reversed"}
    return func.HttpResponse(req.get_body()[::-1], headers=headers)


@app.route("length", methods=["POST"])
async def length(req: func.HttpRequest) -> str:
    return str(len(req.get_body()))


@app.route("cookie", methods=["GET"])
async def cookie(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(
        "set", headers={"Set-Cookie": "a=1; Path=/x; HttpOnly; SameSite=Strict; Max-Age=60"}
    )


@app.route("boom", methods=["GET"])
async def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("kaboom")


@app.route("nothing", methods=["GET"])
async def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]


@app.route("any")
async def any_method(req: func.HttpRequest) -> str:
    return str(req.method)


@app.route("slow", methods=["GET"])
async def slow(req: func.HttpRequest) -> str:
    journal({"function": "slow", "event": "started"})
    try:
        await asyncio.sleep(float(req.params.get("seconds", "1")))
    except asyncio.CancelledError:
        journal({"function": "slow", "event": "cancelled"})
        raise
    return "done"


@app.route("stuck", methods=["GET"])
def stuck(req: func.HttpRequest) -> str:
    journal({"function": "stuck", "event": "started"})
    time.sleep(60)
    return "done"


@app.route("keyed", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def keyed(req: func.HttpRequest) -> str:
    return "opened"


@app.route("admin-only", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
async def admin_only(req: func.HttpRequest) -> str:
    return "opened"


@app.route("setting/{name}", methods=["GET"])
async def setting(req: func.HttpRequest) -> str:
    return os.environ.get(req.route_params["name"], "")


@app.timer_trigger("timer", "%TIMER_SCHEDULE%", run_on_startup=False)
async def tick(timer: func.TimerRequest) -> None:
    logging.getLogger("sample").info("tick logged by the app")
    journal(
        {
            "function": "tick",
            "past_due": timer.past_due,
            "status": timer.schedule_status,  # type: ignore[attr-defined]
            "schedule": timer.schedule,  # type: ignore[attr-defined]
        }
    )


@app.timer_trigger("timer", "0 0 0 1 1 *", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    journal({"function": "at_start", "past_due": timer.past_due})


@app.timer_trigger("timer", "0 0 0 1 1 *")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
async def stubborn(timer: func.TimerRequest, context: func.Context) -> None:
    retry = context.retry_context
    journal({"function": "stubborn", "attempt": retry.retry_count, "limit": retry.max_retry_count})
    raise RuntimeError("never works")


@app.timer_trigger("timer", "0 0 0 1 1 *")
async def lingering(timer: func.TimerRequest) -> None:
    journal({"function": "lingering", "event": "started"})
    await asyncio.sleep(0.3)
    journal({"function": "lingering", "event": "ended"})


def described(message: func.ServiceBusMessage) -> dict[str, Any]:
    return {
        "body": message.get_body().decode(errors="replace"),
        "message_id": message.message_id,
        "content_type": message.content_type,
        "correlation_id": message.correlation_id,
        "subject": message.subject,
        "label": message.label,
        "to": message.to,
        "reply_to": message.reply_to,
        "session_id": message.session_id,
        "delivery_count": message.delivery_count,
        "sequence_number": message.sequence_number,
        "lock_token": message.lock_token,
        "application_properties": message.application_properties,
        "user_properties": message.user_properties,
        "enqueued_time_utc": str(message.enqueued_time_utc),
        "expires_at_utc": str(message.expires_at_utc),
        "locked_until": message.locked_until,
        "time_to_live": message.time_to_live,
        "state": message.state,
        "dead_letter_reason": message.dead_letter_reason,
    }


@app.service_bus_queue_trigger("message", connection="BUS", queue_name="%WORK_QUEUE%")
async def work(message: func.ServiceBusMessage) -> None:
    global running, most_running
    content = json.loads(message.get_body() or b"{}")
    running += 1
    most_running = max(most_running, running)
    try:
        journal({"function": "work", "event": "started", **described(message)})
        await asyncio.sleep(content.get("seconds", 0))
        if content.get("fail"):
            raise RuntimeError("told to fail")
    finally:
        running -= 1
    journal({"function": "work", "event": "ended", "message_id": message.message_id})


@app.service_bus_topic_trigger("message", connection="BUS", topic_name="events", subscription_name="audit")
def audit(message: func.ServiceBusMessage) -> None:
    journal({"function": "audit", **described(message)})


@app.service_bus_queue_trigger(
    "messages", connection="BUS", queue_name="batches", cardinality=func.Cardinality.MANY
)
async def batches(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    journal({"function": "batches", "messages": [described(message) for message in messages]})
