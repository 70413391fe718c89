"""The `ContainerRegistry` port on OCI's distribution API; counterpart: `adapters.memory.container_registry`.

A project's repositories are named `<tenantId>/<projectId>/...`. Ids that don't fit the grammar of names, such
as those with capitals, have no images: folding them to lower case would let two tenants meet.
"""

import hashlib
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlsplit

from adapters.entra import BearerToken
from adapters.http import Answer, Call, Http, reason
from adapters.registry_auth import EntraIdentity, RegistryAuthorization, UserPassword
from adapters.repository_names import is_digest, require_own, require_reference
from domain.kernel.work import Partition
from domain.ports import ContainerRegistry
from domain.provided import ProvidedLayer, ProvidedManifest

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

SERVICE = "the container registry"
ENTRA_SCOPE = "https://containerregistry.azure.net/.default"

_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ATTESTATION = "vnd.docker.reference.type"
_LARGEST = 4 * 2**20
"""bytes: what registries accept as a manifest"""
_PING_DEADLINE = 5.0


class OciRegistry(ContainerRegistry):
    """`user` and `password`, or an async token credential of Entra ID, which stays its maker's to close.

    `deadline` bounds each call of the port, `call_timeout` each request; both are in seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        credential: "AsyncTokenCredential | None" = None,
        deadline: float = 30.0,
        call_timeout: float = 20.0,
    ) -> None:
        if (user is None) != (password is None) or (user is None) == (credential is None):
            raise ValueError("a container registry needs a user and a password, or a credential")
        self._url = url.rstrip("/")
        self.registry = urlsplit(url).netloc.rpartition("@")[2]
        self._http = Http(SERVICE, deadline=deadline, call_timeout=call_timeout, longest_body=_LARGEST)
        self._authorization: RegistryAuthorization
        if credential is not None:
            token = BearerToken(credential, ENTRA_SCOPE)
            self._authorization = EntraIdentity(self._http, self._url, token)
        else:
            self._authorization = UserPassword(self._http, self._url, user or "", password or "")

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    @override
    async def manifest(
        self, partition: Partition, repository: str, reference: str
    ) -> ProvidedManifest | None:
        require_own(partition, repository)
        require_reference(reference)
        call = self._http.call()
        found = await self._read(call, repository, reference)
        if found is None:
            return None
        digest, media_type, document = found
        if media_type in _INDEXES:
            platform = await self._platform(call, repository, document)
            return ProvidedManifest(digest, media_type, self._layers(platform))
        if media_type not in _MANIFESTS:
            raise self._http.unavailable(f"{repository}@{digest} is of a kind unknown to us: {media_type}")
        return ProvidedManifest(digest, media_type, self._layers(document))

    @override
    async def ping(self) -> None:
        call = self._http.call(min(self._http.deadline, _PING_DEADLINE))
        answer = await self._get(call, "/v2/", "")
        if answer.status >= 400:
            raise self._http.unavailable(f"it answered {answer.status}: {reason(answer)}")

    async def _platform(self, call: Call, repository: str, index: Any) -> Any:
        """The manifest of an index's first platform; what attests to the others is none."""
        entries = index.get("manifests")
        for entry in entries if isinstance(entries, list) else []:
            annotations, platform = entry.get("annotations") or {}, entry.get("platform") or {}
            if _ATTESTATION in annotations or platform.get("os") == "unknown":
                continue
            digest = str(entry.get("digest"))
            found = await self._read(call, repository, digest) if is_digest(digest) else None
            if found is None or found[1] not in _MANIFESTS:
                raise self._http.unavailable(
                    f"its index names {digest}, which is no manifest of {repository}"
                )
            return found[2]
        # An index of nothing is an image of no layers.
        return {}

    async def _read(self, call: Call, repository: str, reference: str) -> tuple[str, str, Any] | None:
        """A manifest's digest, media type and content; the digest is that of the bytes that came."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = await self._get(call, path, f"repository:{repository}:pull")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._http.unavailable(f"it answered {answer.status} for {repository}: {reason(answer)}")
        digest = "sha256:" + hashlib.sha256(answer.body).hexdigest()
        told = answer.headers.get("docker-content-digest", digest)
        for expected in (told, reference if is_digest(reference) else digest):
            if expected != digest:
                raise self._http.unavailable(f"{repository}:{reference} came as {digest}, not as {expected}")
        document = answer.json()
        if not isinstance(document, dict):
            raise self._http.unavailable(f"{repository}:{reference} is not a manifest")
        # The header is the media type's home; the field is what the bytes themselves say.
        media_type = document.get("mediaType") or answer.headers.get("content-type", "").partition(";")[0]
        return digest, str(media_type), document

    def _layers(self, document: Any) -> tuple[ProvidedLayer, ...]:
        try:
            return tuple(
                ProvidedLayer(str(one["digest"]), str(one["mediaType"]), int(one["size"]))
                for one in document.get("layers", ())
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._http.unavailable(
                f"a manifest describes no layers that we can read: {error}"
            ) from error

    async def _get(self, call: Call, path: str, scope: str) -> Answer:
        """Ask, and once more with what the registry's challenge asks for."""
        accept = {"Accept": ", ".join((*_MANIFESTS, *_INDEXES))}
        header = await self._authorization.header(scope)
        answer = await call.request("GET", self._url + path, headers=_signed(accept, header))
        if answer.status != 401:
            return answer
        header = await self._authorization.answer(call, answer.headers.get("www-authenticate", ""), scope)
        if header is not None:
            answer = await call.request("GET", self._url + path, headers=_signed(accept, header))
        if answer.status == 401:
            raise self._http.unavailable(f"it does not accept our credential: {reason(answer)}")
        return answer


def _signed(headers: dict[str, str], header: str | None) -> dict[str, str]:
    return headers if header is None else {**headers, "Authorization": header}
