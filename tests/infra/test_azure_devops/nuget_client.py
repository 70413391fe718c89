"""A small NuGet client for the tests."""

from __future__ import annotations

import aiohttp

from tests.infra.test_azure_devops.client import Json, Reply, Running


class Feed:
    """A small NuGet client: it knows one address and finds the rest in the service index."""

    def __init__(self, server: Running, path: str) -> None:
        self.server = server
        self.index = f"{path}/nuget/v3/index.json"

    async def resource(self, kind: str) -> str:
        index = (await self.server.call("GET", self.index, version=None)).body
        found = {resource["@type"]: resource["@id"] for resource in index["resources"]}
        return str(found[kind]).removeprefix(self.server.url)

    async def put(self, content: bytes, key: str | None = "any", **headers: str) -> Reply:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("package", content, filename="package.nupkg", content_type="application/octet-stream")
        sent = {"Authorization": aiohttp.encode_basic_auth("", self.server.pat), **headers}
        if key is not None:
            sent["X-NuGet-ApiKey"] = key
        url = self.server.url + await self.resource("PackagePublish/2.0.0")
        async with self.server.session.put(url, data=form, headers=sent) as response:
            is_json = response.content_type == "application/json"
            body = await response.json() if is_json else await response.read()
            return Reply(response.status, body, response.headers)

    async def get(self, kind: str, path: str) -> Reply:
        return await self.server.call("GET", await self.resource(kind) + path, version=None)

    async def change(self, method: str, package_id: str, version: str) -> int:
        url = self.server.url + await self.resource("PackagePublish/2.0.0") + f"{package_id}/{version}"
        headers = {"Authorization": aiohttp.encode_basic_auth("", self.server.pat), "X-NuGet-ApiKey": "any"}
        async with self.server.session.request(method, url, headers=headers) as response:
            return response.status

    async def versions(self, package_id: str) -> list[str]:
        found = await self.get("PackageBaseAddress/3.0.0", f"{package_id.lower()}/index.json")
        return list(found.body["versions"]) if found.status == 200 else []

    async def download(self, package_id: str, version: str) -> Reply:
        name, version = package_id.lower(), version.lower()
        return await self.get("PackageBaseAddress/3.0.0", f"{name}/{version}/{name}.{version}.nupkg")

    async def entries(self, package_id: str) -> list[Json]:
        path = f"{package_id.lower()}/index.json"
        page = (await self.get("RegistrationsBaseUrl/3.6.0", path)).body["items"][0]
        return [leaf["catalogEntry"] for leaf in page["items"]]

    async def search(self, query: str = "") -> list[Json]:
        found: list[Json] = (await self.get("SearchQueryService", query)).body["data"]
        return found
