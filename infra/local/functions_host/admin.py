"""The host's own endpoints, as Core Tools serves them: status, the list of functions, running one by hand."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from infra.local.functions_host.bindings import HttpTrigger, Trigger, trigger_type
from infra.local.functions_host.invocation import InvocationCancelled
from infra.local.functions_host.trigger_source import TriggerSource
from infra.local.functions_host.worker import FunctionFailed

log = logging.getLogger("functions_host.admin")


class AdminEndpoints:
    """Unauthenticated, like Core Tools': the host listens on the loopback address only."""

    def __init__(
        self,
        triggers: Sequence[Trigger],
        sources: Sequence[TriggerSource],
        prefix: str,
        durable: Callable[[], Mapping[str, int] | None],
    ) -> None:
        self._triggers = {trigger.function.name.lower(): trigger for trigger in triggers}
        self._sources = sources
        self._prefix, self._durable = prefix, durable
        self._fired: set[asyncio.Task[None]] = set()
        self.state = "Starting"

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/admin/host/status", self._status)
        app.router.add_get("/admin/functions", self._list)
        app.router.add_post("/admin/functions/{name}", self._run)

    async def _status(self, _request: web.Request) -> web.Response:
        answer: dict[str, Any] = {"state": self.state}
        if (durable := self._durable()) is not None:
            answer["durable"] = dict(durable)
        return web.json_response(answer, status=200 if self.state == "Running" else 503)

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response([self._describe(trigger) for trigger in self._triggers.values()])

    def _describe(self, trigger: Trigger) -> dict[str, Any]:
        described: dict[str, Any] = {
            "name": trigger.function.name,
            "trigger": trigger_type(trigger),
            "bindings": list(trigger.function.bindings),
        }
        if isinstance(trigger, HttpTrigger):
            described["route"] = f"/{self._prefix}/{trigger.route}".replace("//", "/")
            described["methods"] = sorted(trigger.methods)
        return described

    async def _run(self, request: web.Request) -> web.Response:
        trigger = self._triggers.get(request.match_info["name"].lower())
        if trigger is None:
            return web.Response(status=404)
        if isinstance(trigger, HttpTrigger):
            return web.json_response({"error": "call an HTTP function by its route"}, status=400)
        try:
            body = json.loads(await request.read() or b"{}")
            given = body.get("input", "")
        except (ValueError, AttributeError):
            return web.json_response({"error": 'the body must be {"input": ...}'}, status=400)
        argument = given if isinstance(given, str) else json.dumps(given)
        if request.query.get("wait", "").lower() in ("1", "true"):
            return await self._run_and_wait(trigger.function.name, argument)
        task = asyncio.create_task(self._fire_logged(trigger.function.name, argument))
        self._fired.add(task)
        task.add_done_callback(self._fired.discard)
        return web.Response(status=202)

    async def _run_and_wait(self, name: str, argument: str) -> web.Response:
        # Ours alone: Core Tools never tells how the run ended.
        try:
            found = await self._fire(name, argument)
        except FunctionFailed as failure:
            return web.json_response({"error": str(failure)}, status=500)
        except InvocationCancelled:
            return web.json_response({"error": "the host is stopping"}, status=503)
        return web.Response(status=200 if found else 501)

    async def _fire_logged(self, name: str, argument: str) -> None:
        try:
            if not await self._fire(name, argument):
                log.error("'%s' has a trigger that this host can't fire", name)
        except (FunctionFailed, InvocationCancelled):
            pass  # logged with the invocation
        except Exception:
            log.exception("'%s' could not be fired", name)

    async def _fire(self, name: str, argument: str) -> bool:
        for source in self._sources:
            if await source.fire(name, argument):
                return True
        return False
