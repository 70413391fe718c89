"""Compares the state with the real resources and takes over what has changed behind its back."""

from __future__ import annotations

from infra.local.emulation.state import Json
from infra.local.pulumi import clock, providers
from infra.local.pulumi.differences import compare
from infra.local.pulumi.operation import Operation, Step


async def refresh(operation: Operation, *, before_update: bool = False) -> None:
    """Before an update the steps are not counted: the update's own are."""
    for resource in operation.snapshot.live():
        if resource["custom"]:
            await _refresh_one(operation, resource, before_update)


async def _refresh_one(operation: Operation, resource: Json, before_update: bool) -> None:
    found = operation.world.get(resource["id"])
    actual = found["properties"] if found is not None else {}
    difference = compare(resource["inputs"], actual, frozenset())
    op = "delete" if found is None else ("update" if difference else "same")
    name = str(resource["outputs"].get("name", ""))
    urn, type_ = resource["urn"], resource["type"]

    def settle() -> Json | None:
        if op == "delete":
            operation.snapshot.remove(resource)
            return None
        if op == "same":
            return resource
        outputs = {**providers.outputs(type_, resource["id"], name, actual), "id": resource["id"]}
        fresh = {**resource, "inputs": actual, "outputs": outputs, "modified": clock.iso()}
        operation.snapshot.put(fresh)
        return fresh

    step = Step("refresh" if before_update else op, urn, type_, resource, resource, difference)
    step.logical, step.changes = not before_update, False
    if op != "same":
        operation.log(f" ~  {type_} {urn.rpartition('::')[2]} refresh: {op} {', '.join(difference.diffs)}")
    await operation.perform(step, settle)
