"""What each request to Azure DevOps is signed with: a personal access token, or a token of Entra ID."""

from typing import TYPE_CHECKING, Any, Protocol

from adapters.entra import Authorization, BearerToken, FixedAuthorization, basic

if TYPE_CHECKING:
    from azure.identity.aio import DefaultAzureCredential

RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""The scope of Azure DevOps in Entra ID."""


class Credential(Authorization, Protocol):
    async def close(self) -> None:
        """Let go of what it holds."""


class PersonalAccessToken(FixedAuthorization, Credential):
    def __init__(self, token: str) -> None:
        super().__init__(basic("", token))

    async def close(self) -> None:
        """It holds nothing."""


class EntraToken(BearerToken, Credential):
    """Of an async `azure.core` token credential; without one, of a default credential of its own."""

    def __init__(self, source: Any = None) -> None:
        self._own: DefaultAzureCredential | None = None
        if source is None:
            source = self._own = _default_credential()
        super().__init__(source, RESOURCE)

    async def close(self) -> None:
        if self._own is not None:
            await self._own.close()


def _default_credential() -> "DefaultAzureCredential":
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential()
