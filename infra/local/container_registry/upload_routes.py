"""Uploads of blobs: at once, in chunks, or mounted from another repository."""

from __future__ import annotations

import re

from aiohttp import web

from infra.local.container_registry.errors import digest_invalid, upload_invalid, upload_unknown
from infra.local.container_registry.names import Digest, checked_repository
from infra.local.container_registry.routing import Call, Route
from infra.local.container_registry.uploads import Upload

_RANGE = re.compile(r"(?:bytes[ =])?(\d+)-(\d+)(?:/(?:\d+|\*))?")


async def begin(call: Call) -> web.StreamResponse:
    repository, query, registry = call.repository, call.request.query, call.registry
    if "mount" in query:
        digest = Digest.parse(query["mount"])
        source = query.get("from")
        if source and registry.blobs.has(checked_repository(source), str(digest)):
            registry.blobs.link(repository, digest)
            return _created(repository, digest)
    expected = Digest.parse(query["digest"]) if "digest" in query else None
    upload = registry.uploads.begin(repository)
    if expected is None:
        return _progress(upload, 202)
    async with upload.lock:
        await upload.append(call.request.content, None)
        await registry.uploads.finish(upload, expected)
    return _created(repository, expected)


async def status(call: Call) -> web.StreamResponse:
    return _progress(_find(call), 204)


async def chunk(call: Call) -> web.StreamResponse:
    upload = _find(call)
    async with upload.lock:
        _require_open(upload)
        await upload.append(call.request.content, _length(call, upload))
        return _progress(upload, 202)


async def finish(call: Call) -> web.StreamResponse:
    upload = _find(call)
    text = call.request.query.get("digest")
    if text is None:
        raise digest_invalid("", "the digest of the whole blob is required")
    digest = Digest.parse(text)
    async with upload.lock:
        _require_open(upload)
        await upload.append(call.request.content, _length(call, upload))
        await call.registry.uploads.finish(upload, digest)
    return _created(upload.repository, digest)


async def cancel(call: Call) -> web.StreamResponse:
    upload = _find(call)
    async with upload.lock:
        _require_open(upload)
        call.registry.uploads.cancel(upload)
    return web.Response(status=204)


def _find(call: Call) -> Upload:
    return call.registry.uploads.find(call.repository, call.params["upload"])


def _require_open(upload: Upload) -> None:
    """Another request may have ended the upload while this one waited for its turn."""
    if not upload.path.exists():
        raise upload_unknown(upload.id)


def _length(call: Call, upload: Upload) -> int | None:
    """How long the chunk has to be; it must begin where the upload ends."""
    text = call.request.headers.get("Content-Range")
    if text is None:
        return None
    found = _RANGE.fullmatch(text.strip())
    if found is None or int(found[2]) < int(found[1]):
        raise upload_invalid(f"the Content-Range '{text}' is not valid")
    if int(found[1]) != upload.offset:
        raise upload_invalid("the chunk does not begin where the upload ends", 416, _headers(upload))
    return int(found[2]) - int(found[1]) + 1


def _headers(upload: Upload) -> dict[str, str]:
    return {
        "Location": f"/v2/{upload.repository}/blobs/uploads/{upload.id}",
        "Range": f"0-{max(upload.offset - 1, 0)}",
        "Docker-Upload-UUID": upload.id,
    }


def _progress(upload: Upload, status: int) -> web.Response:
    return web.Response(status=status, headers=_headers(upload))


def _created(repository: str, digest: Digest) -> web.Response:
    headers = {"Location": f"/v2/{repository}/blobs/{digest}", "Docker-Content-Digest": str(digest)}
    return web.Response(status=201, headers=headers)


_UPLOADS = "/v2/{name}/blobs/uploads"
_ONE = _UPLOADS + "/{upload}"

ROUTES = [
    Route("POST", _UPLOADS, begin),
    Route("GET", _ONE, status),
    Route("PATCH", _ONE, chunk),
    Route("PUT", _ONE, finish),
    Route("DELETE", _ONE, cancel),
]
