"""What every `ContainerRegistry` keeps to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from adapters.container_registry import OciRegistry
from adapters.memory.container_registry import MemoryContainerRegistry
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.ports import ContainerRegistry
from tests.infra import container_registry_fixture
from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import LAYER, MANIFEST, OciClient, digest_of

registry = container_registry_fixture.registry


class Site(Protocol):
    """A registry as its other users have it."""

    @property
    def port(self) -> ContainerRegistry: ...

    async def push(self, partition: Partition, repository: str, tag: str, content: bytes) -> str: ...
    async def retag(self, partition: Partition, repository: str, tag: str, digest: str) -> None: ...
    async def delete(self, partition: Partition, repository: str, digest: str) -> None: ...


class MemorySite(Site):
    def __init__(self) -> None:
        self._memory = MemoryContainerRegistry()

    @property
    def port(self) -> ContainerRegistry:
        return self._memory

    async def push(self, partition: Partition, repository: str, tag: str, content: bytes) -> str:
        return self._memory.push(partition, repository, tag, content).digest

    async def retag(self, partition: Partition, repository: str, tag: str, digest: str) -> None:
        self._memory.retag(partition, repository, tag, digest)

    async def delete(self, partition: Partition, repository: str, digest: str) -> None:
        self._memory.delete(partition, repository, digest)


class OciSite(Site):
    def __init__(self, registry: RunningRegistry, client: OciClient) -> None:
        self.adapter = OciRegistry(registry.url, user=registry.user, password=registry.password)
        self._client = client

    @property
    def port(self) -> ContainerRegistry:
        return self.adapter

    async def push(self, partition: Partition, repository: str, tag: str, content: bytes) -> str:
        return await self._client.of(repository).push_image(tag, content)

    async def retag(self, partition: Partition, repository: str, tag: str, digest: str) -> None:
        await self._client.of(repository).retag(tag, digest)

    async def delete(self, partition: Partition, repository: str, digest: str) -> None:
        deleted = await self._client.of(repository).send("DELETE", f"manifests/{digest}")
        assert deleted.status == 202, deleted


@pytest.fixture
async def oci_site(registry: RunningRegistry) -> AsyncIterator[OciSite]:
    await registry.reset()
    async with OciClient(registry, registry.repository()) as client:
        site = OciSite(registry, client)
        yield site
        await site.adapter.close()


@pytest.fixture(params=["memory", "oci"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return MemorySite()
    found: Site = request.getfixturevalue("oci_site")
    return found


@pytest.fixture
def repository(partition: Partition) -> str:
    return f"{partition.tenant_id}/{partition.project_id}/orders-api"


async def test_an_image_is_found_by_tag_and_by_digest(
    site: Site, partition: Partition, repository: str
) -> None:
    digest = await site.push(partition, repository, "1.2.3", b"layer")
    found = await site.port.manifest(partition, repository, "1.2.3")
    assert found is not None and (found.digest, found.media_type) == (digest, MANIFEST)
    (layer,) = found.layers
    assert (layer.digest, layer.media_type, layer.size) == (digest_of(b"layer"), LAYER, 5)
    for reference in ("1.2.3", digest, digest):
        assert await site.port.manifest(partition, repository, reference) == found


async def test_what_is_not_there_is_none(site: Site, partition: Partition, repository: str) -> None:
    await site.push(partition, repository, "1.2.3", b"layer")
    for reference in ("1.2.4", "latest", digest_of(b"nothing")):
        for _ in range(2):
            assert await site.port.manifest(partition, repository, reference) is None
    assert await site.port.manifest(partition, repository + "-b", "1.2.3") is None


async def test_a_tag_that_moves_is_read_where_it_is_now(
    site: Site, partition: Partition, repository: str
) -> None:
    first = await site.push(partition, repository, "1", b"first")
    second = await site.push(partition, repository, "1", b"second")
    assert first != second
    found = await site.port.manifest(partition, repository, "1")
    assert found is not None and found.digest == second
    assert await site.port.manifest(partition, repository, first) is not None
    await site.retag(partition, repository, "1", first)
    found = await site.port.manifest(partition, repository, "1")
    assert found is not None and found.digest == first


async def test_the_same_content_has_the_same_digest(
    site: Site, partition: Partition, repository: str
) -> None:
    first = await site.push(partition, repository, "1", b"layer")
    assert await site.push(partition, repository, "2", b"layer") == first


async def test_a_deleted_image_is_none_under_all_its_names(
    site: Site, partition: Partition, repository: str
) -> None:
    digest = await site.push(partition, repository, "1", b"layer")
    await site.delete(partition, repository, digest)
    for reference in ("1", digest):
        assert await site.port.manifest(partition, repository, reference) is None


async def test_concurrent_readers_see_the_same(site: Site, partition: Partition, repository: str) -> None:
    await site.push(partition, repository, "1", b"layer")
    found = await asyncio.gather(*(site.port.manifest(partition, repository, "1") for _ in range(8)))
    assert len(set(found)) == 1 and found[0] is not None


async def test_another_projects_repository_is_refused(
    site: Site, partition: Partition, repository: str
) -> None:
    await site.push(partition, repository, "1", b"secret")
    others = [
        Partition(partition.tenant_id, "books"),
        Partition(partition.tenant_id, "sho"),
        Partition(partition.tenant_id[:-1], "shop"),
        Partition("shop", partition.tenant_id),
    ]
    for other in others:
        with pytest.raises(Rejected, match="is not this project's"):
            await site.port.manifest(other, repository, "1")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "{prefix}",
        "{prefix}/",
        "/{prefix}/a",
        "{prefix}//a",
        "{prefix}/../books/a",
        "{prefix}/./a",
        "{prefix}/Orders",
        "{prefix}/a/",
        "{prefix}/a b",
        "{prefix}/a?x=1",
        "{prefix}/a%2fb",
        "{prefix}/a:1",
        "{prefix}/-a",
        "{prefix}/a..b",
        "{prefix}/a\n",
        "{prefix}/é",
        "{prefix}/" + "a" * 256,
        "orders-api",
        "library/{prefix}/a",
    ],
)
async def test_what_is_no_repository_of_the_project_is_refused(
    site: Site, partition: Partition, name: str
) -> None:
    repository = name.replace("{prefix}", f"{partition.tenant_id}/{partition.project_id}")
    for _ in range(2):
        with pytest.raises(Rejected, match=r"is not (the name of a repository|this project's)"):
            await site.port.manifest(partition, repository, "1")


@pytest.mark.parametrize("partition", [Partition("Acme", "shop"), Partition("acme", "a..b")])
async def test_ids_in_capitals_open_nobody_elses_images(site: Site, partition: Partition) -> None:
    with pytest.raises(Rejected, match="is not this project's"):
        await site.port.manifest(partition, "acme/shop/a", "1")


@pytest.mark.parametrize(
    "reference",
    ["", "..", "a/b", "-a", "a b", "x" * 129, "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "1\n"],
)
async def test_what_is_no_reference_is_refused(
    site: Site, partition: Partition, repository: str, reference: str
) -> None:
    with pytest.raises(Rejected, match="is neither a tag nor a sha256 digest"):
        await site.port.manifest(partition, repository, reference)


async def test_it_names_its_host_and_answers_a_ping(site: Site) -> None:
    assert site.port.registry and "/" not in site.port.registry
    await site.port.ping()
    await site.port.ping()
