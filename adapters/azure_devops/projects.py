"""Where each tenant's project is at the service, and the one client that all calls to it share."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit

from adapters.azure_devops.client import Api, Client
from adapters.azure_devops.credentials import Credential
from adapters.azure_devops.errors import Kind, Refusal
from adapters.azure_devops.hooks import Receiver
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.provided import RepositoryHandle

_PING_DEADLINE = 5.0


class Projects:
    """Both templates hold `{tenantId}` and `{projectId}`, so tenants never meet. Times are in seconds."""

    def __init__(
        self,
        url_template: str,
        credential: Credential,
        hook_url_template: str,
        hook_password: Callable[[Partition], str],
        *,
        hook_user: str,
        deadline: float,
        call_timeout: float,
    ) -> None:
        self._url_template = checked_template("url_template", url_template).rstrip("/")
        self._hook_url_template = checked_template("hook_url_template", hook_url_template)
        self._hook_user, self._hook_password = hook_user, hook_password
        self._client = Client(credential, deadline=deadline, call_timeout=call_timeout)
        self._seen: Partition | None = None

    async def close(self) -> None:
        """Let go of connections and of the credential."""
        await self._client.close()

    def receiver(self, partition: Partition) -> Receiver:
        """Where this project's hooks post to."""
        url = _filled(self._hook_url_template, partition)
        return Receiver(url, self._hook_user, self._hook_password(partition))

    async def ping(self) -> None:
        """Raises `Unavailable` where the service does not answer."""
        organization = self._url_template.rpartition("/")[0]
        if "{" in organization and self._seen is None:
            # Which organizations there are is only known from calls: that the host answers must do.
            await self._client.reach("{0.scheme}://{0.netloc}/".format(urlsplit(self._url_template)))
            return
        async with self.call(self._seen or Partition("-", "-"), deadline=_PING_DEADLINE) as api:
            await api.get("connectionData", {"api-version": "7.1-preview.1"}, org=True)

    @asynccontextmanager
    async def call(
        self, partition: Partition, *, template: str | None = None, deadline: float | None = None
    ) -> AsyncIterator[Api]:
        """One call of a port; a refusal that nobody dealt with becomes what the port raises.

        `template` is the URL of another of the service's hosts.
        """
        try:
            yield self._client.call(_filled(template or self._url_template, partition), deadline)
        except Refusal as refusal:
            raise refusal.outcome() from refusal
        self._seen = partition

    @asynccontextmanager
    async def repository(self, handle: RepositoryHandle) -> AsyncIterator[tuple[Api, str]]:
        async with self.call(handle.partition) as api:
            try:
                yield api, quote(handle.external_id, safe="")
            except Refusal as refusal:
                if refusal.kind is Kind.REPOSITORY_MISSING:
                    raise Rejected(f"repository {handle.external_id} does not exist") from refusal
                raise

    def sibling(self, project: str) -> str:
        """URL template of a project of this name in each tenant's organization."""
        return f"{self._url_template.rpartition('/')[0]}/{quote(project, safe='')}"


def checked_template(name: str, value: str) -> str:
    """Raises `ValueError`."""
    for placeholder in ("{tenantId}", "{projectId}"):
        if placeholder not in value:
            raise ValueError(f"{name} must contain {placeholder}: tenants never share a place")
    return value


def _filled(template: str, partition: Partition) -> str:
    return template.replace("{tenantId}", quote(partition.tenant_id, safe="")).replace(
        "{projectId}", quote(partition.project_id, safe="")
    )
