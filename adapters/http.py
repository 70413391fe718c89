"""HTTP to services with few routes: waits when told to, retries what is safe, ends by its deadline.

Status codes are the caller's to judge, but for those that say "later": 408, 429 and 5xx.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adapters.waiting import OutcomeUnknown, TimedCall, Turns, read_retry_after
from domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    import aiohttp

    from adapters.entra import Authorization

_PIECE = 256 * 1024
"""bytes"""


@dataclass(frozen=True)
class Answer:
    """`headers` have names in lower case, each once; of a body that was only digested `sha512` remains."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sha512: str | None = None

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def retry_after(self) -> float | None:
        return read_retry_after(self.headers.get("retry-after"))


class Http:
    """One session per process. `deadline` bounds each call of a port, `call_timeout` each request."""

    def __init__(
        self, service: str, *, deadline: float = 30.0, call_timeout: float = 20.0, longest_body: int = 2**23
    ) -> None:
        self.service, self.deadline, self.call_timeout = service, deadline, call_timeout
        self.longest_body = longest_body
        """bytes"""
        self.turns = Turns()
        """of each host"""
        self._session: aiohttp.ClientSession | None = None

    def call(self, deadline: float | None = None) -> "Call":
        """A new call of the port: its deadline starts now."""
        return Call(self, self.deadline if deadline is None else deadline)

    def session(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def unavailable(self, reason: str) -> Unavailable:
        return Unavailable(self.service, reason)


class Call(TimedCall):
    """The requests of one call of the port."""

    def __init__(self, http: Http, seconds: float) -> None:
        super().__init__(http.service, seconds)
        self._http = http

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], Any] | None = None,
        safe: bool = True,
        follow: bool = False,
        digest: bool = False,
    ) -> Answer:
        """Try until it is answered. `body` makes a fresh one for each try; `follow` follows redirects, and
        tells no other host our credential; with `digest` a success's body is only digested.

        Raises `Unavailable`, and where it is not `safe` to ask twice `OutcomeUnknown`.
        """
        host = urlsplit(url).netloc
        options = {"headers": dict(headers or {}), "allow_redirects": follow}
        while True:
            await self.wait_for(self._http.turns, host)
            answer, harmless = await self._attempt(method, url, options, body, digest)
            if answer is not None and not _is_later(answer.status):
                return answer
            told = answer.retry_after if answer is not None else None
            if told is not None:
                self._http.turns.slow_down(host, told)
            if not (safe or harmless):
                raise OutcomeUnknown(self._http.service, self._last_trouble, told)
            await self.pause(told)

    async def authorized(
        self,
        authorization: "Authorization",
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        safe: bool = True,
    ) -> Answer:
        """As `request`, signed; raises `Unavailable` too where the service does not take that."""
        signed = {"Authorization": await authorization.authorization(), **(headers or {})}
        given = None if body is None else lambda: body
        answer = await self.request(method, url, headers=signed, body=given, safe=safe)
        if answer.status == 401:
            authorization.forget()
            raise self._http.unavailable(f"it does not accept our credential: {reason(answer)}")
        return answer

    async def _attempt(
        self, method: str, url: str, options: dict[str, Any], body: Callable[[], Any] | None, digest: bool
    ) -> tuple[Answer | None, bool]:
        """The answer, None where none came whole, and whether the request surely had no effect."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=min(self.left, self._http.call_timeout))
        data = body() if body is not None else None
        try:
            async with self._http.session().request(
                method, url, data=data, timeout=timeout, **options
            ) as response:
                answer = await self._read(response, digest)
        except aiohttp.ClientConnectorError as error:
            self.trouble(f"no connection: {error}")
            return None, True
        except (aiohttp.ClientError, TimeoutError) as error:
            if time.monotonic() < self._ends_at:
                self.trouble(f"no answer to {method}: {str(error) or type(error).__name__}")
            return None, False
        if _is_later(answer.status):
            self.trouble(f"it answered {answer.status}: {reason(answer)}")
        return answer, answer.status == 429

    async def _read(self, response: "aiohttp.ClientResponse", digest: bool) -> Answer:
        names = {name.lower() for name in response.headers}
        headers = {name: ", ".join(response.headers.getall(name)) for name in names}
        if digest and response.status == 200:
            received = hashlib.sha512()
            async for piece in response.content.iter_chunked(_PIECE):
                received.update(piece)
            return Answer(response.status, headers, b"", received.hexdigest())
        body = bytearray()
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > self._http.longest_body:
                raise self._http.unavailable(f"its answer is longer than {self._http.longest_body} bytes")
        return Answer(response.status, headers, bytes(body))


def reason(answer: Answer) -> str:
    """What the service says about an answer, in one line."""
    found = answer.json()
    for key in ("error", "errors"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict):
        found = found.get("message") or found.get("code")
    # A page of HTML says nothing that anyone could read.
    if not isinstance(found, str):
        text = answer.body[:300].decode("utf-8", "replace").strip()
        found = "" if text[:1] in ("<", "{", "[") else text
    return " ".join(found.split()) or f"status {answer.status}"


def _is_later(status: int) -> bool:
    return status in (408, 429) or status >= 500
