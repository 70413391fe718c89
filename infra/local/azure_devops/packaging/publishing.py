"""What changes a feed: publish, unlist, list again, delete."""

from __future__ import annotations

import asyncio

from infra.local.azure_devops.errors import ApiError, invalid_argument
from infra.local.azure_devops.packaging.feeds import feed_of
from infra.local.azure_devops.packaging.multipart import first_part
from infra.local.azure_devops.packaging.nupkg import InvalidPackage, read_package
from infra.local.azure_devops.routing import Answer, Call, Route


async def publish(call: Call) -> Answer:
    _require_key(call)
    content = first_part(call.request.headers.get("Content-Type", ""), call.raw)
    try:
        package = await asyncio.to_thread(read_package, content)
    except InvalidPackage as error:
        raise ApiError(400, "InvalidPackageException", str(error)) from error
    await feed_of(call).add(package)
    return Answer(202)


async def unlist(call: Call) -> Answer:
    return _listed(call, False, 204)


async def relist(call: Call) -> Answer:
    return _listed(call, True, 200)


async def delete(call: Call) -> Answer:
    """Gone for every reader, while its version stays taken."""
    feed = feed_of(call)
    package = feed.version(call.params["id"], call.params["version"])
    feed.save({**package, "deleted": True})
    return Answer(202)


def _listed(call: Call, listed: bool, status: int) -> Answer:
    _require_key(call)
    feed = feed_of(call)
    package = feed.version(call.params["id"], call.params["version"])
    feed.save({**package, "listed": listed})
    return Answer(status)


def _require_key(call: Call) -> None:
    """Any value will do, as the service asks for it but does not look at it."""
    if not call.request.headers.get("X-NuGet-ApiKey"):
        raise invalid_argument("The header X-NuGet-ApiKey is required.")


_PUBLISH = "/{org}[/{project}]/_packaging/{feed}/nuget/v2"
_ONE = _PUBLISH + "/{id}/{version}"
_DELETE = "/{org}[/{project}]/_apis/packaging/feeds/{feed}/nuget/packages/{id}/versions/{version}"

ROUTES = [
    Route("PUT", _PUBLISH + "[/]", publish),
    Route("DELETE", _ONE, unlist),
    Route("POST", _ONE, relist),
    Route("DELETE", _DELETE, delete),
]
