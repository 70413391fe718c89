"""What packaging tests begin with: a build that produced these packages and images."""

import json
from collections.abc import Mapping, Sequence

from domain.devops.delivery.delivery_policy import ConfigureDelivery
from domain.devops.packaging.build_outputs import ObserveBuildOutputs
from domain.devops.packaging.container_image import ContainerImage, ObserveImage
from domain.devops.packaging.package_publication import PackagePublication
from domain.devops.pipelines.build_result import BuildResult
from domain.kernel.naming import image_repository
from domain.provided import ProvidedFinding
from tests.domain.devops.pipelines.given import finished
from tests.domain.happened import Happened
from tests.domain.world import World
from tests.packages import nupkg

REGISTRY = "registry.invalid"
ID, VERSION = "Reservations.Client", "1.4.0"
PACKAGE = nupkg(ID, VERSION)

type Named = dict[str, str]


def pushed(world: World, name: str = "api", tag: str = "1.4.0", content: bytes = b"layer") -> Named:
    """An image is in the registry; what images.json says of it."""
    repository = image_repository(world.partition, name)
    manifest = world.registry.push(world.partition, repository, tag, content)
    return {"registry": REGISTRY, "repository": repository, "tag": tag, "digest": manifest.digest}


async def a_build(
    world: World, *packages: bytes, images: Sequence[Named] = (), result: str = "succeeded", failed: int = 0
) -> BuildResult:
    artifacts: dict[str, Mapping[str, bytes]] = {}
    if packages:
        artifacts["packages"] = {f"{number}.nupkg": content for number, content in enumerate(packages)}
    if images:
        artifacts["images"] = {"images.json": json.dumps(images).encode()}
    _, build = await finished(world, result, tests=(3, failed), artifacts=artifacts)
    return build


async def recorded(world: World, build: BuildResult) -> Happened:
    """Its packages are published and its images found."""
    return await world.when(ObserveBuildOutputs(build_result_id=build.id))


async def publication_of(
    world: World, package_id: str = ID, version: str = VERSION, feed: str = "packages"
) -> PackagePublication:
    id = PackagePublication.id_for(world.partition, feed, package_id, version)
    return await world.read(PackagePublication, id)


async def image_of(world: World, named: Named) -> ContainerImage:
    id = ContainerImage.id_for(world.partition, named["registry"], named["digest"])
    return await world.read(ContainerImage, id)


async def failing_from(world: World, severity: str) -> None:
    await world.when(ConfigureDelivery.model_validate({"failing_severity": severity}))


def finding(id: str, severity: str, *, exempt: bool = False) -> ProvidedFinding:
    return ProvidedFinding(id, severity, exempt)


def scanned(world: World, named: Named, *findings: ProvidedFinding) -> None:
    place = (named["registry"], named["repository"], named["digest"])
    world.scanner.scan_result(world.partition, *place, findings)


async def looked_at(world: World, named: Named) -> Happened:
    """A webhook or the reconciler has it looked at again."""
    return await world.when(
        ObserveImage(registry=named["registry"], repository=named["repository"], digest=named["digest"])
    )


async def an_image(world: World) -> Named:
    """Built and found, but not scanned."""
    named = pushed(world)
    await recorded(world, await a_build(world, images=[named]))
    return named


async def problem(world: World, named: Named) -> str | None:
    return (await image_of(world, named)).promotion_problem()
