"""Hook deliveries with the service's failure rules: a ladder of retries, probation with loss, disabling."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.payloads import render_payload
from infra.local.emulation.faults import Rule
from infra.local.emulation.state import Json

_log = logging.getLogger(__name__)

ENABLED = "enabled"
ON_PROBATION = "onProbation"
DISABLED_BY_SYSTEM = "disabledBySystem"

TRANSIENT = (408, 502, 503, 504)
GONE = 410
# Seconds, before the scale that tests set.
TRANSIENT_WAITS = (1, 2, 4, 8, 16, 32, 60, 60)
PROBATION_WAITS = tuple(min(20 * 2**n, 15 * 60) * 60 for n in range(7))


def notify(emulator: Emulator, subscription: Json, event: Json) -> None:
    """Record a notification and start to deliver it; on probation it is recorded as lost."""
    if subscription["status"] not in (ENABLED, ON_PROBATION):
        return
    lost = subscription["status"] == ON_PROBATION
    if not lost:
        subscription["notifications"] += 1
        save_subscription(emulator, subscription)
    notification: Json = {
        # A lost event takes no number: the receiver gets no gap to notice it by.
        "id": None if lost else subscription["notifications"],
        "subscriptionId": subscription["id"],
        "org": subscription["org"],
        "event": event,
        "status": "lost" if lost else "queued",
        "transientFailures": 0,
        "probationFailures": 0,
        "attempts": [],
        "due": time.time(),
    }
    if not lost:
        rule = emulator.faults.for_hook(_path(subscription), event["eventType"])
        if rule is not None:
            _apply(notification, rule)
        _schedule(emulator, notification)
    _save(emulator, notification)


def _apply(notification: Json, rule: Rule) -> None:
    notification["fault"] = rule.mode
    if rule.mode == "drop-hook":
        notification["status"] = "dropped"
    elif rule.mode == "reorder-hooks":
        # Held back until a later one has arrived, or for this long if none comes.
        notification["due"] += rule.delay or 5.0


def save_subscription(emulator: Emulator, subscription: Json) -> None:
    emulator.state.put("subscription", subscription["org"].lower(), subscription["id"], subscription)


def _save(emulator: Emulator, notification: Json) -> None:
    key = str(notification["id"] or notification["event"]["id"])
    emulator.state.put("notification", notification["subscriptionId"], key, notification)


def _path(subscription: Json) -> str:
    return urlsplit(str(subscription["consumerInputs"]["url"])).path


def resume(emulator: Emulator) -> None:
    """Take up what was not delivered when the process ended."""
    for notification in emulator.state.list("notification"):
        if notification["status"] == "queued":
            _schedule(emulator, notification)


def _schedule(emulator: Emulator, notification: Json) -> None:
    if notification["status"] != "queued":
        return
    work = partial(_deliver, emulator, notification["subscriptionId"], str(notification["id"]))
    emulator.jobs.schedule(max(0.0, notification["due"] - time.time()), work)


async def _deliver(emulator: Emulator, subscription_id: str, key: str) -> None:
    notification = emulator.state.get("notification", subscription_id, key)
    subscription = emulator.state.find("subscription", subscription_id)
    if notification is None or subscription is None or notification["status"] != "queued":
        return
    if subscription["status"] not in (ENABLED, ON_PROBATION):
        notification["status"] = "lost"
        _save(emulator, notification)
        return
    fault = notification.get("fault")
    payload = await render_payload(emulator, subscription, notification, old_format=fault == "old-payload")
    if payload is None:
        notification["status"] = "lost"
        _save(emulator, notification)
        return
    answer = await _send(emulator, subscription, payload)
    if fault == "duplicate-hook" and not notification["attempts"]:
        answer = await _send(emulator, subscription, payload)
        notification["attempts"].append({"at": clock.now(), "answer": answer, "duplicate": True})
    notification["attempts"].append({"at": clock.now(), "answer": answer})
    # Read again: the subscription may have changed while the receiver took its time.
    subscription = emulator.state.find("subscription", subscription_id)
    if subscription is None:
        return
    with emulator.state.transaction():
        _settle(emulator, subscription, notification, answer)
        save_subscription(emulator, subscription)
        _save(emulator, notification)
    _schedule(emulator, notification)
    if notification["status"] == "succeeded":
        _release_overtaken(emulator, notification)


def _release_overtaken(emulator: Emulator, delivered: Json) -> None:
    for held in emulator.state.list("notification", delivered["subscriptionId"]):
        earlier = held["status"] == "queued" and held["id"] < delivered["id"]
        if earlier and held.get("fault") == "reorder-hooks" and not held["attempts"]:
            _schedule(emulator, {**held, "due": time.time()})


def _settle(emulator: Emulator, subscription: Json, notification: Json, answer: int) -> None:
    """Decide what an answer means; 0 stands for no answer at all, which counts as transient."""
    scale = emulator.options.hook_time_scale
    if 200 <= answer < 300:
        notification["status"] = "succeeded"
        if subscription["status"] == ON_PROBATION:
            subscription.update(status=ENABLED, probationRetries=0)
        return
    if answer == GONE:
        notification["status"] = "failed"
        subscription["status"] = DISABLED_BY_SYSTEM
        return
    failures = notification["transientFailures"]
    if (answer in TRANSIENT or answer == 0) and failures < len(TRANSIENT_WAITS):
        notification["transientFailures"] = failures + 1
        notification["due"] = time.time() + TRANSIENT_WAITS[failures] * scale
        return
    _probation(subscription, notification, scale)


def _probation(subscription: Json, notification: Json, scale: float) -> None:
    failures = notification["probationFailures"]
    if subscription["status"] == ENABLED:
        subscription.update(status=ON_PROBATION, probationNotification=notification["id"])
    elif subscription.get("probationNotification") != notification["id"]:
        # Another event is already probing this receiver; this one is lost like all that come now.
        notification["status"] = "lost"
        return
    subscription.update(probationRetries=failures, lastProbationRetryDate=clock.now())
    if failures >= len(PROBATION_WAITS):
        notification["status"] = "failed"
        subscription["status"] = DISABLED_BY_SYSTEM
        return
    notification["probationFailures"] = failures + 1
    notification["due"] = time.time() + PROBATION_WAITS[failures] * scale


async def _send(emulator: Emulator, subscription: Json, payload: Json) -> int:
    inputs = subscription["consumerInputs"]
    headers = {"User-Agent": "VSServices/local"}
    for line in str(inputs.get("httpHeaders") or "").splitlines():
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip()] = value.strip()
    user, password = inputs.get("basicAuthUsername"), inputs.get("basicAuthPassword")
    extra: dict[str, Any] = {}
    if str(inputs.get("acceptUntrustedCerts", "")).lower() == "true":
        extra["ssl"] = False
    if user or password:
        headers["Authorization"] = aiohttp.encode_basic_auth(str(user or ""), str(password or ""))
    try:
        async with emulator.http.post(
            str(inputs["url"]), json=payload, headers=headers, allow_redirects=False, **extra
        ) as response:
            await response.read()
            return response.status
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        _log.info("no answer from %s: %s", inputs["url"], error)
        return 0


def render_notification(notification: Json) -> Json:
    """As `_local/deliveries` shows it."""
    event = notification["event"]
    return {
        "subscriptionId": notification["subscriptionId"],
        "notificationId": notification["id"],
        "id": event["id"],
        "eventType": event["eventType"],
        "subject": event["subject"],
        "status": notification["status"],
        "fault": notification.get("fault"),
        "transientFailures": notification["transientFailures"],
        "probationFailures": notification["probationFailures"],
        "attempts": notification["attempts"],
    }
