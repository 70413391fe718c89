"""The `ImageScanner` port on Microsoft Defender's results in Azure Resource Graph; counterpart:
`adapters.memory.image_scanner`.

Defender writes a row for each finding of an image, and a healthy one where it found nothing. No row at all
means that it has not looked yet.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, override

from adapters.entra import Authorization
from adapters.http import Call, Http, reason
from adapters.repository_names import is_digest, require_own
from domain.kernel.errors import require
from domain.kernel.naming import registry_prefix
from domain.kernel.work import Partition
from domain.ports import ImageScanner
from domain.provided import ProvidedFinding, ProvidedScan

SERVICE = "Microsoft Defender"
AZURE = "https://management.azure.com"
ENTRA_SCOPE = "https://management.azure.com/.default"

_ROUTE = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
_PAGE = 1000
_ROWS = """securityresources
| where type == 'microsoft.security/assessments/subassessments'
| where properties.additionalData.assessedResourceType == 'AzureContainerRegistryVulnerability'
"""
# Pages need an order that is everybody's own.
_ORDER = "| order by id asc\n"
_ARTIFACT = "properties.additionalData.artifactDetails"
# What may stand between the quotes of a query. Everything asked for is checked before; this is the last door.
_QUOTABLE = re.compile(r"[a-z0-9:/._-]*")
_SEVERITIES = ("Critical", "High", "Medium", "Low", "Unknown")
"""the worst first"""

type _Row = Mapping[str, Any]


class DefenderScans(ImageScanner):
    """`authorization`: a `BearerToken` for `ENTRA_SCOPE`, its maker's to close, or a fixed header.

    `deadline` bounds each call of the port, `call_timeout` each request; both are in seconds.
    """

    def __init__(
        self,
        authorization: Authorization,
        subscriptions: Sequence[str],
        *,
        management_url: str = AZURE,
        deadline: float = 30.0,
        call_timeout: float = 20.0,
    ) -> None:
        if not subscriptions:
            raise ValueError("scans need the subscriptions that hold the registry")
        self._authorization, self._subscriptions = authorization, list(subscriptions)
        self._url = management_url.rstrip("/") + _ROUTE
        self._http = Http(SERVICE, deadline=deadline, call_timeout=call_timeout, longest_body=2**26)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    @override
    async def scan(
        self, partition: Partition, registry: str, repository: str, digest: str
    ) -> ProvidedScan | None:
        require_own(partition, repository)
        require(is_digest(digest), f"{digest} is not a sha256 digest")
        query = (
            f"{_ROWS}| where {_ARTIFACT}.digest == {_quoted(digest)}\n"
            f"| where tolower({_ARTIFACT}.repositoryName) == {_quoted(repository)}\n{_ORDER}"
        )
        wanted = (registry.lower(), repository, digest)
        rows = [row for row in await self._rows(query) if _image(row) == wanted]
        times = [moment for row in rows if (moment := _moment(row)) is not None]
        if not times:
            return None
        return ProvidedScan(max(times), _findings(rows))

    @override
    async def scanned_since(self, partition: Partition, since: datetime) -> Sequence[tuple[str, str, str]]:
        prefix = registry_prefix(partition)
        query = f"{_ROWS}| where properties.timeGenerated >= datetime({_written(since)})\n{_ORDER}"
        found = set()
        for row in await self._rows(query):
            image, moment = _image(row), _moment(row)
            if image[1].startswith(prefix) and is_digest(image[2]) and moment is not None and moment >= since:
                found.add(image)
        return tuple(sorted(found))

    async def _rows(self, query: str) -> list[_Row]:
        """The properties of all rows of all pages."""
        call, rows, token = self._http.call(), list[_Row](), None
        while True:
            document = await self._page(call, query, token)
            for row in document["data"]:
                properties = row.get("properties") if isinstance(row, dict) else None
                if not isinstance(properties, dict):
                    raise self._http.unavailable("it answered rows without properties")
                rows.append(properties)
            token = document.get("$skipToken")
            if not token:
                return rows

    async def _page(self, call: Call, query: str, token: str | None) -> dict[str, Any]:
        options = {"resultFormat": "objectArray", "$top": _PAGE, **({"$skipToken": token} if token else {})}
        body = json.dumps({"subscriptions": self._subscriptions, "query": query, "options": options}).encode()
        headers = {"Content-Type": "application/json"}
        # A query changes nothing: it may be asked again.
        answer = await call.authorized(self._authorization, "POST", self._url, headers=headers, body=body)
        document = answer.json() if answer.status == 200 else None
        if not isinstance(document, dict) or not isinstance(document.get("data"), list):
            raise self._http.unavailable(f"it answered {answer.status} to a query: {reason(answer)}")
        return document


def _findings(rows: Sequence[_Row]) -> tuple[ProvidedFinding, ...]:
    """One per vulnerability: the worst of its rows, exempt only where all of them are."""
    found: dict[str, ProvidedFinding] = {}
    for row in rows:
        status, details = _part(row, "status"), _part(row, "additionalData", "vulnerabilityDetails")
        if status.get("code") == "Healthy":
            continue
        id = str(details.get("cveId") or row.get("id") or "unknown")
        exempt = (status.get("code"), status.get("cause")) == ("NotApplicable", "Exempt")
        one = ProvidedFinding(id, _severity(details.get("severity") or status.get("severity")), exempt)
        other = found.get(id, one)
        worst = min(one, other, key=lambda finding: _SEVERITIES.index(finding.severity))
        found[id] = ProvidedFinding(id, worst.severity, one.exempt and other.exempt)
    return tuple(found[id] for id in sorted(found))


def _severity(word: object) -> str:
    written = str(word).capitalize()
    return written if written in _SEVERITIES else "Unknown"


def _image(row: _Row) -> tuple[str, str, str]:
    """Registry, repository, digest."""
    artifact = _part(row, "additionalData", "artifactDetails")
    host, name = str(artifact.get("registryHost")).lower(), str(artifact.get("repositoryName")).lower()
    return host, name, str(artifact.get("digest"))


def _moment(row: _Row) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(row.get("timeGenerated")))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _part(row: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        row = row.get(name) if isinstance(row, dict) else None
    return row if isinstance(row, dict) else {}


def _quoted(text: str) -> str:
    if _QUOTABLE.fullmatch(text) is None:
        raise ValueError(f"{text!r} must not stand in a query")
    return f"'{text}'"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
