"""The `PackageFeed` port on NuGet's V3 protocol; counterpart: `adapters.memory.package_feed`.

A version can never be overwritten, so what a feed shows is compared with what was to be published, after a
success as well as after a refusal or an unknown outcome: the same bytes are a success.
"""

import hashlib
import re
from typing import Any, override
from urllib.parse import quote, urlsplit

from adapters.azure_devops.credentials import Credential
from adapters.azure_devops.moments import LONG_AGO, moment
from adapters.http import Answer, Call, Http, reason
from adapters.nuget_package import normalized, require_package, require_package_id
from adapters.waiting import OutcomeUnknown
from domain.kernel.errors import Rejected, require
from domain.kernel.work import Partition
from domain.ports import PackageFeed
from domain.provided import ProvidedPackage

SERVICE = "NuGet"
AZURE_ARTIFACTS = "https://pkgs.dev.azure.com/{tenantId}/{projectId}/_packaging/{feed}/nuget/v3/index.json"

_FEED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_PUBLISH = "PackagePublish/2.0.0"
_FLAT = "PackageBaseAddress/3.0.0"
_REGISTRATIONS = ("RegistrationsBaseUrl/3.6.0", "RegistrationsBaseUrl/Versioned", "RegistrationsBaseUrl")

type _Index = dict[str, str]


class NuGetFeed(PackageFeed):
    """`feed_url_template` is a service index and holds `{tenantId}`, `{projectId}` and `{feed}`.

    `deadline` bounds each call of the port, `call_timeout` each request; both are in seconds.
    """

    def __init__(
        self,
        credential: Credential,
        feed_url_template: str = AZURE_ARTIFACTS,
        *,
        deadline: float = 60.0,
        call_timeout: float = 60.0,
    ) -> None:
        for placeholder in ("{tenantId}", "{projectId}", "{feed}"):
            if placeholder not in feed_url_template:
                raise ValueError(f"feed_url_template must contain {placeholder}: projects never share a feed")
        self._template, self._credential = feed_url_template, credential
        self._http = Http(SERVICE, deadline=deadline, call_timeout=call_timeout)
        self._indexes: dict[str, _Index] = {}

    async def close(self) -> None:
        """Let go of connections and of the credential."""
        await self._http.close()
        await self._credential.close()

    @override
    async def publish(
        self, partition: Partition, feed: str, package_id: str, version: str, content: bytes
    ) -> ProvidedPackage:
        require_package(content, package_id, version)
        call = self._http.call()
        url = self._feed_url(partition, feed)
        index = await self._index(call, url)
        state = await self._push(call, index[_PUBLISH], content)
        checksum = hashlib.sha512(content).hexdigest()
        while (found := await self._find(call, index, package_id, version)) is None:
            if state == "unknown":
                # Nothing there that we could wait for: it did not arrive.
                state = await self._push(call, index[_PUBLISH], content)
            else:
                call.trouble(f"feed {feed} has taken {package_id} {version}, but does not show it yet")
            await call.pause()
        same = found.sha512 == checksum
        require(same, f"package {package_id} {version} exists in feed {feed} with other content")
        return found

    @override
    async def package(
        self, partition: Partition, feed: str, package_id: str, version: str
    ) -> ProvidedPackage | None:
        require_package_id(package_id)
        call = self._http.call()
        index = await self._index(call, self._feed_url(partition, feed))
        return await self._find(call, index, package_id, version)

    async def _push(self, call: Call, url: str, content: bytes) -> str:
        """taken, or unknown; a version that is there already counts as taken. Raises `Rejected`."""
        try:
            answer = await self._send(call, "PUT", url, body=lambda: _form(content), safe=False)
        except OutcomeUnknown:
            return "unknown"
        if answer.status in (200, 201, 202, 409):
            return "taken"
        # 403 may be a permission that is granted in a minute, but no feed takes such a package meanwhile.
        if answer.status in (400, 403, 413, 422):
            raise Rejected(f"the feed takes no such package: {reason(answer)}")
        # The feed may have been made anew, with other addresses.
        self._indexes.clear()
        raise self._http.unavailable(f"it answered {answer.status} to the package: {reason(answer)}")

    async def _find(self, call: Call, index: _Index, package_id: str, version: str) -> ProvidedPackage | None:
        name, number = package_id.lower(), normalized(version)
        url = f"{index[_FLAT].rstrip('/')}/{quote(name)}/{quote(number)}/{quote(name)}.{quote(number)}.nupkg"
        answer = await self._send(call, "GET", url, follow=True, digest=True)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._http.unavailable(f"it answered {answer.status} for a package: {reason(answer)}")
        published = await self._registration(call, index, name, number)
        return ProvidedPackage(
            package_id, number, answer.sha512 or "", moment(published) if published else None
        )

    async def _registration(self, call: Call, index: _Index, name: str, number: str) -> Any:
        """When it was published, as the feed writes it; None where it does not say."""
        base = next((index[kind] for kind in _REGISTRATIONS if kind in index), None)
        if base is None:
            return None
        leaf_url = f"{base.rstrip('/')}/{quote(name)}/{quote(number)}.json"
        answer = await self._send(call, "GET", leaf_url, follow=True)
        leaf = answer.json() if answer.status == 200 else None
        if not isinstance(leaf, dict):
            return None
        entry = leaf.get("catalogEntry")
        published = leaf.get("published") or (entry.get("published") if isinstance(entry, dict) else None)
        return published if isinstance(published, str) and moment(published) > LONG_AGO else None

    async def _index(self, call: Call, url: str) -> _Index:
        """Addresses by the resource's type, as they are written."""
        if url in self._indexes:
            return self._indexes[url]
        answer = await self._send(call, "GET", url)
        if answer.status == 404:
            raise Rejected(f"the feed does not exist or is closed to us: {url}")
        document = answer.json() if answer.status == 200 else None
        resources = document.get("resources") if isinstance(document, dict) else None
        if not isinstance(resources, list):
            raise self._http.unavailable(f"it answered {answer.status} for its index: {reason(answer)}")
        found = {str(one.get("@type")): str(one.get("@id")) for one in resources if isinstance(one, dict)}
        for kind in (_PUBLISH, _FLAT):
            if kind not in found:
                raise self._http.unavailable(f"its index names no {kind}")
        for kind in (_PUBLISH, _FLAT, *_REGISTRATIONS):
            if kind in found and urlsplit(found[kind])[:2] != urlsplit(url)[:2]:
                # It would be sent our credential.
                raise self._http.unavailable(f"its index names {found[kind]}, which is another host")
        self._indexes[url] = found
        return found

    async def _send(self, call: Call, method: str, url: str, **options: Any) -> Answer:
        headers = {
            "Authorization": await self._credential.authorization(),
            "X-TFS-FedAuthRedirect": "Suppress",
            "X-NuGet-ApiKey": "AzureDevOps",
            "X-NuGet-Protocol-Version": "4.1.0",
        }
        answer = await call.request(method, url, headers=headers, **options)
        # The service shows its sign-in page as a 203, and proxies show theirs as a 200.
        page = answer.status < 300 and "html" in answer.headers.get("content-type", "")
        if answer.status == 401 or page or 300 <= answer.status < 400:
            self._credential.forget()
            raise self._http.unavailable(f"it does not accept our credential ({answer.status})")
        return answer

    def _feed_url(self, partition: Partition, feed: str) -> str:
        require(_FEED.fullmatch(feed) is not None, f"{feed} is not the name of a feed")
        values = {
            "{tenantId}": partition.tenant_id,
            "{projectId}": partition.project_id,
            "{feed}": feed,
        }
        return re.sub(
            r"\{\w+\}", lambda found: quote(values.get(found[0], found[0]), safe=""), self._template
        )


def _form(content: bytes) -> Any:
    import aiohttp

    form = aiohttp.FormData()
    form.add_field("package", content, filename="package.nupkg", content_type="application/octet-stream")
    return form
