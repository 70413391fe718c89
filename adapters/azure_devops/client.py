"""HTTP to Azure DevOps: signs requests, waits when told to, retries what is safe, sorts the answers."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adapters.azure_devops.answers import Answer, read_answer
from adapters.azure_devops.credentials import Credential
from adapters.azure_devops.errors import SERVICE, Kind, Refusal
from adapters.waiting import OutcomeUnknown, TimedCall, Turns
from domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    import aiohttp

VERSION = "7.1"
_SAFE = ("GET", "PUT", "DELETE", "PATCH")


class Client:
    """One HTTP session per process, and the waits that the service has asked each organization for."""

    def __init__(self, credential: Credential, *, deadline: float = 30.0, call_timeout: float = 20.0) -> None:
        self.credential = credential
        self.deadline = deadline
        self.call_timeout = call_timeout
        self._session: aiohttp.ClientSession | None = None
        self.turns = Turns()

    def call(self, url: str, deadline: float | None = None) -> "Api":
        """A new call of the port under this project's URL: its deadline (seconds) starts now."""
        return Api(self, url, self.deadline if deadline is None else deadline)

    async def reach(self, url: str) -> None:
        """Raises `Unavailable` where nothing answers there, whatever the answer says."""
        import aiohttp

        try:
            answer = await self.exchange("GET", url, {}, None, 5.0)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(SERVICE, f"no answer: {str(error) or type(error).__name__}") from error
        if answer.status >= 500:
            raise Unavailable(SERVICE, f"it answered {answer.status}")

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self.credential.close()

    async def exchange(
        self, method: str, url: str, query: Mapping[str, str], body: Any, timeout: float
    ) -> Answer:
        """One request. Raises `aiohttp.ClientError` and `TimeoutError` as they come."""
        import aiohttp

        limits = aiohttp.ClientTimeout(total=min(timeout, self.call_timeout))
        async with await self.start(method, url, query, body, "application/json", limits) as response:
            return read_answer(response.status, response.headers, await response.read())

    async def start(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        body: Any,
        accept: str,
        limits: "aiohttp.ClientTimeout",
    ) -> "aiohttp.ClientResponse":
        """One request up to the head of its answer; who asked reads the rest and closes it."""
        headers = {
            "Authorization": await self.credential.authorization(),
            "Accept": accept,
            "X-TFS-FedAuthRedirect": "Suppress",
        }
        return await self._open_session().request(
            method,
            url,
            params=dict(query),
            json=body,
            headers=headers,
            allow_redirects=False,
            timeout=limits,
        )

    def _open_session(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession()
        return self._session


class Api(TimedCall):
    """One project's routes for one call of the port."""

    def __init__(self, client: Client, url: str, seconds: float) -> None:
        super().__init__(SERVICE, seconds)
        self.client = client
        self._project, self._organization = url, url.rpartition("/")[0]

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, org: bool = False) -> Any:
        """Raises `Refusal`, `Unavailable`."""
        return (await self.request("GET", path, query=query, org=org)).body

    async def find(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """As `get`; None for what does not exist, but never for a repository that doesn't."""
        try:
            return await self.get(path, query)
        except Refusal as refusal:
            if refusal.status != 404 or refusal.kind is Kind.REPOSITORY_MISSING:
                raise
            return None

    async def send(self, method: str, path: str, body: Any, *, org: bool = False) -> Any:
        """Raises `Refusal`, `Unavailable`, and for a POST `OutcomeUnknown`."""
        return (await self.request(method, path, body=body, org=org)).body

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        org: bool = False,
        safe: bool | None = None,
    ) -> Answer:
        """Try until it is answered, for as long as that can't have a second effect and time is left."""
        query = {"api-version": VERSION, **(query or {})}
        url = self.url_of(path, org=org)
        safe = method in _SAFE if safe is None else safe
        while True:
            await self.wait_for_turn()
            answer, trouble, harmless = await self._attempt(method, url, query, body)
            if answer is not None and trouble is None:
                return self.accepted(answer, f"{method} {path}")
            self._last_trouble = trouble or self._last_trouble
            told = answer.retry_after if answer is not None else None
            if not (safe or harmless):
                raise OutcomeUnknown(SERVICE, self._last_trouble, told)
            await self.pause(told)

    def url_of(self, path: str, *, org: bool = False) -> str:
        return f"{self._organization if org else self._project}/_apis/{path}"

    async def wait_for_turn(self) -> None:
        await self.wait_for(self.client.turns, self._organization)

    async def _attempt(
        self, method: str, url: str, query: Mapping[str, str], body: Any
    ) -> tuple[Answer | None, str | None, bool]:
        """The answer, what is wrong where it should be tried again, and whether it surely had no effect."""
        import aiohttp

        left = self.left
        try:
            answer = await self.client.exchange(method, url, query, body, left)
        except aiohttp.ClientConnectorError as error:
            return None, f"no connection: {error}", True
        except (aiohttp.ClientError, TimeoutError) as error:
            if time.monotonic() >= self._ends_at:
                raise Unavailable(SERVICE, self._last_trouble) from error
            return None, f"no answer to {method}: {str(error) or type(error).__name__}", False
        return answer, self.trouble_of(answer), answer.status == 429

    def trouble_of(self, answer: Answer) -> str | None:
        """Why it should be asked again, where it should. Also heeds what the answer says about waiting."""
        if answer.retry_after is not None:
            self.client.turns.slow_down(self._organization, answer.retry_after)
        if answer.status == 429:
            return f"it throttles us: {answer.reason}"
        if answer.status >= 500 or answer.status == 408:
            return f"it answered {answer.status}: {answer.reason}"
        return None

    def accepted(self, answer: Answer, action: str) -> Answer:
        """Raises `Refusal`, and `Unavailable` for a refused credential."""
        if answer.sign_in is not None:
            self.client.credential.forget()
            raise Unavailable(SERVICE, f"it does not accept our credential ({answer.sign_in})")
        if answer.status >= 400:
            raise Refusal(answer.status, answer.body, action)
        return answer
