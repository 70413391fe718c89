"""Listings to their end, and several reads at once."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

from adapters.azure_devops.client import Api

type Json = dict[str, Any]

PAGE = 100


async def skipping(
    api: Api, path: str, query: Mapping[str, str], *, prefix: str = "", page: int = PAGE
) -> AsyncIterator[list[Json]]:
    """Pages of a listing that counts: `<prefix>$top` and `<prefix>$skip`."""
    skip = 0
    while True:
        window = {f"{prefix}$top": str(page), f"{prefix}$skip": str(skip)}
        found: list[Json] = (await api.get(path, {**query, **window}))["value"]
        yield found
        if len(found) < page:
            return
        skip += page


async def everything(api: Api, path: str, query: Mapping[str, str], *, prefix: str = "") -> list[Json]:
    return [item async for page in skipping(api, path, query, prefix=prefix) for item in page]


async def continuing(api: Api, path: str, query: Mapping[str, str]) -> list[Json]:
    """All of a listing that gives a continuation token."""
    found: list[Json] = []
    token: str | None = None
    while True:
        following = {"continuationToken": token} if token is not None else {}
        answer = await api.request("GET", path, query={**query, **following})
        found += answer.body["value"]
        token = answer.continuation
        if token is None:
            return found


async def together(*reads: Coroutine[Any, Any, Any]) -> list[Any]:
    """What the reads answer; the first failure ends them all and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
