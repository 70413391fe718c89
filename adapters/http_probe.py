"""The `HealthProbe` port over HTTP; counterpart: `adapters.memory.health_probe`.

Whoever defines a health gate names its URL: the platform asks only hosts that its operator has listed, and
follows nobody to another.
"""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, override

from domain.kernel.errors import Rejected
from domain.ports import HealthProbe
from domain.provided import ProvidedProbe

if TYPE_CHECKING:
    import aiohttp
    import yarl

SETTING = "HealthGates__hosts"

_PIECE = 16 * 1024
_LARGEST = 64 * 1024
"""bytes of an answer that are read; only that it comes matters"""
_LONGEST = 60.0
"""seconds"""


class AllowedHosts:
    """Entries are `host`, `host:port`, or with `*.` before it all that is below it, but no addresses. Without
    a port an entry is for the default one of the URL's scheme."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = frozenset(entry.strip().lower() for entry in entries if entry.strip())

    def require(self, url: str) -> "yarl.URL":
        """The URL as it is to be asked. Raises `Rejected` where it may not."""
        import yarl

        try:
            # What is checked is what is asked: both come of the same reading.
            parsed = yarl.URL(url)
            host, port = (parsed.host or "").lower().rstrip("."), parsed.port
        except ValueError:
            raise Rejected(f"{url} is not a URL") from None
        if parsed.scheme not in ("http", "https") or not host or port is None:
            raise Rejected(f"{url} is not the URL of a website")
        if parsed.user is not None or parsed.password is not None:
            raise Rejected(f"the URL of {host} holds a user or a password, which a health gate must not")
        shown = f"[{host}]" if ":" in host else host
        written = {f"{shown}:{port}"} | ({shown} if parsed.is_default_port() else set())
        labels = host.split(".")
        # A name whose last label is a number is read as an address, in any of its notations.
        if not (labels[-1][:1].isdigit() or ":" in host):
            below = {".".join(["*", *labels[at:]]) for at in range(1, len(labels))}
            written |= {f"{entry}:{port}" for entry in below} | (below if parsed.is_default_port() else set())
        if not written & self._entries:
            asked = shown if parsed.is_default_port() else f"{shown}:{port}"
            raise Rejected(f"the platform may not ask {asked}: its operator has not listed it in {SETTING}")
        return parsed


class HttpProbe(HealthProbe):
    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        self._allowed = AllowedHosts(allowed_hosts)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @override
    async def get(self, url: str, timeout_seconds: float) -> ProvidedProbe:
        import aiohttp

        asked = self._allowed.require(url)
        seconds = min(timeout_seconds, _LONGEST)
        timeout, started = aiohttp.ClientTimeout(total=max(seconds, 0.001)), time.monotonic()
        try:
            async with self._opened().get(asked, allow_redirects=False, timeout=timeout) as response:
                read = 0
                async for piece in response.content.iter_chunked(_PIECE):
                    read += len(piece)
                    if read >= _LARGEST:
                        break
                return ProvidedProbe(response.status, _since(started))
        except TimeoutError:
            return ProvidedProbe(None, _since(started), f"no answer within {seconds:g} seconds")
        except aiohttp.ClientConnectorError as error:
            return ProvidedProbe(None, _since(started), f"no connection: {error}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return ProvidedProbe(None, _since(started), f"no answer: {str(error) or type(error).__name__}")

    def _opened(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None or self._session.closed:
            # A connection that was kept says nothing of whether a new one can be made.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
