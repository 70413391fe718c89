"""Blob Storage behind a faulty network: a blob is whole or absent, and nothing is told that isn't so."""

import hashlib
import re
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas
from azure.storage.blob.aio import BlobServiceClient

from adapters.blob_storage import BlobStorage
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import BlobHandle
from tests.adapters import fault_proxy
from tests.adapters.fault_proxy import Exchange, FaultProxy
from tests.azurite import shared

BLOCK = 1000
CONTENT = bytes(n % 256 for n in range(3500))
PARTITION = Partition("tenant-a", "shop")


@dataclass
class Site:
    """A storage behind a faulty network, and the same one reached past it."""

    proxy: FaultProxy
    storage: BlobStorage
    direct: BlobStorage
    container: str

    @property
    def account(self) -> str:
        return _setting("AccountName")

    @property
    def key(self) -> str:
        return _setting("AccountKey")

    async def blobs(self) -> list[str]:
        """Everything that anybody could take for a blob."""
        async with BlobServiceClient.from_connection_string(shared().connection_string) as service:
            return [blob.name async for blob in service.get_container_client(self.container).list_blobs()]

    async def put(self, content: bytes = CONTENT) -> BlobHandle:
        return await self.storage.put(PARTITION, "runs/1/log.txt", pieces(content))

    async def read(self, blob: BlobHandle) -> bytes:
        return b"".join([chunk async for chunk in self.storage.read(PARTITION, blob)])


def _setting(name: str) -> str:
    found = re.search(f"{name}=([^;]+)", shared().connection_string)
    assert found is not None
    return found[1]


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 300):
        yield content[start : start + 300]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    container = f"c-{uuid.uuid4().hex[:20]}"
    connection_string = shared().connection_string
    async with FaultProxy(shared().blob_url.rpartition("/")[0]) as proxy:
        storage = BlobStorage(
            connection_string.replace(proxy.target, proxy.url), container=container, block=BLOCK, backoff=0.05
        )
        direct = BlobStorage(connection_string, container=container, block=BLOCK)
        # The container is there, so that every request of a test is about its blob.
        await direct.put(Partition("tenant-z", "other"), "a", pieces(b"a"))
        yield Site(proxy, storage, direct, container)
        assert proxy.used_up, "a fault that never happened has tested nothing"
        await storage.close()
        await direct.close()


def completing(fault: fault_proxy.Fault) -> fault_proxy.Fault:
    """The fault, for the request that makes blocks a blob; blocks themselves pass."""

    async def chosen(exchange: Exchange) -> web.StreamResponse:
        if exchange.request.query.get("comp") != "blocklist":
            return await exchange.forward()
        return await fault(exchange)

    return chosen


@pytest.mark.parametrize(
    "fault", [fault_proxy.applied_then_cut, fault_proxy.applied_then_503, fault_proxy.applied_then_500]
)
async def test_a_lost_answer_to_the_completion_is_looked_up(site: Site, fault: fault_proxy.Fault) -> None:
    site.proxy.inject(*[fault_proxy.passed] * 4, completing(fault), method="PUT")
    stored = await site.put()
    assert (stored.sha256, stored.size) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert len(await site.blobs()) == 2
    assert await site.read(stored) == CONTENT


async def test_a_lost_answer_where_another_writer_won_is_a_refusal(site: Site) -> None:
    async def overtaken(exchange: Exchange) -> web.StreamResponse:
        await site.direct.put(PARTITION, "runs/1/log.txt", pieces(b"another's"))
        return exchange.cut()

    site.proxy.inject(*[fault_proxy.passed] * 4, completing(overtaken), method="PUT")
    with pytest.raises(Rejected, match="stored already with other content"):
        await site.put()


async def test_a_blob_that_appears_during_the_upload_is_not_overwritten(site: Site) -> None:
    async def overtaken(exchange: Exchange) -> web.StreamResponse:
        await site.direct.put(PARTITION, "runs/1/log.txt", pieces(b"another's"))
        return await exchange.forward()

    # Before the first block: the completion sweeps none of ours away.
    site.proxy.inject(overtaken, method="PUT")
    with pytest.raises(Rejected, match="stored already with other content"):
        await site.put()
    stored = await site.direct.put(PARTITION, "runs/1/log.txt", pieces(b"another's"))
    assert [chunk async for chunk in site.direct.read(PARTITION, stored)] == [b"another's"]


async def test_a_twin_that_finishes_first_is_a_success(site: Site) -> None:
    async def overtaken(exchange: Exchange) -> web.StreamResponse:
        await site.direct.put(PARTITION, "runs/1/log.txt", pieces(CONTENT))
        return await exchange.forward()

    site.proxy.inject(*[fault_proxy.passed] * 4, completing(overtaken), method="PUT")
    assert await site.put() == await site.put()


@pytest.mark.parametrize("reached", [0, 2, 4])
async def test_an_upload_that_is_cut_leaves_no_blob(site: Site, reached: int) -> None:
    site.proxy.inject(*[fault_proxy.passed] * reached, method="PUT")
    site.proxy.always(fault_proxy.cut_before, "PUT")
    with pytest.raises(Unavailable, match=r"^blob storage is unavailable"):
        await site.put()
    assert len(await site.blobs()) == 1
    site.proxy.always(None, "PUT")
    assert await site.read(await site.put()) == CONTENT


@pytest.mark.parametrize("fault", [fault_proxy.busy_503, fault_proxy.cut_before])
async def test_a_block_that_fails_once_is_sent_again(site: Site, fault: fault_proxy.Fault) -> None:
    site.proxy.inject(fault_proxy.passed, fault, method="PUT")
    assert await site.read(await site.put()) == CONTENT


async def test_a_throttled_upload_says_when_to_come_back(site: Site) -> None:
    async def throttled(_: Exchange) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "7"})

    site.proxy.inject(throttled, method="PUT")
    with pytest.raises(Unavailable) as caught:
        await site.put()
    assert caught.value.retry_after == 7
    assert await site.read(await site.put()) == CONTENT


@pytest.mark.parametrize("fault", [fault_proxy.applied_then_half_an_answer, fault_proxy.cut_before])
async def test_a_download_goes_on_where_it_was_cut(site: Site, fault: fault_proxy.Fault) -> None:
    stored = await site.put()
    site.proxy.inject(fault_proxy.passed, fault, method="GET")
    assert await site.read(stored) == CONTENT


async def test_a_download_that_can_not_go_on_is_unavailable_and_never_ends_as_if_whole(site: Site) -> None:
    stored = await site.put()
    site.proxy.inject(fault_proxy.passed, method="GET")
    site.proxy.always(fault_proxy.cut_before, "GET")
    with pytest.raises(Unavailable, match=r"^blob storage is unavailable"):
        await site.read(stored)


async def test_what_others_left_under_the_name_is_never_taken_for_ours(site: Site) -> None:
    stored = await site.put()
    name = stored.uri.partition(f"/{site.container}/")[2]
    async with BlobServiceClient.from_connection_string(shared().connection_string) as service:
        await service.get_blob_client(site.container, name).upload_blob(CONTENT, overwrite=True)
    with pytest.raises(Rejected, match="other content"):
        await site.put()


async def test_memory_stays_small_whatever_the_size_of_the_content(site: Site) -> None:
    sizes: list[int] = []

    async def weighed(exchange: Exchange) -> web.StreamResponse:
        sizes.append(len(exchange.body))
        return await exchange.forward()

    site.proxy.always(weighed, "PUT")
    await site.put(CONTENT * 3)
    assert sorted(sizes)[-10:] == [BLOCK] * 10


async def test_a_handle_holds_no_secret(site: Site) -> None:
    secret = generate_account_sas(
        site.account,
        site.key,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, create=True, list=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    signed = f"BlobEndpoint={shared().blob_url};SharedAccessSignature={secret}"
    storage = BlobStorage(signed, container=site.container)
    stored = await storage.put(PARTITION, "a", pieces(CONTENT))
    assert stored.uri == f"{shared().blob_url.rstrip('/')}/{site.container}/tenant-a/shop/a"
    assert b"".join([chunk async for chunk in storage.read(PARTITION, stored)]) == CONTENT
    await storage.close()


async def test_nobody_there_is_unavailable() -> None:
    storage = BlobStorage(
        shared().connection_string.replace(shared().blob_url, "http://127.0.0.1:9/x"), backoff=0.05
    )
    with pytest.raises(Unavailable, match=r"^blob storage is unavailable"):
        await storage.ping()
    await storage.close()


def test_it_needs_one_way_in() -> None:
    for arguments in ({}, {"connection_string": "x", "blob_url": "https://x", "credential": object()}):
        with pytest.raises(ValueError, match="needs a connection string, or a blob URL and a credential"):
            BlobStorage(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", ["blob_storage", "package_feed", "container_registry", "defender"])
def test_importing_it_costs_no_client_library(module: str) -> None:
    code = f"import sys, adapters.{module}; print({{'aiohttp', 'azure'}} & {{*sys.modules}})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
