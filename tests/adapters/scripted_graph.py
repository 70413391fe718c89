"""Azure Resource Graph that answers pages of Defender's rows from a script."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from domain.kernel.work import Partition
from tests.adapters.scripted_service import Reply, ScriptedService
from tests.infra.oci_client import digest_of

PARTITION = Partition("acme", "shop")
HOST = "reg.example"
REPOSITORY = "acme/shop/orders-api"
DIGEST = digest_of(b"image")
NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)

type Json = dict[str, Any]


def row(
    code: str = "Unhealthy",
    severity: str = "High",
    cve: str | None = "CVE-1",
    cause: str = "",
    at: str = "2026-05-06T12:00:00.1234567Z",
    **artifact: str,
) -> Json:
    details = {"cveId": cve, "severity": severity} if cve is not None else {}
    image = {"registryHost": HOST, "repositoryName": REPOSITORY, "digest": DIGEST, **artifact}
    return {
        "properties": {
            "id": "sub-1",
            "status": {"code": code, "severity": severity, "cause": cause},
            "timeGenerated": at,
            "additionalData": {"artifactDetails": image, "vulnerabilityDetails": details},
        }
    }


HEALTHY = row("Healthy", "None", None)


class Graph:
    """The last page is for ever; `bodies` are the questions."""

    def __init__(self, service: ScriptedService) -> None:
        self.service = service
        self.bodies: list[Json] = []

    def has(self, *pages: list[Json] | web.Response | Reply) -> None:
        self.service.script = [self._page(page, n + 1 < len(pages)) for n, page in enumerate(pages)]

    def _page(self, page: list[Json] | web.Response | Reply, more: bool) -> Reply:
        async def reply(request: web.Request) -> web.StreamResponse:
            self.bodies.append(await request.json())
            if isinstance(page, list):
                token = {"$skipToken": f"after-{len(self.bodies)}"} if more else {}
                return web.json_response({"data": page, "count": len(page), **token})
            if isinstance(page, web.Response):
                return web.Response(status=page.status, headers=page.headers, body=page.body)
            return await page(request)

        return reply
