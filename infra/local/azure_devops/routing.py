"""Routes matched without regard to case, as the service does, and what a handler receives."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import ApiError, invalid_argument
from infra.local.azure_devops.identities import Identity
from infra.local.emulation import routing
from infra.local.emulation.routing import Router
from infra.local.emulation.state import Json


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One authenticated request; lag (seconds) hides what was created that recently from listings."""

    emulator: Emulator
    request: web.Request
    params: dict[str, str]
    query: dict[str, str]
    identity: Identity
    raw: bytes = b""
    body: Any = None
    lag: float = 0.0

    @property
    def org(self) -> str:
        return self.params["org"]

    def object_body(self) -> Json:
        if not isinstance(self.body, dict):
            raise invalid_argument("The request body must be a JSON object.")
        return self.body

    def search(self, name: str) -> str | None:
        return self.query.get(f"searchcriteria.{name.lower()}")

    def flag(self, name: str) -> bool:
        return self.query.get(name.lower(), "").lower() == "true"

    def number(self, *names: str, default: int) -> int:
        """The first of these query values that is there, as a number that is not negative."""
        for name in names:
            text = self.query.get(name.lower())
            if text is not None:
                if not text.isdecimal():
                    raise invalid_argument(f"'{text}' is not a valid value of {name}.")
                return int(text)
        return default


type Handler = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


class Route(routing.Route[Handler]):
    """[/{project}] marks an optional part of a template."""

    flags = re.IGNORECASE

    def __init__(self, method: str, template: str, handler: Handler, *, preview: bool = False) -> None:
        super().__init__(method, template, handler)
        self.preview = preview

    @classmethod
    def expression(cls, template: str) -> str:
        strict = super().expression(template).removesuffix("/?")
        return strict.replace(r"\[", "(?:").replace(r"\]", ")?")

    @property
    def needs_version(self) -> bool:
        return "/_apis/" in self.template


def router(routes: Sequence[Route]) -> Router[Route]:
    return Router(
        routes,
        lambda path: ApiError(404, "VssResourceNotFoundException", f"No resource matches {path}."),
        lambda method: ApiError(
            405,
            "VssHttpMethodNotAllowedException",
            f"The requested resource does not support http method '{method}'.",
        ),
    )


def page(call: Call, items: list[Json], *, default_top: int) -> list[Json]:
    """The part of a listing that $top and $skip ask for."""
    skip = call.number("searchCriteria.$skip", "$skip", "skip", default=0)
    top = call.number("searchCriteria.$top", "$top", "top", default=default_top)
    return items[skip : skip + top]


def listing(items: list[Json], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(200, {"value": items, "count": len(items)}, headers or {})


_VERSION = re.compile(r"(\d+)\.(\d+)(-preview(?:\.\d+)?)?")
_NEWEST = (7, 2)


def check_version(call: Call, *, preview: bool) -> None:
    """api-version is required, known, and a preview where the resource never left it."""
    method = call.request.method
    text = call.query.get("api-version")
    if text is None:
        accepted = re.search(r"api-version=([^;,\s]+)", call.request.headers.get("Accept", ""))
        text = accepted[1] if accepted else None
    if text is None:
        raise ApiError(
            400,
            "VssVersionNotSpecifiedException",
            f'No api-version was supplied for the "{method}" request. The version must be supplied either '
            'as part of the Accept header (e.g. "application/json; api-version=1.0") or as a query '
            'parameter (e.g. "?api-version=1.0").',
        )
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ApiError(400, "VssInvalidApiVersionException", f"'{text}' is not an api-version.")
    if (int(found[1]), int(found[2])) > _NEWEST:
        raise ApiError(
            400, "VssVersionOutOfRangeException", f"The requested REST API version of {text} is out of range."
        )
    if preview and not found[3]:
        raise ApiError(
            400,
            "VssInvalidPreviewVersionException",
            f"The requested version {text} of the resource is under preview. The -preview flag must be "
            f"supplied in the api-version for such requests. For example: {text}-preview",
        )
