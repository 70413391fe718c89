"""Get and list, as objects or as tables, and watches."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from infra.local.kubernetes.api.selectors import Test, selected
from infra.local.kubernetes.api.tables import table
from infra.local.kubernetes.api.targets import Target
from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.errors import StatusError, bad_request
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.resources import Resource

type Json = dict[str, Any]

_INITIAL_END = {"annotations": {"k8s.io/initial-events-end": "true"}}


def rendered(request: web.Request, resource: Resource, body: Json, status: int = 200) -> web.Response:
    """One object as the client asked for it."""
    if _wants_table(request):
        version = body["metadata"].get("resourceVersion", "")
        body = table(resource, [body], version, include=request.query.get("includeObject", "Metadata"))
    return web.json_response(body, status=status)


def listed(cluster: Cluster, request: web.Request, target: Target) -> web.Response:
    """In one piece or, with a limit, by a continue token that is the last name given out."""
    resource, test = target.resource, _test(request, target)
    found = [body for body in cluster.store.list(resource, target.namespace) if test(body)]
    metadata: Json = {"resourceVersion": str(cluster.store.version)}
    token = request.query.get("continue")
    if token:
        found = [body for body in found if _place(body) > token]
    limit = _number(request, "limit")
    if limit and len(found) > limit:
        metadata |= {"continue": _place(found[limit - 1]), "remainingItemCount": len(found) - limit}
        found = found[:limit]
    if _wants_table(request):
        include = request.query.get("includeObject", "Metadata")
        body = table(resource, found, metadata["resourceVersion"], include=include)
        body["metadata"] = metadata
        return web.json_response(body)
    return web.json_response(
        {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "items": found,
        }
    )


async def watched(cluster: Cluster, request: web.Request, target: Target) -> web.StreamResponse:
    """Changes as they happen, after those since the given version or all objects as they are."""
    stream = _Watch(cluster, request, target)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    queue: asyncio.Queue[Change] = asyncio.Queue()
    stop = cluster.store.listen(queue.put_nowait)
    try:
        first = stream.first()
        await response.prepare(request)
        for made in first:
            await response.write(_line(made))
        async with asyncio.timeout(_number(request, "timeoutSeconds") or None):
            while True:
                event = stream.event(await queue.get())
                if request.transport is None:
                    break
                if event is not None:
                    await response.write(_line(event))
    except TimeoutError:
        await response.write_eof()
    except ConnectionError:
        pass  # the client has seen enough
    finally:
        stop()
    return response


class _Watch:
    def __init__(self, cluster: Cluster, request: web.Request, target: Target) -> None:
        self._store, self._target = cluster.store, target
        self._query = request.query
        self._test = _test(request, target)
        self._table = _wants_table(request)

    def first(self) -> list[Json]:
        version = self._query.get("resourceVersion", "")
        wants_state = self._query.get("sendInitialEvents") == "true"
        if version not in ("", "0") and not wants_state:
            if not version.isdecimal():
                raise bad_request(f"invalid resource version {version!r}")
            try:
                changes = self._store.since(int(version))
            except StatusError as error:
                return [{"type": "ERROR", "object": error.body()}]
            return [event for change in changes if (event := self.event(change)) is not None]
        events = [
            self._rendered("ADDED", body)
            for body in self._store.list(self._target.resource, self._target.namespace)
            if self._test(body)
        ]
        if wants_state:
            resource = self._target.resource
            metadata = {"resourceVersion": str(self._store.version), **_INITIAL_END}
            bookmark = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
            events.append({"type": "BOOKMARK", "object": bookmark})
        return events

    def event(self, change: Change) -> Json | None:
        """None when it does not concern this watch; an object that stops to match is as good as deleted."""
        if change.resource != self._target.resource:
            return None
        if self._target.namespace not in (None, change.object["metadata"].get("namespace", "")):
            return None
        was = change.before is not None and self._test(change.before)
        is_now = change.type != "DELETED" and self._test(change.object)
        if not was and not is_now:
            return None
        kind = "DELETED" if not is_now else "MODIFIED" if was else "ADDED"
        return self._rendered(kind, change.object)

    def _rendered(self, kind: str, body: Json) -> Json:
        if self._table:
            version = body["metadata"].get("resourceVersion", "")
            include = self._query.get("includeObject", "Metadata")
            body = table(self._target.resource, [body], version, include=include)
        return {"type": kind, "object": body}


def _test(request: web.Request, target: Target) -> Test:
    test = selected(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
    if not target.name:
        return test
    return lambda body: body["metadata"]["name"] == target.name and test(body)


def _wants_table(request: web.Request) -> bool:
    first = request.headers.get("Accept", "").split(",")[0]
    return "as=Table" in first and "g=meta.k8s.io" in first


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if text and not text.isdecimal():
        raise bad_request(f"{name} must be a number, not {text!r}")
    return int(text or 0)


def _place(body: Json) -> str:
    return f"{body['metadata'].get('namespace', '')}/{body['metadata']['name']}"


def _line(event: Json) -> bytes:
    return json.dumps(event).encode() + b"\n"
