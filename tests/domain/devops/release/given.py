"""What release tests begin with: persons, a policy, a build of somebody's commit, a plan, decisions."""

from datetime import timedelta
from typing import Any

from domain.catalogue import catalogue
from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.packaging.container_image import ContainerImage, ImageStatus
from domain.devops.packaging.package_publication import PackagePublication, PublicationStatus
from domain.devops.pipelines.build_result import (
    ArtifactItem,
    ArtifactKind,
    BlobReference,
    BuildResult,
    BuildStatus,
)
from domain.devops.release.release_approval import ApproveRelease
from domain.devops.release.release_plan import PlanRelease, ReleasePlan, ReleasePlanned
from domain.devops.source_control.repository import Repository
from domain.kernel.actor import Actor
from domain.kernel.aggregate import Aggregate
from domain.provided import FileContent
from domain.sealing import Sealer
from tests.domain.devops.source_control.given import a_repository
from tests.domain.happened import Happened
from tests.domain.world import REDACTION, World

ADA = Actor("ada@connectsoft.example")
ALAN = Actor("alan@connectsoft.example")
EVE = "eve@connectsoft.example"
# The platform's own account at the provider.
ACCOUNT = "software-factory@connectsoft.example"
"""Who wrote what is released, unless a test says otherwise."""
GRACE = Actor("grace@connectsoft.example")
HEIDI = Actor("heidi@connectsoft.example")

MODULE = "module-reservations-api"
REGISTRY = "registry.invalid"
DIGEST = f"sha256:{'a' * 64}"
CONTENT = "c" * 64

IMAGE = ArtifactItem(
    name="reservations-api:1.4.0",
    kind=ArtifactKind.IMAGE,
    registry=REGISTRY,
    repository="connectsoft/proj-booking-saas/reservations-api",
    tag="1.4.0",
    digest=DIGEST,
)
PACKAGE = ArtifactItem(
    name="Reservations.Client 1.4.0",
    kind=ArtifactKind.PACKAGE,
    blob=BlobReference(uri="blob://packages/1", sha256=CONTENT, size=3),
    package_id="Reservations.Client",
    version="1.4.0",
    feed="packages",
)


async def store(world: World, *aggregates: Aggregate) -> None:
    """Have them stored as if a command had made them."""
    command = ConfigureDelivery()
    work = world.work(command)
    for aggregate in aggregates:
        work.add(aggregate)
    sealer = Sealer(catalogue(), REDACTION)
    await world.store.commit(sealer.seal(catalogue().handlers["ConfigureDelivery"], work))


async def configure(world: World, **settings: Any) -> None:
    world.actor = HEIDI
    await world.when(ConfigureDelivery.model_validate(settings))


def on_path(*names: str, **approvals: Any) -> list[dict[str, Any]]:
    """Environments that all ask for the same approvals."""
    strategies = ["RollingUpdate", "BlueGreen", "Canary"]
    return [{"name": name, "strategies": strategies, "approvals": approvals} for name in names]


def delegation(world: World, from_: str, to: str, days: float = 7) -> dict[str, Any]:
    """In force from an hour ago, for so many days."""
    now = world.clock.now()
    return {
        "from": from_,
        "to": to,
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(days=days),
    }


async def pushed(world: World, repository: Repository, author: str = EVE, **how: Any) -> str:
    """One more commit on main."""
    change = FileContent(world.name("src/file"), "add", b"x")
    return world.git.push(repository.handle, "main", [change], author=author, **how)


async def built(world: World, repository: Repository, sha: str, **changes: Any) -> BuildResult:
    """A successful build of a commit."""
    fields: dict[str, Any] = {
        "build_result_id": world.name("build"),
        "pipeline_run_id": world.name("run"),
        "pipeline_id": "pipeline-1",
        "repository_id": repository.repository_id,
        "module_id": MODULE,
        "status": BuildStatus.SUCCEEDED,
        "tests_passed": 12,
        "tests_failed": 0,
        "artifacts": (PACKAGE, IMAGE),
        "requested_by": ACCOUNT,
        "branch": "main",
        "on_default_branch": True,
        "commit_sha": sha,
        "build_number": "1.4.0",
        "completed_at": world.clock.now(),
    }
    build = BuildResult.model_validate(fields | changes)
    await store(world, build)
    return build


async def a_build(world: World, author: str = EVE, **changes: Any) -> BuildResult:
    """Of a new repository with one commit by the author."""
    world.actor = HEIDI
    repository = await a_repository(world)
    return await built(world, repository, await pushed(world, repository, author), **changes)


async def planned(world: World, build: BuildResult, by: Actor = ADA, **changes: Any) -> ReleasePlan:
    world.actor = by
    command = PlanRelease.model_validate({"build_result_id": build.build_result_id} | changes)
    fact = (await world.when(command)).only(ReleasePlanned)
    return await world.read(ReleasePlan, fact.release_id)


async def a_release(world: World, **changes: Any) -> ReleasePlan:
    """Planned by Ada, written by Eve."""
    return await planned(world, await a_build(world), **changes)


def to_decide(release: ReleasePlan, **changes: Any) -> ApproveRelease:
    return ApproveRelease.model_validate({"release_id": release.release_id} | changes)


async def decided(world: World, release: ReleasePlan, by: Actor, **changes: Any) -> Happened:
    world.actor = by
    return await world.when(to_decide(release, **changes))


async def refused(world: World, release: ReleasePlan, by: Actor, **changes: Any) -> str:
    world.actor = by
    return await world.refused(to_decide(release, **changes))


async def again(world: World, release: ReleasePlan) -> ReleasePlan:
    return await world.read(ReleasePlan, release.release_id)


def publication(world: World, **changes: Any) -> PackagePublication:
    """Of `PACKAGE`, as its build published it."""
    fields: dict[str, Any] = {
        "publication_id": PackagePublication.id_for(
            world.partition, "packages", "Reservations.Client", "1.4.0"
        ),
        "build_result_id": "build-1",
        "package_id": "Reservations.Client",
        "version": "1.4.0",
        "feed": "packages",
        "status": PublicationStatus.PUBLISHED,
        "content_sha256": CONTENT,
    }
    return PackagePublication.model_validate(fields | changes)


def image(world: World, **changes: Any) -> ContainerImage:
    """`IMAGE` as found in the registry; not scanned yet."""
    fields: dict[str, Any] = {
        "image_id": ContainerImage.id_for(world.partition, REGISTRY, DIGEST),
        "build_result_id": "build-1",
        "repository_name": IMAGE.repository,
        "tag": "1.4.0",
        "names": [IMAGE.name],
        "digest": DIGEST,
        "registry": REGISTRY,
        "status": ImageStatus.BUILT,
    }
    return ContainerImage.model_validate(fields | changes)
