"""HTTP for the storage clients; imported with the first client only, since it imports azure.core."""

from collections.abc import Callable
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport

# Read timeout in seconds; the SDK's own is five minutes.
TIMEOUTS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 10}


class CountedTransport(AioHttpTransport):  # type: ignore[misc]  # azure.core leaves it untyped
    """Tells of every HTTP request, also of each retry. Ignores proxy settings, which cost CPU per request."""

    def __init__(self, on_request: Callable[[str, str], None] | None) -> None:
        super().__init__(use_env_settings=False, **TIMEOUTS)
        self._on_request = on_request

    async def send(self, request: Any, **config: Any) -> Any:
        if self._on_request is not None:
            self._on_request(request.method, request.url)
        return await super().send(request, **config)
