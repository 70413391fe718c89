"""Deletes resources, dependents before what they depend on."""

from __future__ import annotations

from graphlib import TopologicalSorter

from infra.local.emulation.state import Json
from infra.local.pulumi.errors import OperationFailed
from infra.local.pulumi.operation import Operation, Step
from infra.local.pulumi.stacks import STACK_TYPE


def refuse_protected(resources: list[Json]) -> None:
    for resource in resources:
        if resource.get("protect"):
            raise OperationFailed(
                f'unable to delete resource "{resource["urn"]}" as it is currently marked for protection'
            )


async def remove(operation: Operation, resources: list[Json]) -> None:
    """Delete these, and every original whose replacement is there."""
    refuse_protected(resources)
    condemned = operation.snapshot.pending_deletion()
    for resource in _dependents_first([*resources, *condemned]):
        if resource.get("delete"):
            step = Step("delete-replaced", resource["urn"], resource["type"], resource, logical=False)
        else:
            step = Step("delete", resource["urn"], resource["type"], resource)
        await _remove_one(operation, step, resource)


async def destroy(operation: Operation) -> None:
    live = operation.snapshot.live()
    await remove(operation, [resource for resource in live if resource["type"] != STACK_TYPE])
    for root in [resource for resource in live if resource["type"] == STACK_TYPE]:
        await _remove_one(operation, Step("delete", root["urn"], STACK_TYPE, root), root)


async def _remove_one(operation: Operation, step: Step, resource: Json) -> None:
    def settle() -> None:
        # A real resource that is already gone is what was wanted.
        if not operation.preview and resource["custom"]:
            found = operation.world.get(resource["id"])
            successor = operation.snapshot.get(resource["urn"]) if resource.get("delete") else None
            if found is not None and (successor is None or successor["id"] != resource["id"]):
                operation.world.delete(resource["id"])
        operation.snapshot.remove(resource)

    await operation.perform(step, settle)


def _dependents_first(resources: list[Json]) -> list[Json]:
    newest_first = resources[::-1]
    graph: dict[int, list[int]] = {index: [] for index in range(len(newest_first))}
    for index, resource in enumerate(newest_first):
        needs = {*resource["dependencies"], resource["parent"]}
        for other, needed in enumerate(newest_first):
            if other != index and needed["urn"] in needs and needed["urn"] != resource["urn"]:
                graph[other].append(index)
    return [newest_first[index] for index in TopologicalSorter(graph).static_order()]
