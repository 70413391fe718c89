"""The flat container: the versions of a package and their bytes."""

from __future__ import annotations

import asyncio

from infra.local.azure_devops.errors import not_found
from infra.local.azure_devops.packaging.feeds import content_path, feed_of, version_of
from infra.local.azure_devops.routing import Answer, Call, Route


async def list_versions(call: Call) -> Answer:
    """Unlisted versions are there too: restoring what a lock file names must go on working."""
    feed, package_id = feed_of(call), call.params["id"]
    found = feed.versions(package_id)
    if not found:
        raise not_found("PackageNotFoundException", f"The feed '{feed.name}' has no package '{package_id}'.")
    return Answer(200, {"versions": [version_of(package).key for package in found]})


async def download(call: Call) -> Answer:
    package_id, version, file = call.params["id"], call.params["version"], call.params["file"]
    package = feed_of(call).version(package_id, version)
    name, key = package["id"].lower(), version_of(package).key
    if file.lower() == f"{name}.{key}.nupkg":
        path = content_path(call, package["content"])
        return Answer(200, await asyncio.to_thread(path.read_bytes))
    if file.lower() == f"{name}.nuspec":
        return Answer(200, str(package["nuspec"]).encode())
    raise not_found("PackageContentNotFoundException", f"'{package_id} {version}' has no file '{file}'.")


_FLAT = "/{org}[/{project}]/_packaging/{feed}/nuget/v3/flat2/{id}"

ROUTES = [
    Route("GET", _FLAT + "/index.json", list_versions),
    Route("GET", _FLAT + "/{version}/{file}", download),
]
