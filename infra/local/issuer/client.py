"""How tests, the demo and `make up` come by a token."""

from collections.abc import Sequence
from typing import Any

import aiohttp

from infra.local.issuer.people import PEOPLE


async def token(
    session: aiohttp.ClientSession,
    issuer: str,
    person: str,
    roles: Sequence[str] | None = None,
    **more: Any,
) -> str:
    """An access token for a person, with the roles that people.py gives them unless told otherwise.

    A role counts in every tenant, or as `<role>@<tenantId>` in one. `more` is what `POST /token` takes.
    """
    asked = {"person": person, "roles": list(PEOPLE.get(person, ()) if roles is None else roles), **more}
    return await _asked(session, issuer, asked)


async def application_token(
    session: aiohttp.ClientSession, issuer: str, application: str, roles: Sequence[str], **more: Any
) -> str:
    """The same for an application that acts by itself."""
    return await _asked(session, issuer, {"application": application, "roles": list(roles), **more})


async def _asked(session: aiohttp.ClientSession, issuer: str, asked: dict[str, Any]) -> str:
    async with session.post(f"{issuer}/token", json=asked) as answer:
        answer.raise_for_status()
        made: str = (await answer.json())["access_token"]
        return made
