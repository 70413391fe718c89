"""What an environment's agent is asked to reconcile with, watched at the cluster as kubectl would."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from adapters.kubernetes.flux import REQUESTED_AT
from adapters.kubernetes.kinds import KUSTOMIZATION


@asynccontextmanager
async def watched_tokens(url: str, token: str, namespace: str) -> AsyncIterator[list[str]]:
    """Fills the list while the block runs; each change of the annotation is an effective request."""
    tokens: list[str] = []
    begun = asyncio.Event()

    async def watch() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        endless = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(url, headers=headers, timeout=endless, read_bufsize=2**22) as http,
            http.get(KUSTOMIZATION.path(namespace), params={"watch": "true"}) as answer,
        ):
            begun.set()
            async for line in answer.content:
                asked = json.loads(line)["object"]["metadata"].get("annotations", {}).get(REQUESTED_AT)
                if asked is not None and [asked] != tokens[-1:]:
                    tokens.append(asked)

    watching = asyncio.create_task(watch())
    await asyncio.wait({watching, asyncio.create_task(begun.wait())}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield tokens
        assert not watching.done(), "the watch has ended before its time"
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
