"""ACR's webhook: recorded with the push that it tells of, delivered at least once, given up in the end."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Self
from urllib.parse import quote

import aiohttp
from aiohttp import web

from infra.local.azure_devops import clock
from infra.local.container_registry.registry import Registry
from infra.local.emulation.faults import Rule
from infra.local.emulation.state import Json

_log = logging.getLogger(__name__)

MAXIMUM_ATTEMPTS = 8
# Seconds for which a delivery is held back when no later one overtakes it.
_HOLD = 5.0


@dataclass(frozen=True)
class Origin:
    """Whose request is told of."""

    host: str
    method: str
    user_agent: str

    @classmethod
    def of(cls, request: web.Request) -> Self:
        return cls(request.host, request.method, request.headers.get("User-Agent", ""))


def record(
    registry: Registry, action: str, repository: str, manifest: Json, tag: str | None, by: Origin
) -> Json:
    """Write a delivery down, in the transaction of what it tells; `schedule` it after the commit."""
    event_id = str(uuid.uuid4())
    target = {"mediaType": manifest["mediaType"], "digest": manifest["digest"], "repository": repository}
    if action == "push":
        target |= {"size": manifest["size"], "length": manifest["size"]}
    if tag is not None:
        target["tag"] = tag
    delivery: Json = {
        "number": registry.state.next_number("delivery"),
        "id": event_id,
        "payload": {
            "id": event_id,
            "timestamp": clock.now(),
            "action": action,
            "target": target,
            "request": {
                "id": str(uuid.uuid4()),
                "host": by.host,
                "method": by.method,
                "useragent": by.user_agent,
            },
        },
        "status": "queued" if _url(registry, repository) else "skipped",
        "fault": None,
        "attempts": [],
        "due": time.time(),
    }
    if delivery["status"] == "queued":
        _apply(registry, delivery, registry.faults.for_hook(repository, action))
    _save(registry, delivery)
    return delivery


def schedule(registry: Registry, delivery: Json) -> None:
    if delivery["status"] == "queued":
        work = partial(_deliver, registry, delivery["id"])
        registry.jobs.schedule(max(0.0, delivery["due"] - time.time()), work)


def resume(registry: Registry) -> None:
    """Take up what was not delivered when the process ended."""
    for delivery in registry.state.list("delivery"):
        schedule(registry, delivery)


def _apply(registry: Registry, delivery: Json, rule: Rule | None) -> None:
    if rule is None:
        return
    delivery["fault"] = rule.mode
    if rule.mode == "drop-hook":
        delivery["status"] = "dropped"
    elif rule.mode == "reorder-hooks":
        delivery["due"] += rule.delay or _HOLD
        registry.state.put("held-delivery", "", delivery["id"], {"id": delivery["id"]})


def _save(registry: Registry, delivery: Json) -> None:
    registry.state.put("delivery", "", delivery["id"], delivery)


def _url(registry: Registry, repository: str) -> str | None:
    """The receiver for tenant/project/name; None where there is none, or nothing to fill it in with."""
    if registry.receiver is None:
        return None
    url = registry.receiver.url
    tenant, project, name = (*repository.split("/", 2), "", "")[:3]
    if not name and ("{tenantId}" in url or "{projectId}" in url):
        return None
    return url.replace("{tenantId}", quote(tenant)).replace("{projectId}", quote(project))


async def _deliver(registry: Registry, delivery_id: str) -> None:
    delivery = registry.state.get("delivery", "", delivery_id)
    if delivery is None or delivery["status"] != "queued":
        return
    url = _url(registry, delivery["payload"]["target"]["repository"])
    times = 2 if delivery["fault"] == "duplicate-hook" and not delivery["attempts"] else 1
    for _ in range(times):
        answer = await _send(registry, url, delivery["payload"]) if url else 0
        delivery["attempts"].append({"at": clock.now(), "answer": answer})
    _settle(registry, delivery, answer)
    _save(registry, delivery)
    schedule(registry, delivery)
    if delivery["status"] == "succeeded":
        _release_overtaken(registry, delivery)


def _settle(registry: Registry, delivery: Json, answer: int) -> None:
    """Only an outage of the receiver is worth another try; 0 stands for no answer at all."""
    attempts = len(delivery["attempts"])
    if 200 <= answer < 300:
        delivery["status"] = "succeeded"
    elif (answer == 0 or answer >= 500) and attempts < MAXIMUM_ATTEMPTS:
        delivery["due"] = time.time() + registry.options.webhook_retry_ms / 1000 * 2 ** (attempts - 1)
    else:
        delivery["status"] = "failed"


def _release_overtaken(registry: Registry, delivered: Json) -> None:
    """Send what was held back until now: a later delivery has arrived."""
    for held in registry.state.list("held-delivery"):
        delivery = registry.state.get("delivery", "", held["id"])
        if delivery is not None and delivery["number"] < delivered["number"]:
            registry.state.delete("held-delivery", "", held["id"])
            schedule(registry, {**delivery, "due": time.time()})


async def _send(registry: Registry, url: str, payload: Json) -> int:
    headers = {"User-Agent": "AzureContainerRegistry/1.0"}
    if registry.receiver is not None and registry.receiver.authorization:
        headers["Authorization"] = registry.receiver.authorization
    try:
        async with registry.http.post(url, json=payload, headers=headers, allow_redirects=False) as response:
            await response.read()
            return response.status
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        _log.info("no answer from %s: %s", url, error)
        return 0
