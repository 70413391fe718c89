"""HTTP to services with few routes: waits when told to, retries what is safe, ends by its deadline.

Status codes are the caller's to judge, but for those that say "later": 408, 429 and 5xx.
"""

import asyncio
import email.utils
import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    import aiohttp

LONGEST_WAIT = 30.0
"""Seconds, as all times here; a longer Retry-After is cut to this."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_PIECE = 256 * 1024
"""bytes"""


class OutcomeUnknown(Unavailable):
    """The request may have had its effect: look before asking again."""


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
        return _seconds(self.headers.get("retry-after"))


class Http:
    """One session per process. `deadline` bounds each call of a port, `call_timeout` each request."""

    def __init__(
        self, service: str, *, deadline: float = 30.0, call_timeout: float = 20.0, longest_body: int = 2**23
    ) -> None:
        self.service, self.deadline, self.call_timeout = service, deadline, call_timeout
        self.longest_body = longest_body
        """bytes"""
        self.not_before: dict[str, float] = {}
        """Until when each host asked to be left alone."""
        self._session: aiohttp.ClientSession | None = None

    def call(self, deadline: float | None = None) -> "Call":
        """A new call of the port: its deadline starts now."""
        return Call(self, time.monotonic() + (self.deadline if deadline is None else deadline))

    def session(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def unavailable(self, reason: str, retry_after: float | None = None) -> Unavailable:
        return Unavailable(self.service, reason, retry_after)


class Call:
    """The requests of one call of the port, which ends by its deadline whatever happens."""

    def __init__(self, http: Http, ends_at: float) -> None:
        self._http, self._ends_at = http, ends_at
        self._last_trouble = "it took too long"
        self._next_pause = _FIRST_PAUSE

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
            while (wait := self._http.not_before.get(host, 0.0) - time.monotonic()) > 0:
                self.trouble("it asked us to slow down")
                await self.sleep(wait, wait)
            answer, harmless = await self._attempt(method, url, options, body, digest)
            if answer is not None and not _is_later(answer.status):
                return answer
            told = answer.retry_after if answer is not None else None
            if told is not None:
                self._slow_down(host, told)
            if not (safe or harmless):
                raise OutcomeUnknown(self._http.service, self._last_trouble, told)
            if told is None:
                await self.pause()
            else:
                await self.sleep(told, told)

    async def sleep(self, seconds: float, retry_after: float | None = None) -> None:
        """Wait. Raises `Unavailable` at once where the deadline would pass meanwhile."""
        seconds = min(seconds, LONGEST_WAIT)
        if time.monotonic() + seconds >= self._ends_at:
            raise self._http.unavailable(self._last_trouble, retry_after)
        await asyncio.sleep(seconds)

    async def pause(self) -> None:
        """Wait before looking or asking again, each time longer. Raises `Unavailable` as `sleep` does."""
        await self.sleep(self._next_pause * random.uniform(0.7, 1.3))
        self._next_pause = min(self._next_pause * 1.5, _LONGEST_PAUSE)

    def trouble(self, reason: str) -> None:
        """What to say if the deadline passes while the caller waits for something."""
        self._last_trouble = reason

    def _slow_down(self, host: str, seconds: float) -> None:
        now = time.monotonic()
        waits = {key: moment for key, moment in self._http.not_before.items() if moment > now}
        waits[host] = max(now + min(seconds, LONGEST_WAIT), waits.get(host, 0.0))
        self._http.not_before = waits

    async def _attempt(
        self, method: str, url: str, options: dict[str, Any], body: Callable[[], Any] | None, digest: bool
    ) -> tuple[Answer | None, bool]:
        """The answer, None where none came whole, and whether the request surely had no effect."""
        import aiohttp

        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise self._http.unavailable(self._last_trouble)
        timeout = aiohttp.ClientTimeout(total=min(left, self._http.call_timeout))
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


def _seconds(value: str | None) -> float | None:
    """Retry-After: seconds or an HTTP date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
