"""What there is: repositories, tags and the manifests that refer to another."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from aiohttp import web

from infra.local.container_registry import images
from infra.local.container_registry.errors import name_unknown, page_invalid
from infra.local.container_registry.manifests import OCI_INDEX
from infra.local.container_registry.names import Digest
from infra.local.container_registry.routing import Call, Route
from infra.local.emulation.state import Json

_DEFAULT_REPOSITORIES = 100


async def version(call: Call) -> web.StreamResponse:
    return web.json_response({})


async def catalog(call: Call) -> web.StreamResponse:
    names, headers = _page(call, images.repositories(call.registry), _DEFAULT_REPOSITORIES)
    return web.json_response({"repositories": names}, headers=headers)


async def list_tags(call: Call) -> web.StreamResponse:
    repository = call.repository
    if not images.exists(call.registry, repository):
        raise name_unknown(repository)
    names, headers = _page(call, images.tags(call.registry, repository), None)
    return web.json_response({"name": repository, "tags": names}, headers=headers)


async def list_referrers(call: Call) -> web.StreamResponse:
    """An index, empty where nothing refers to the subject, even if the subject is unknown."""
    subject = Digest.parse(call.params["digest"])
    wanted = call.request.query.get("artifactType")
    found = images.referrers(call.registry, call.repository, str(subject))
    manifests = [_descriptor(item) for item in found if wanted in (None, item["artifactType"])]
    headers = {"OCI-Filters-Applied": "artifactType"} if wanted is not None else {}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    return web.json_response(index, headers=headers, content_type=OCI_INDEX)


def _descriptor(document: Json) -> Json:
    descriptor = {name: document[name] for name in ("mediaType", "digest", "size")}
    optional = {name: document[name] for name in ("artifactType", "annotations") if document[name]}
    return {**descriptor, **optional}


def _page(call: Call, names: list[str], default: int | None) -> tuple[list[str], dict[str, str]]:
    """The names after `last`, n of them, and a link to the next page if there is one."""
    query = call.request.query
    text = query.get("n")
    if text is not None and not text.isdecimal():
        raise page_invalid(text)
    count = int(text) if text is not None else default
    rest = [name for name in names if name > query["last"]] if "last" in query else names
    if count is None or len(rest) <= count:
        return rest, {}
    page = rest[:count]
    if not page:
        return page, {}
    following = urlencode({"n": count, "last": page[-1]})
    return page, {"Link": f'<{quote(call.request.path)}?{following}>; rel="next"'}


ROUTES = [
    Route("GET", "/v2", version),
    Route("HEAD", "/v2", version),
    Route("GET", "/v2/_catalog", catalog),
    Route("GET", "/v2/{name}/tags/list", list_tags),
    Route("GET", "/v2/{name}/referrers/{digest}", list_referrers),
]
