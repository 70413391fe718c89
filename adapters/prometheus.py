"""The `MetricSource` port on Prometheus' HTTP API; counterpart: `adapters.memory.metric_source`."""

import math
from typing import Any, override
from urllib.parse import quote, urlencode

from adapters.entra import Authorization
from adapters.http import Answer, Http, reason
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.ports import MetricSource

SERVICE = "Prometheus"
SETTING = "Metrics__url"


class PrometheusMetrics(MetricSource):
    """`url` is what stands before `/api/v1/query`; `{tenantId}` and `{projectId}` in it are those that ask.
    Without one every query is refused.

    `deadline` bounds each call of the port, `call_timeout` each request; both are in seconds.
    """

    def __init__(
        self,
        url: str | None,
        authorization: Authorization | None = None,
        *,
        deadline: float = 30.0,
        call_timeout: float = 10.0,
    ) -> None:
        self._url, self._authorization = (url or "").rstrip("/"), authorization
        self._http = Http(SERVICE, deadline=deadline, call_timeout=call_timeout)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    @override
    async def query(self, partition: Partition, query: str) -> float | None:
        if not self._url:
            raise Rejected(f"the platform has no source of metrics: its operator has not set {SETTING}")
        root = self._url.replace("{tenantId}", _quoted(partition.tenant_id))
        root = root.replace("{projectId}", _quoted(partition.project_id))
        headers = {"Accept": "application/json"}
        if self._authorization is not None:
            headers["Authorization"] = await self._authorization.authorization()
        url = f"{root}/api/v1/query?{urlencode({'query': query})}"
        answer = await self._http.call().request("GET", url, headers=headers)
        if answer.status == 401 and self._authorization is not None:
            self._authorization.forget()
        return self._value(query, self._data(query, answer))

    def _data(self, query: str, answer: Answer) -> dict[str, Any]:
        found = answer.json()
        fields = found if isinstance(found, dict) else {}
        if answer.status == 400 and fields.get("errorType") == "bad_data":
            raise Rejected(f"Prometheus does not understand {query}: {reason(answer)}")
        data = fields.get("data")
        if answer.status != 200 or fields.get("status") != "success" or not isinstance(data, dict):
            raise self._http.unavailable(f"it answered {answer.status} to a query: {reason(answer)}")
        return data

    def _value(self, query: str, data: dict[str, Any]) -> float | None:
        kind, result = data.get("resultType"), data.get("result")
        if kind not in ("vector", "scalar"):
            raise Rejected(f"{query} gives a {kind}, not a number")
        if not isinstance(result, list):
            raise self._http.unavailable("it answered a result that is no list")
        if kind == "scalar":
            return self._number(result)
        if not result:
            return None
        if len(result) > 1:
            raise Rejected(f"{query} gives {len(result)} values, not one")
        sample = result[0] if isinstance(result[0], dict) else {}
        if "histogram" in sample:
            raise Rejected(f"{query} gives a histogram, not a number")
        return self._number(sample.get("value"))

    def _number(self, sample: Any) -> float | None:
        """Of a moment and a number that is written as text."""
        try:
            _, written = sample
            value = float(written)
        except (TypeError, ValueError):
            raise self._http.unavailable(f"it answered {sample!r} for a value") from None
        return value if math.isfinite(value) else None


def _quoted(id: str) -> str:
    """As one segment of a path. Raises `Rejected` for what a path would take for another place."""
    if not id.strip("."):
        raise Rejected(f"a tenant or project named {id!r} has no metrics")
    return quote(id, safe="")
