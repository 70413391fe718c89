"""The `HealthProbe` port in memory; counterpart: `adapters.http_probe`."""

from collections.abc import Iterable
from typing import override

from adapters.http_probe import AllowedHosts
from adapters.memory.outside import Outside
from domain.ports import HealthProbe
from domain.provided import ProvidedProbe


class MemoryHealthProbe(Outside, HealthProbe):
    """Every endpoint answers 200 in 5 ms, until somebody says otherwise. `allowed_hosts` as those of
    `HttpProbe`; None allows all."""

    def __init__(self, allowed_hosts: Iterable[str] | None = None) -> None:
        super().__init__("the health probe")
        self._allowed = AllowedHosts(allowed_hosts) if allowed_hosts is not None else None
        self._answers: dict[str, ProvidedProbe] = {}

    def answers(
        self, prefix: str, status: int | None, *, milliseconds: int = 5, problem: str | None = None
    ) -> None:
        """URLs that begin so are answered so, those of the longest prefix; without a status, not at all."""
        problem = problem or ("no answer" if status is None else None)
        self._answers[prefix] = ProvidedProbe(status, milliseconds, problem)

    @override
    async def get(self, url: str, timeout_seconds: float) -> ProvidedProbe:
        async with self._call("get"):
            if self._allowed is not None:
                self._allowed.require(url)
            prefix = max((one for one in self._answers if url.startswith(one)), key=len, default=None)
            found = self._answers[prefix] if prefix is not None else ProvidedProbe(200, 5)
            limit = round(timeout_seconds * 1000)
            if found.milliseconds > limit:
                return ProvidedProbe(None, limit, f"no answer within {timeout_seconds:g} seconds")
            return found
