"""Orchestrations that have begun and wait to be played: between them they take every step there is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.provided import EnvironmentHandle
from tests.deployment import APP
from tests.domain.scenarios import (
    ENVIRONMENT,
    SCENARIOS,
    Payload,
    accepted,
    another_release,
    approved_release,
    commit_to,
    fact,
    with_infrastructure,
)
from tests.domain.scenarios.operations import FOLDER, PROGRAM, configure
from tests.domain.world import World

HEALTH = "http://{service}.{namespace}/health"
GATES = {
    "http": [{"name": "health", "url": HEALTH}],
    "metrics": [{"name": "errors", "query": "errors{}", "comparison": "AtMost", "threshold": 1}],
}


@dataclass(frozen=True)
class Journey:
    """`begin` sends what begins it; `status` is what its aggregate comes to, `facts` those it tells."""

    begin: Callable[[World], Awaitable[None]]
    status: str
    facts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.begin.__name__


async def _promoted(world: World, planned: Payload) -> None:
    await accepted(world, "PromoteDeployment", {"releaseId": planned["releaseId"]})


async def _gated_release(world: World) -> Payload:
    world.metrics.gives("errors{}", 0.5)
    return await approved_release(world, environments=[{"name": ENVIRONMENT, "gates": GATES}])


async def promotion_that_completes(world: World) -> None:
    await _promoted(world, await _gated_release(world))


async def promotion_that_goes_back_to_the_version_before(world: World) -> None:
    """Its own health is bad, and the version before is well again."""
    planned = await _gated_release(world)
    await _promoted(world, planned)
    await world.played()
    await _promoted(world, await another_release(world, planned["pipelineId"]))
    world.probe.answers("http://", 500)


async def first_promotion_that_goes_back_to_nothing(world: World) -> None:
    planned = await approved_release(world)
    await _promoted(world, planned)
    world.workloads.becomes(EnvironmentHandle(world.partition, ENVIRONMENT), APP, "failed")


async def promotion_that_can_not_be_rendered(world: World) -> None:
    manifest = {"path": "deploy/nowhere"}
    await _promoted(
        world, await approved_release(world, environments=[{"name": ENVIRONMENT, "manifest": manifest}])
    )


async def _provisioned(world: World) -> None:
    await accepted(world, "ProvisionInfrastructure", {"environment": ENVIRONMENT})


async def infrastructure_that_is_new(world: World) -> None:
    await SCENARIOS["ProvisionInfrastructure"].prepare(world)
    await _provisioned(world)


async def infrastructure_that_is_there_already(world: World) -> None:
    """Drift is looked for before the preview, and again before the apply."""
    environment = await with_infrastructure(world)
    await configure(world, environments=[environment])
    await _provisioned(world)
    await world.played()
    changed = PROGRAM.replace("westeurope", "northeurope")
    files = [{"path": f"{FOLDER}/Pulumi.yaml", "operation": "edit", "content": changed}]
    program = environment["infrastructure"]["repositoryId"]
    committed = await fact(world, "CreateCommit", commit_to(program, "main") | {"files": files})
    world.infrastructure.declare(committed["sha"], {"storage": {"sku": "premium"}, "queue": {"sku": "basic"}})
    await _provisioned(world)


async def infrastructure_whose_engine_is_away(world: World) -> None:
    await infrastructure_that_is_new(world)
    world.infrastructure.away = True


JOURNEYS = (
    Journey(promotion_that_completes, "Completed", ("DeploymentManifestRendered", "DeploymentPromoted")),
    Journey(
        promotion_that_goes_back_to_the_version_before,
        "Failed",
        ("DeploymentManifestRendered", "DeploymentPromoted"),
    ),
    Journey(first_promotion_that_goes_back_to_nothing, "Failed", ("DeploymentManifestRendered",)),
    Journey(promotion_that_can_not_be_rendered, "Failed"),
    Journey(infrastructure_that_is_new, "Provisioned", ("InfrastructureProvisioned",)),
    Journey(infrastructure_that_is_there_already, "Provisioned", ("InfrastructureProvisioned",)),
    Journey(infrastructure_whose_engine_is_away, "Errored"),
)
