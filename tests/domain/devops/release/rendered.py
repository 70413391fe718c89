"""A release of a commit with the sources of its manifest, and what renders it."""

from typing import Any

import pytest

from adapters.memory.manifest_renderer import MemoryManifestRenderer
from domain.catalogue import catalogue
from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.delivery.environments import EnvironmentPolicy
from domain.devops.pipelines.build_result import ArtifactItem
from domain.devops.release.deployment_manifest import (
    DeploymentManifest,
    content,
    manifest_of,
)
from domain.devops.release.release_plan import ReleasePlan
from domain.devops.source_control.repository import Repository
from domain.kernel.errors import Rejected
from domain.kernel.work import Work
from domain.provided import FileContent
from domain.sealing import Sealer
from tests.domain.devops.release.given import HEIDI, IMAGE, PACKAGE, built, planned
from tests.domain.devops.release.manifests import (
    dumped,
    kustomization,
    service,
)
from tests.domain.devops.source_control.given import a_repository
from tests.domain.world import REDACTION, World

PINNED = f"{IMAGE.registry}/{IMAGE.repository}@{IMAGE.digest}"
STAGING = EnvironmentPolicy(name="staging")
OVERLAY = "deploy/overlays/staging"


def sources(*documents: dict[str, Any], **overlay: Any) -> dict[str, bytes]:
    """A base with these objects, and the overlay of staging over it."""
    return {
        "deploy/base/objects.yaml": dumped(*documents),
        "deploy/base/kustomization.yaml": kustomization("objects.yaml"),
        f"{OVERLAY}/kustomization.yaml": kustomization("../../base", **overlay),
        "src/main.py": b"print(1)",
    }


USUAL = sources(*service())


class Ground:
    """A release of a commit with these sources, and what renders it."""

    def __init__(self, world: World, release: ReleasePlan) -> None:
        self.world, self.release = world, release
        self.renderer = MemoryManifestRenderer()

    async def render(
        self, environment: EnvironmentPolicy = STAGING, outputs: dict[str, str] | None = None
    ) -> tuple[DeploymentManifest, Work]:
        """And commit, if it comes to that."""
        world = self.world
        command = ConfigureDelivery()
        work = world.work(command)
        manifest = await manifest_of(
            self.release, environment, work, world.git, self.renderer, world.blobs, outputs
        )
        sealer = Sealer(catalogue(), REDACTION)
        await world.store.commit(sealer.seal(catalogue().handlers["ConfigureDelivery"], work))
        return manifest, work

    async def rendered(self, environment: EnvironmentPolicy = STAGING, **how: Any) -> bytes:
        manifest, _ = await self.render(environment, **how)
        return await content(manifest, self.world.partition, self.world.blobs)

    async def refused(self, environment: EnvironmentPolicy = STAGING, **how: Any) -> str:
        with pytest.raises(Rejected) as no:
            await self.render(environment, **how)
        assert not self.world.blobs.names()
        return no.value.sentence


async def a_ground(
    world: World, files: dict[str, bytes] = USUAL, artifacts: tuple[ArtifactItem, ...] = (PACKAGE, IMAGE)
) -> Ground:
    world.actor = HEIDI
    repository: Repository = await a_repository(world)
    changes = [FileContent(path, "add", text) for path, text in files.items()]
    sha = world.git.push(repository.handle, "main", changes, author="eve@connectsoft.example")
    later = [FileContent(path, "delete") for path in files]
    build = await built(world, repository, sha, artifacts=artifacts)
    world.git.push(repository.handle, "main", later, author="eve@connectsoft.example")
    return Ground(world, await planned(world, build))
