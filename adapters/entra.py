"""What requests to Azure are signed with: a bearer token of Entra ID, or a fixed header for a stand-in."""

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Protocol

from domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

_RENEW_BEFORE = 300.0
"""Seconds before its expiry in which a token is no longer used."""


class Authorization(Protocol):
    async def authorization(self) -> str:
        """The value of the Authorization header. Raises `Unavailable`."""

    def forget(self) -> None:
        """The service refused it: get a new one the next time."""


class BearerToken(Authorization):
    """Tokens for one scope. The credential is its maker's to close."""

    def __init__(self, source: "AsyncTokenCredential", scope: str) -> None:
        self._source, self._scope = source, scope
        self._lock = asyncio.Lock()
        self._token: tuple[str, float] | None = None

    async def token(self) -> str:
        """The token alone. Raises `Unavailable`."""
        from azure.core.exceptions import AzureError

        async with self._lock:
            if self._token is None or self._token[1] - time.time() < _RENEW_BEFORE:
                try:
                    made = await self._source.get_token(self._scope)
                except AzureError as error:
                    raise Unavailable("Entra ID", f"it gave no token for {self._scope}: {error}") from error
                self._token = made.token, float(made.expires_on)
            return self._token[0]

    async def authorization(self) -> str:
        return "Bearer " + await self.token()

    def forget(self) -> None:
        self._token = None


class FixedAuthorization(Authorization):
    """A header that never changes."""

    def __init__(self, header: str) -> None:
        self._header = header

    async def authorization(self) -> str:
        return self._header

    def forget(self) -> None:
        """It has no successor."""


def basic(user: str, password: str) -> str:
    """The header of Basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
