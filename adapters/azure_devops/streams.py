"""Downloads: begun as patiently as everything is asked for, but never begun anew once a byte has come."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from adapters.azure_devops.answers import read_answer
from adapters.azure_devops.client import VERSION, Api
from adapters.azure_devops.errors import SERVICE, Refusal
from domain.kernel.errors import Unavailable

if TYPE_CHECKING:
    import aiohttp

_CHUNK = 64 * 1024
_BYTES = "application/octet-stream"
_OWN_HOSTS = ("dev.azure.com", "visualstudio.com")


def download(
    api: Api, path: str, query: Mapping[str, str] | None = None, *, accept: str = _BYTES
) -> AsyncGenerator[bytes]:
    """Raises `Refusal`, and `Unavailable` where the rest of it does not come."""
    return _chunks(api, api.url_of(path), {"api-version": VERSION, **(query or {})}, accept)


def download_url(api: Api, url: str, accept: str) -> AsyncGenerator[bytes]:
    """As `download`, of a URL that the service gave: only from hosts that may have our credential."""
    if not _trusted(url, api.url_of("")):
        raise Unavailable(SERVICE, f"it names a download at {urlsplit(url).netloc}, which is not its own")
    return _chunks(api, url, {}, accept)


async def read_whole(api: Api, path: str, query: Mapping[str, str]) -> bytes | None:
    """The bytes; None where there are none but a description. Begun again, where cut, until the deadline."""
    import aiohttp

    while True:
        response = await _opened(api, api.url_of(path), {"api-version": VERSION, **query}, _BYTES)
        try:
            async with response:
                return None if response.content_type == "application/json" else await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            api.trouble(_halfway(error))
            await api.pause()


async def _chunks(api: Api, url: str, query: Mapping[str, str], accept: str) -> AsyncGenerator[bytes]:
    import aiohttp

    response = await _opened(api, url, query, accept)
    try:
        async for part in response.content.iter_chunked(_CHUNK):
            yield part
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(SERVICE, _halfway(error)) from error
    finally:
        response.close()


async def _opened(api: Api, url: str, query: Mapping[str, str], accept: str) -> "aiohttp.ClientResponse":
    """A 2xx with what was asked for behind it. Raises `Refusal`, `Unavailable`."""
    import aiohttp

    # How long the whole takes depends on its size: only the silences in it are bounded.
    limits = aiohttp.ClientTimeout(total=None, sock_read=api.client.call_timeout)
    while True:
        await api.wait_for_turn()
        try:
            async with asyncio.timeout(min(api.left, api.client.call_timeout)):
                response = await api.client.start("GET", url, query, None, accept, limits)
                if response.status < 300 and response.status != 203 and response.content_type != "text/html":
                    return response
                async with response:
                    answer = read_answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            api.trouble(f"no answer to GET: {str(error) or type(error).__name__}")
            await api.pause()
            continue
        trouble = api.trouble_of(answer)
        if trouble is None:
            api.accepted(answer, f"GET {urlsplit(url).path}")
            raise Refusal(answer.status, answer.body, f"GET {urlsplit(url).path}")
        api.trouble(trouble)
        await api.pause(answer.retry_after)


def _halfway(error: Exception) -> str:
    return f"a download ended halfway: {str(error) or type(error).__name__}"


def _trusted(url: str, ours: str) -> bool:
    given, own = urlsplit(url), urlsplit(ours)
    if (given.scheme, given.netloc) == (own.scheme, own.netloc):
        return True
    host = given.hostname or ""
    return given.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in _OWN_HOSTS)
