"""What each request is signed with: a personal access token, or a token of Entra ID."""

import asyncio
import base64
import time
from typing import Any, Protocol

from domain.kernel.errors import Unavailable

RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
_RENEW_BEFORE = 300.0
"""Seconds before its expiry in which a token is no longer used."""


class Credential(Protocol):
    async def authorization(self) -> str:
        """The value of the Authorization header. Raises `Unavailable`."""

    def forget(self) -> None:
        """The service refused it: get a new one the next time."""

    async def close(self) -> None:
        """Let go of what it holds."""


class PersonalAccessToken(Credential):
    def __init__(self, token: str) -> None:
        self._header = "Basic " + base64.b64encode(f":{token}".encode()).decode()

    async def authorization(self) -> str:
        return self._header

    def forget(self) -> None:
        """It has no successor."""

    async def close(self) -> None:
        """It holds nothing."""


class EntraToken(Credential):
    """A bearer token of an async `azure.core` token credential; without one, of the default credential."""

    def __init__(self, source: Any = None) -> None:
        self._source = source
        self._owned = source is None
        self._lock = asyncio.Lock()
        self._token: tuple[str, float] | None = None

    async def authorization(self) -> str:
        async with self._lock:
            if self._token is None or self._token[1] - time.time() < _RENEW_BEFORE:
                self._token = await self._fetch()
            return "Bearer " + self._token[0]

    def forget(self) -> None:
        self._token = None

    async def close(self) -> None:
        if self._owned and self._source is not None:
            source, self._source = self._source, None
            await source.close()

    async def _fetch(self) -> tuple[str, float]:
        from azure.core.exceptions import AzureError

        if self._source is None:
            from azure.identity.aio import DefaultAzureCredential

            self._source = DefaultAzureCredential()
        try:
            token = await self._source.get_token(RESOURCE)
        except AzureError as error:
            raise Unavailable("Entra ID", f"it gave no token for Azure DevOps: {error}") from error
        return token.token, float(token.expires_on)
