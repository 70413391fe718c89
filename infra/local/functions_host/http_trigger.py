"""HTTP triggers: from an aiohttp request to the worker's `http` datum and back."""

import hmac
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import hdrs, web

from infra.local.functions_host.bindings import HttpTrigger
from infra.local.functions_host.invocation import InvocationCancelled, Invoker
from infra.local.functions_host.protos import NULL, RpcHttp, RpcHttpCookie, TypedData
from infra.local.functions_host.routes import InvalidTemplate, RouteTable
from infra.local.functions_host.settings import HostKeys, SettingsError
from infra.local.functions_host.worker import FunctionFailed, Invocation, Outcome

log = logging.getLogger("functions_host.http")

MAX_BODY = 100 * 1024 * 1024
_KEY_HEADER = "x-functions-key"
# The server frames the answer itself, whatever the function says about it.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
_SAME_SITE = {
    RpcHttpCookie.SameSite.Lax: "Lax",
    RpcHttpCookie.SameSite.Strict: "Strict",
    RpcHttpCookie.SameSite.ExplicitNone: "None",
}


class HttpFunctions:
    """Answers every request outside the host's own endpoints."""

    def __init__(
        self, triggers: Sequence[HttpTrigger], prefix: str, keys: HostKeys, invoker: Invoker
    ) -> None:
        self._keys = keys
        self._invoker = invoker
        try:
            self._routes = RouteTable(
                (f"{prefix}/{trigger.route}", trigger.methods, trigger) for trigger in triggers
            )
        except InvalidTemplate as error:
            raise SettingsError(str(error)) from error

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Route, authorize, run. A wrong method is 404, as on the platform."""
        found = self._routes.find(request.method, _raw_path(request))
        if found is None:
            return web.Response(status=404)
        trigger, route_values = found
        if not self._is_authorized(trigger, request):
            return web.Response(status=401)
        if (request.content_length or 0) > MAX_BODY:
            refusal = web.Response(status=413)
            refusal.force_close()  # the body that was announced may be on its way
            return refusal
        body = await request.read()  # aiohttp answers 413 when an unannounced body passes the limit
        datum = TypedData(http=_to_rpc(request, route_values, body))
        call = Invocation({trigger.parameter: datum}, trace_parent=request.headers.get("traceparent", ""))
        try:
            outcome = await self._invoker.run(trigger.function, call, f"{request.method} {request.path}")
            return _to_response(_output(outcome, trigger.output))
        except FunctionFailed:
            return web.Response(status=500)
        except InvocationCancelled:
            return web.Response(status=503)
        except Exception:
            log.exception("The response of '%s' could not be sent", trigger.function.name)
            return web.Response(status=500)

    def _is_authorized(self, trigger: HttpTrigger, request: web.Request) -> bool:
        if trigger.auth_level == "ANONYMOUS":
            return True
        given = request.headers.get(_KEY_HEADER) or request.query.get("code") or ""
        function_keys = self._keys.function if trigger.auth_level == "FUNCTION" else ()
        return _is_one_of(given, (self._keys.master, *function_keys))


def _is_one_of(given: str, keys: Iterable[str]) -> bool:
    matches = False
    for key in keys:
        # Every key is compared, so that the time tells nothing about which one came near.
        matches |= bool(key) and hmac.compare_digest(given.encode(), key.encode())
    return matches


def _raw_path(request: web.Request) -> str:
    target = request.raw_path
    return target.partition("?")[0] if target.startswith("/") else request.rel_url.raw_path


def _to_rpc(request: web.Request, route_values: dict[str, str], body: bytes) -> RpcHttp:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    query: dict[str, str] = {}
    for name, value in request.query.items():
        if value:
            query[name] = f"{query[name]},{value}" if name in query else value
    return RpcHttp(
        method=request.method,
        url=str(request.url),
        headers=headers,
        params=route_values,
        query=query,
        body=TypedData(bytes=body) if body else NULL,
    )


def _output(outcome: Outcome, name: str) -> TypedData | None:
    return outcome.return_value if name == "$return" else outcome.outputs.get(name)


def _to_response(datum: TypedData | None) -> web.Response:
    if datum is None or datum.kind is None:
        return web.Response(status=204)
    if datum.kind == "http":
        return _rpc_response(datum.http)
    if datum.kind == "bytes":
        return web.Response(body=datum.bytes, content_type="application/octet-stream")
    content_type = "application/json" if datum.kind == "json" else "text/plain"
    return web.Response(text=str(datum.value), content_type=content_type)


def _rpc_response(http: RpcHttp) -> web.Response:
    body = http.body.value if http.body is not None else b""
    response = web.Response(
        status=int(http.status_code), body=body.encode() if isinstance(body, str) else body or b""
    )
    response.headers.popall(hdrs.CONTENT_TYPE, None)
    for name, value in http.headers.items():
        if name.lower() not in _FRAMING:
            response.headers[name] = value
    for cookie in http.cookies or ():
        response.set_cookie(
            cookie.name,
            cookie.value,
            domain=cookie.domain.value if cookie.domain and cookie.domain.value else None,
            path=cookie.path.value if cookie.path and cookie.path.value else "/",
            max_age=int(cookie.max_age.value) if cookie.max_age else None,
            expires=_expires(cookie),
            secure=bool(cookie.secure and cookie.secure.value),
            httponly=bool(cookie.http_only and cookie.http_only.value),
            samesite=_SAME_SITE.get(cookie.same_site),
        )
    return response


def _expires(cookie: RpcHttpCookie) -> str | None:
    if not cookie.expires:
        return None
    moment = datetime.fromtimestamp(cookie.expires.value.seconds, UTC)
    return format_datetime(moment, usegmt=True)
