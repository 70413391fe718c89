"""Routes by path template."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from infra.local.emulation.refusal import Refusal


class Route[Handler]:
    """A method and a path template; no part in braces holds a slash."""

    flags: ClassVar[re.RegexFlag] = re.NOFLAG

    def __init__(self, method: str, template: str, handler: Handler) -> None:
        self.method = method
        self.template = template
        self.handler = handler
        self._pattern = re.compile(self.expression(template), self.flags)

    @classmethod
    def expression(cls, template: str) -> str:
        """The regular expression of a template."""
        return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)) + "/?"

    def match(self, path: str) -> dict[str, str] | None:
        found = self._pattern.fullmatch(path)
        return {name: part for name, part in found.groupdict().items() if part is not None} if found else None


class Router[R: Route[Any]]:
    """`nothing_at` words a path that there is not, `not_allowed` a method that a path does not have."""

    def __init__(
        self,
        routes: Sequence[R],
        nothing_at: Callable[[str], Refusal],
        not_allowed: Callable[[str], Refusal],
    ) -> None:
        self._routes, self._nothing_at, self._not_allowed = routes, nothing_at, not_allowed

    def resolve(self, method: str, path: str) -> tuple[R, dict[str, str]]:
        """The first route that matches, and what stands for the names in its template."""
        other_method = False
        for route in self._routes:
            params = route.match(path)
            if params is not None:
                if route.method == method:
                    return route, params
                other_method = True
        raise self._not_allowed(method) if other_method else self._nothing_at(path)

    def template_of(self, method: str, path: str) -> str:
        try:
            return self.resolve(method, path)[0].template
        except Refusal:
            return "(none)"
