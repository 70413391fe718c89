"""What every `ImageScanner` keeps to."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from adapters.defender import DefenderScans
from adapters.entra import FixedAuthorization
from adapters.memory.image_scanner import MemoryImageScanner
from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.ports import ImageScanner
from domain.provided import ProvidedFinding, ProvidedScan
from tests.infra import container_registry_fixture
from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import OciClient, digest_of

registry = container_registry_fixture.registry

CRITICAL = ProvidedFinding("CVE-2026-0001", "Critical", exempt=False)
EXEMPT = ProvidedFinding("CVE-2026-0002", "High", exempt=True)
LOW = ProvidedFinding("CVE-2026-0003", "Low", exempt=False)


class Site(Protocol):
    """A scanner, and somebody who pushes images that it finds this in."""

    host: str

    @property
    def port(self) -> ImageScanner: ...

    async def push(self, partition: Partition, repository: str, content: bytes) -> str:
        """The digest of an image that nobody has scanned yet."""

    async def scanned(
        self, partition: Partition, repository: str, digest: str, findings: Sequence[ProvidedFinding] = ()
    ) -> None:
        """The image is scanned, and this is found."""


class MemorySite(Site):
    host = "registry.invalid"

    def __init__(self) -> None:
        self._memory = MemoryImageScanner()

    @property
    def port(self) -> ImageScanner:
        return self._memory

    async def push(self, partition: Partition, repository: str, content: bytes) -> str:
        return digest_of(content)

    async def scanned(
        self, partition: Partition, repository: str, digest: str, findings: Sequence[ProvidedFinding] = ()
    ) -> None:
        self._memory.scan_result(partition, self.host, repository, digest, findings)


class DefenderSite(Site):
    def __init__(self, registry: RunningRegistry, client: OciClient) -> None:
        self._registry, self.host = registry, registry.url.partition("//")[2]
        self._client = client
        authorization = FixedAuthorization(registry.authorization)
        self.adapter = DefenderScans(authorization, [str(uuid.UUID(int=1))], management_url=registry.url)

    @property
    def port(self) -> ImageScanner:
        return self.adapter

    async def push(self, partition: Partition, repository: str, content: bytes) -> str:
        await self._registry.local("PUT", "scans", {"repository": repository, "never": True})
        return await self._client.of(repository).push_image("1", content)

    async def scanned(
        self, partition: Partition, repository: str, digest: str, findings: Sequence[ProvidedFinding] = ()
    ) -> None:
        found = [
            {"cveId": one.finding_id, "severity": one.severity, "exempt": one.exempt} for one in findings
        ]
        body = {"repository": repository, "digest": digest, "findings": found}
        await self._registry.local("PUT", "scans", body)


@pytest.fixture
async def defender_site(registry: RunningRegistry) -> AsyncIterator[DefenderSite]:
    await registry.reset()
    async with OciClient(registry, registry.repository()) as client:
        site = DefenderSite(registry, client)
        yield site
        await site.adapter.close()


@pytest.fixture(params=["memory", "defender"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each test that asks for it runs twice."""
    if request.param == "memory":
        return MemorySite()
    found: Site = request.getfixturevalue("defender_site")
    return found


@pytest.fixture
def repository(partition: Partition) -> str:
    return f"{partition.tenant_id}/{partition.project_id}/orders-api"


async def until_scanned(site: Site, partition: Partition, repository: str, digest: str) -> ProvidedScan:
    """A scan takes its time, and the scanner tells nobody."""
    async with asyncio.timeout(10):
        while (scan := await site.port.scan(partition, site.host, repository, digest)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return scan


async def test_an_image_that_nobody_has_scanned_is_not_clean(
    site: Site, partition: Partition, repository: str
) -> None:
    digest = await site.push(partition, repository, b"layer")
    for _ in range(2):
        assert await site.port.scan(partition, site.host, repository, digest) is None
    assert await site.port.scan(partition, site.host, repository, digest_of(b"nothing")) is None


async def test_a_scan_that_found_nothing_is_a_scan(site: Site, partition: Partition, repository: str) -> None:
    digest = await site.push(partition, repository, b"layer")
    await site.scanned(partition, repository, digest)
    scan = await until_scanned(site, partition, repository, digest)
    assert scan.findings == ()
    assert abs(scan.scanned_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert await site.port.scan(partition, site.host, repository, digest) == scan


async def test_findings_have_their_severity_and_say_which_are_exempt(
    site: Site, partition: Partition, repository: str
) -> None:
    digest = await site.push(partition, repository, b"layer")
    await site.scanned(partition, repository, digest, [CRITICAL, EXEMPT, LOW])
    scan = await until_scanned(site, partition, repository, digest)
    assert scan.findings == (CRITICAL, EXEMPT, LOW)


async def test_exempt_findings_alone_are_still_a_scan(
    site: Site, partition: Partition, repository: str
) -> None:
    digest = await site.push(partition, repository, b"layer")
    await site.scanned(partition, repository, digest, [EXEMPT])
    assert (await until_scanned(site, partition, repository, digest)).findings == (EXEMPT,)


async def test_the_newest_scan_counts(site: Site, partition: Partition, repository: str) -> None:
    digest = await site.push(partition, repository, b"layer")
    await site.scanned(partition, repository, digest)
    first = await until_scanned(site, partition, repository, digest)
    await site.scanned(partition, repository, digest, [CRITICAL])
    second = await until_scanned(site, partition, repository, digest)
    assert second.findings == (CRITICAL,) and second.scanned_at >= first.scanned_at


async def test_a_scan_is_of_one_image_in_one_registry(
    site: Site, partition: Partition, repository: str
) -> None:
    digest = await site.push(partition, repository, b"layer")
    await site.scanned(partition, repository, digest)
    await until_scanned(site, partition, repository, digest)
    assert await site.port.scan(partition, "other.example", repository, digest) is None
    assert await site.port.scan(partition, site.host, repository + "-b", digest) is None
    assert await site.port.scan(partition, site.host.upper(), repository, digest) is not None


async def test_a_reconciler_finds_what_was_scanned_since(
    site: Site, partition: Partition, repository: str
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert await site.port.scanned_since(partition, before) == ()
    digests = [await site.push(partition, repository, content) for content in (b"first", b"second")]
    other = Partition(partition.tenant_id, "shop-b")
    foreign = f"{other.tenant_id}/{other.project_id}/orders-api"
    await site.push(other, foreign, b"first")
    for digest in digests:
        await site.scanned(partition, repository, digest, [LOW, EXEMPT])
    await site.scanned(other, foreign, digests[0])
    for digest in digests:
        await until_scanned(site, partition, repository, digest)
    expected = sorted((site.host, repository, digest) for digest in digests)
    for _ in range(2):
        assert sorted(await site.port.scanned_since(partition, before)) == expected
    assert await site.port.scanned_since(partition, datetime.now(UTC) + timedelta(minutes=1)) == ()


async def test_another_projects_image_is_refused(site: Site, partition: Partition, repository: str) -> None:
    for other in (Partition(partition.tenant_id, "sho"), Partition(partition.tenant_id[:-1], "shop")):
        with pytest.raises(Rejected, match="is not this project's"):
            await site.port.scan(other, site.host, repository, digest_of(b""))


@pytest.mark.parametrize("repository", ["", "a", "{own}/A", "{own}/a'", "{own}/a' or true //", "{own}/../b"])
async def test_what_is_no_repository_is_refused(site: Site, partition: Partition, repository: str) -> None:
    name = repository.replace("{own}", f"{partition.tenant_id}/{partition.project_id}")
    with pytest.raises(Rejected, match=r"is not (the name of a repository|this project's)"):
        await site.port.scan(partition, site.host, name, digest_of(b""))


@pytest.mark.parametrize("digest", ["", "1.2.3", "sha256:1", "sha256:' or '1'=='1", "sha512:" + "a" * 64])
async def test_what_is_no_digest_is_refused(
    site: Site, partition: Partition, repository: str, digest: str
) -> None:
    with pytest.raises(Rejected, match="is not a sha256 digest"):
        await site.port.scan(partition, site.host, repository, digest)


@pytest.mark.parametrize("partition", [Partition("Acme", "shop"), Partition("acme", "a' or 'b")])
async def test_ids_in_capitals_open_nobody_elses_images(site: Site, partition: Partition) -> None:
    with pytest.raises(Rejected, match="is not this project's"):
        await site.port.scan(partition, site.host, "acme/shop/a", digest_of(b""))
    assert await site.port.scanned_since(partition, datetime.now(UTC)) == ()
