"""The hub's HTTP endpoints: for the SDK's client on one prefix, and with a key for the world on another."""

import hmac
import json
import logging
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from azure.core.exceptions import AzureError

from infra.local.functions_host.durable import engine
from infra.local.functions_host.durable.client_binding import RPC, WEBHOOKS, management_links
from infra.local.functions_host.durable.engine import Engine, as_json_text
from infra.local.functions_host.durable.listing import Asked, InstanceList
from infra.local.functions_host.durable.record import is_instance_id
from infra.local.functions_host.durable.rows import TooLarge, ascii_json
from infra.local.functions_host.durable.status import history_documents, is_yes, status_document
from infra.local.functions_host.durable.storage_retry import StorageAway
from infra.local.functions_host.durable.store import AlreadyExists

log = logging.getLogger("functions_host.durable")

_TOKEN = "x-ms-continuation-token"


class ManagementApi:
    """Reads go straight to the store; everything else goes to the engine."""

    def __init__(self, hub: Engine, key: str) -> None:
        self._engine, self._key = hub, key
        self._instances = InstanceList(hub.hub.store)

    def add_to(self, app: web.Application) -> None:
        for prefix in (WEBHOOKS, RPC):
            needs_key = prefix == WEBHOOKS
            for method, path, handler in (
                ("POST", "/orchestrators/{name}", self._start),
                ("POST", "/orchestrators/{name}/{id}", self._start),
                ("GET", "/instances", self._list),
                ("GET", "/instances/", self._list),
                ("DELETE", "/instances", self._purge_many),
                ("DELETE", "/instances/", self._purge_many),
                ("GET", "/instances/{id}", self._status),
                ("DELETE", "/instances/{id}", self._purge),
                ("POST", "/instances/{id}/raiseEvent/{event}", self._raise_event),
                ("POST", "/instances/{id}/restart", self._restart),
                ("POST", "/instances/{id}/rewind", self._rewind),
                ("POST", "/instances/{id}/{operation:terminate|suspend|resume}", self._control),
            ):
                app.router.add_route(method, prefix + path, self._guarded(handler, needs_key))

    def _guarded(self, handler: Handler, needs_key: bool) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            given = request.query.get("code") or request.headers.get("x-functions-key") or ""
            if needs_key and not hmac.compare_digest(given.encode(), self._key.encode()):
                return web.Response(status=401)
            try:
                return await handler(request)
            except engine.NotFound:
                return web.Response(status=404)
            except engine.Gone:
                return web.Response(status=410)
            except StorageAway as error:
                return _problem(503, f"storage is away: {error}")
            except TooLarge as error:
                return _problem(413, str(error))
            except ValueError as error:
                return _problem(400, str(error))
            except AzureError as error:
                log.exception("Storage refused a request")
                return _problem(500, str(error))

        return answer

    async def _start(self, request: web.Request) -> web.Response:
        name, instance_id = request.match_info["name"], request.match_info.get("id")
        if instance_id is not None and not is_instance_id(instance_id):
            raise ValueError(f"'{instance_id}' can't be an instance id")
        body = await request.read()
        given = ascii_json(as_json_text(json.loads(body)) if body else None)
        try:
            started = await self._engine.start_instance(
                name, instance_id, given, request.query.get("version", "")
            )
        except engine.UnknownOrchestrator:
            known = ", ".join(sorted(each.name for each in self._engine.hub.orchestrators.values()))
            return _problem(400, f"The function '{name}' doesn't exist: the orchestrators are {known or '-'}")
        except AlreadyExists:
            return _problem(
                409, f"An Orchestration instance with the status Running already exists: {instance_id}"
            )
        if "timeout" in request.query:
            await self._engine.wait_for_end(started, float(request.query["timeout"]))
            record = await self._engine.status(started)
            if record.is_terminal:
                return web.json_response(json.loads(record.output or "null"))
        return self._accepted(request, started)

    def _accepted(self, request: web.Request, instance_id: str) -> web.Response:
        url = f"{request.url.origin()}"
        links = management_links(url, self._engine.hub.options.hub, self._key, instance_id)
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": "10"}
        return web.json_response(links, status=202, headers=headers)

    async def _status(self, request: web.Request) -> web.Response:
        record = await self._engine.status(request.match_info["id"])
        document = status_document(record, show_input=is_yes(request.query.get("showInput", "true")))
        if is_yes(request.query.get("showHistory", "")):
            executions = await self._engine.hub.store.histories(record.instance_id)
            show_output = is_yes(request.query.get("showHistoryOutput", ""))
            document["historyEvents"] = history_documents(
                executions[-1] if executions else [], show_output=show_output
            )
        headers = {} if record.is_terminal else {"Location": str(request.url), "Retry-After": "10"}
        return web.json_response(document, status=200 if record.is_terminal else 202, headers=headers)

    async def _list(self, request: web.Request) -> web.Response:
        await self._engine.ready()
        asked = Asked.read(request.query, request.headers.get(_TOKEN))
        found, token = await self._instances.page(asked)
        show_input = is_yes(request.query.get("showInput", "true"))
        documents = [status_document(record, show_input=show_input) for record in found]
        return web.json_response(documents, headers={_TOKEN: token} if token else {})

    async def _purge_many(self, request: web.Request) -> web.Response:
        await self._engine.ready()
        asked = Asked.read(request.query, None)
        if asked.created_from is None:
            raise ValueError("createdTimeFrom is required")
        count = 0
        while True:
            found, token = await self._instances.page(asked)
            for record in found:
                if record.is_terminal:
                    await self._engine.hub.store.purge(record.instance_id)
                    count += 1
            if not token:
                break
            asked = asked.from_token(token)
        return web.json_response({"instancesDeleted": count}, status=200 if count else 404)

    async def _purge(self, request: web.Request) -> web.Response:
        try:
            await self._engine.purge(request.match_info["id"])
        except engine.NotEnded:
            return _problem(412, "only an instance that has ended can be purged")
        return web.json_response({"instancesDeleted": 1})

    async def _raise_event(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _problem(400, "Only application/json request content is supported")
        body = await request.read()
        content = ascii_json(json.dumps(json.loads(body))) if body else "null"
        await self._engine.raise_event(
            request.match_info["id"], request.match_info["event"], content or "null"
        )
        return web.Response(status=202)

    async def _control(self, request: web.Request) -> web.Response:
        reason = request.query.get("reason", "")
        await self._engine.control(request.match_info["id"], request.match_info["operation"], reason)
        return web.Response(status=202)

    async def _restart(self, request: web.Request) -> web.Response:
        new_id = is_yes(request.query.get("restartWithNewInstanceId", "true"))
        try:
            started = await self._engine.restart(request.match_info["id"], new_id=new_id)
        except (engine.NotEnded, AlreadyExists):
            return _problem(412, "the instance has not ended: it can be restarted under a new id only")
        except engine.UnknownOrchestrator as error:
            return _problem(400, f"The function '{error}' doesn't exist")
        return web.json_response(started, status=202)

    async def _rewind(self, _request: web.Request) -> web.Response:
        return _problem(501, "this host does not rewind orchestrations")


def _problem(status: int, text: str) -> web.Response:
    content: dict[str, Any] = {"Message": text, "ExceptionMessage": text}
    return web.json_response(content, status=status)
