"""Branches of environments, built by the tool that a GitOps agent builds them with."""

import asyncio
import itertools
from typing import Any

from adapters.kustomize import CommandLineRenderer
from domain.devops.delivery.environments import DeploymentStrategy
from domain.devops.release.arrangement import (
    SLOT_LABEL,
    Arrangement,
    Candidate,
    SlotName,
    files,
    root_kustomization,
    stages,
)
from tests.domain.devops.release.manifests import by_name, dumped, service


def candidate(number: int) -> Candidate:
    return Candidate(manifest_id=f"man-{number}", release_id=f"rel-{number}", version=f"1.{number}.0")


def every_arrangement() -> list[Arrangement]:
    """What may be live, and every stage of every strategy from there on, also of what is there already."""
    alone = [Arrangement(slots=(candidate(1).at(name, 100),)) for name in SlotName]
    beside = [
        Arrangement(slots=(candidate(1).at(one, 70), candidate(2).at(other, 30)))
        for one, other in itertools.permutations(SlotName, 2)
    ]
    ways = itertools.product(DeploymentStrategy, (None, *alone, *beside), map(candidate, (1, 2, 3)))
    staged = {
        stage.arrangement
        for strategy, live, version in ways
        for stage in stages(strategy, live, version, (10, 50))
    }
    # Which version it is makes no difference to the tool.
    alike = {tuple((slot.name, slot.weight) for slot in one.slots): one for one in (*alone, *beside, *staged)}
    return [alike[shape] for shape in sorted(alike)]


async def test_every_stage_of_every_strategy_builds_and_each_slot_keeps_to_itself() -> None:
    arrangements = every_arrangement()
    assert len(arrangements) > 30
    renderer = CommandLineRenderer()
    # Several to a build: it takes the tool hardly longer than one.
    groups = itertools.batched(arrangements, 8, strict=False)
    await asyncio.gather(*(_build_and_look(renderer, group) for group in groups))


async def _build_and_look(renderer: CommandLineRenderer, arrangements: tuple[Arrangement, ...]) -> None:
    """Each arrangement is a module of one environment, whose branch is built in one go."""
    branch: dict[str, bytes] = {}
    for number, arrangement in enumerate(arrangements):
        contents = {
            id: dumped(*service(f"m{number}", f"registry.invalid/m@{id}")) for id in arrangement.manifest_ids
        }
        branch |= files(f"m{number}", arrangement, contents, "edge")
    branch["kustomization.yaml"] = root_kustomization(path.partition("/")[0] for path in branch)
    placed = {f"branch/{path}": content for path, content in branch.items()}
    found = by_name(await renderer.kustomize(placed, "branch"))
    for number, arrangement in enumerate(arrangements):
        _take_module(f"m{number}", arrangement, found)
    assert not found


def _take_module(name: str, arrangement: Arrangement, found: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Everything of the module is there, and refers to what is of its own slot."""
    for slot in arrangement.slots:
        labels = {"app": name, SLOT_LABEL: str(slot.name)}
        deployment = found.pop(("Deployment", name + slot.name.suffix))["spec"]
        (container,) = deployment["template"]["spec"]["containers"]
        assert container["image"] == f"registry.invalid/m@{slot.manifest_id}"
        reference = container["envFrom"][0]["configMapRef"]["name"]
        assert reference == f"{name}-config{slot.name.suffix}"
        assert deployment["selector"]["matchLabels"] == labels
        assert deployment["template"]["metadata"]["labels"] == labels
        assert found.pop(("Service", name + slot.name.suffix))["spec"]["selector"] == labels
        assert found.pop(("ConfigMap", reference))["data"] == {"GREETING": "hello"}
    if [slot.name for slot in arrangement.slots] != [SlotName.MAIN]:
        (rule,) = found.pop(("HTTPRoute", name))["spec"]["rules"]
        assert {one["name"]: one["weight"] for one in rule["backendRefs"]} == {
            name + slot.name.suffix: slot.weight for slot in arrangement.slots
        }


async def test_a_branch_in_which_nothing_runs_builds() -> None:
    branch = {"branch/kustomization.yaml": root_kustomization([])}
    assert await CommandLineRenderer().kustomize(branch, "branch") == b""
