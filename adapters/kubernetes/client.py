"""Requests to the API servers of clusters, each environment's to its own, and the objects they answer."""

import base64
import binascii
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlencode

from adapters.entra import Authorization
from adapters.http import Answer, Http
from adapters.kubernetes.kinds import Kind, kind_of
from domain.kernel.errors import Rejected, Unavailable

if TYPE_CHECKING:
    import aiohttp

type Json = dict[str, Any]

ANY_ENVIRONMENT = "*"
FIELD_MANAGER = "cs-runtime"
SETTING = "Kubernetes__clusters"

_PAGE = 200
_LARGEST = 2**25
"""bytes: a page of objects of the largest size that etcd takes is far from it"""
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Cluster:
    """`authorization` is sent with every request; a bearer token's credential stays its maker's to close."""

    url: str
    authorization: Authorization
    ca_data: str | None = None
    """Whom to trust: PEM, or what a kubeconfig has as certificate-authority-data; None: the system's."""


class Refused(Rejected):
    """The API server does not take what we sent."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class Superseded(Unavailable):
    """Somebody changed the object since we read it: read it again."""


@dataclass
class _Door:
    cluster: Cluster
    http: Http
    kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)


class KubernetesApi:
    """`clusters` by the name of the environment that they hold; `ANY_ENVIRONMENT` for those not named.

    `deadline` bounds each call of a port, `call_timeout` each request; both are in seconds.
    """

    def __init__(
        self, clusters: Mapping[str, Cluster], *, deadline: float = 30.0, call_timeout: float = 10.0
    ) -> None:
        self._doors = {
            environment: _Door(cluster, _ClusterHttp(_named(environment), cluster, deadline, call_timeout))
            for environment, cluster in clusters.items()
        }

    async def close(self) -> None:
        """Let go of connections."""
        for door in self._doors.values():
            await door.http.close()

    def has(self, environment: str) -> bool:
        return environment in self._doors or ANY_ENVIRONMENT in self._doors

    def call(self, environment: str) -> "ClusterCall":
        """A new call of a port: its deadline starts now. Raises `Rejected` where there is no cluster."""
        door = self._doors.get(environment) or self._doors.get(ANY_ENVIRONMENT)
        if door is None:
            raise Rejected(
                f"environment {environment} has no cluster: its operator has listed none in {SETTING}"
            )
        return ClusterCall(door)


class ClusterCall:
    """The requests of one call of a port to one cluster. All may be sent again after a lost answer."""

    def __init__(self, door: _Door) -> None:
        self._door, self._call = door, door.http.call()

    def renew(self) -> None:
        self._call.renew()

    async def pause(self, trouble: str) -> None:
        """Wait before asking again. Raises `Unavailable` with this trouble where the deadline would pass."""
        self._call.trouble(trouble)
        await self._call.pause()

    async def get(self, path: str) -> Json | None:
        """One object; None where it, or its kind, does not exist."""
        return await self._send("GET", path, {}, None)

    async def list(self, path: str, label_selector: str = "") -> list[Json]:
        """All objects of a collection; none where the kind does not exist."""
        found, query = list[Json](), {"limit": str(_PAGE)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            page = await self._send("GET", path, query, None)
            items = page.get("items") if page is not None else []
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise self._door.http.unavailable(f"its answer to GET {path} is no list of objects")
            found += items
            after = part(page or {}, "metadata").get("continue")
            if not after:
                return found
            query["continue"] = str(after)

    async def merge(self, path: str, patch: Mapping[str, Any]) -> Json | None:
        """Change these fields of an object; None where it does not exist. A patch that names a resource
        version raises `Superseded` where it is no longer the object's: only so may a repeat matter."""
        return await self._send("PATCH", path, {"fieldManager": FIELD_MANAGER}, (_MERGE, patch))

    async def apply(
        self, path: str, wanted: Mapping[str, Any], *, manager: str = FIELD_MANAGER, dry_run: bool = False
    ) -> Json | None:
        """Server-side apply, by force: what comes of the object, or with `dry_run` what would come of it.
        None where its namespace or kind does not exist. Raises `Refused`."""
        query = {"fieldManager": manager, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        return await self._send("PATCH", path, query, (_APPLY, wanted))

    async def kind(self, api_version: str, kind: str) -> Kind | None:
        """How the cluster serves a kind; None where it doesn't know it."""
        found = self._door.kinds.get((api_version, kind))
        if found is None:
            group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            found = kind_of(await self.get(group), api_version, kind)
        # What is not there may be installed later; what is there keeps its name.
        if found is not None:
            self._door.kinds[api_version, kind] = found
        return found

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], patch: tuple[str, Mapping[str, Any]] | None
    ) -> Json | None:
        headers = {
            "Authorization": await self._door.cluster.authorization.authorization(),
            "Accept": "application/json",
        }
        url = self._door.cluster.url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        if patch is None:
            answer = await self._call.request(method, url, headers=headers)
        else:
            headers["Content-Type"], body = patch[0], json.dumps(patch[1]).encode()
            answer = await self._call.request(method, url, headers=headers, body=lambda: body)
        return self._judge(f"{method} {path}", answer)

    def _judge(self, asked: str, answer: Answer) -> Json | None:
        document = answer.json()
        if answer.status in (200, 201) and isinstance(document, dict):
            return document
        said = _words(answer, document)
        service = self._door.http.service
        # A page that is not the API server's says nothing about the object.
        if answer.status == 404 and isinstance(document, dict) and document.get("kind") == "Status":
            return None
        if answer.status == 404 and document is None and said.startswith("404 page not found"):
            return None
        if answer.status == 401:
            self._door.cluster.authorization.forget()
            raise self._door.http.unavailable(f"it does not accept our credential: {said}")
        if answer.status == 403:
            raise self._door.http.unavailable(f"our identity lacks a permission: {said}")
        if answer.status == 409:
            raise Superseded(service, said)
        if answer.status in (400, 413, 415, 422):
            raise Refused(f"{service} refuses {asked}: {said}", answer.status)
        raise self._door.http.unavailable(f"it answered {answer.status} to {asked}: {said}")


class _ClusterHttp(Http):
    """Trusts the cluster's own certificate authority where it has one."""

    def __init__(self, service: str, cluster: Cluster, deadline: float, call_timeout: float) -> None:
        super().__init__(service, deadline=deadline, call_timeout=call_timeout, longest_body=_LARGEST)
        self._trusted = _trusted(cluster.ca_data) if cluster.ca_data is not None else None

    @override
    def session(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(ssl=self._trusted) if self._trusted is not None else None
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def part(found: Any, *path: str) -> Json:
    """The object at this path; an empty one where there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def text(found: Any, *path: str) -> str | None:
    """The words at this path; None where there are none."""
    value = part(found, *path[:-1]).get(path[-1])
    return value if isinstance(value, str) and value else None


def number(found: Any, *path: str) -> int:
    """The number at this path; 0 where there is none, as the API leaves zeros out."""
    value = part(found, *path[:-1]).get(path[-1])
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _named(environment: str) -> str:
    return "the cluster" if environment == ANY_ENVIRONMENT else f"the cluster of {environment}"


def _words(answer: Answer, document: Any) -> str:
    said = text(document, "message") or answer.body[:200].decode("utf-8", "replace")
    return " ".join(said.split()) or f"status {answer.status}"


def _trusted(ca_data: str) -> ssl.SSLContext:
    try:
        pem = ca_data if "-----BEGIN" in ca_data else base64.b64decode(ca_data, validate=True).decode()
        # Nothing at all would be read as the system's.
        context = ssl.create_default_context(cadata=pem or "nothing")
    except (binascii.Error, UnicodeDecodeError, ssl.SSLError) as error:
        raise ValueError(f"a cluster's certificate authority is not PEM: {error}") from error
    return context
