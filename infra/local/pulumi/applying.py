"""Brings a stack to what its program declares: creations and changes in order, then deletions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.emulation.state import Json
from infra.local.pulumi import clock, providers
from infra.local.pulumi.differences import Difference, compare
from infra.local.pulumi.expressions import UNKNOWN, evaluate, references
from infra.local.pulumi.operation import Operation, Step
from infra.local.pulumi.program import Declared, Program
from infra.local.pulumi.removal import refuse_protected, remove
from infra.local.pulumi.stacks import STACK_TYPE


class Names(Mapping[str, Any]):
    """What references can name: configuration, resources so far, and variables, evaluated when needed."""

    def __init__(self, operation: Operation, program: Program) -> None:
        org = operation.stack.partition("/")[0]
        self._values: dict[str, Any] = {
            **program.config,
            "pulumi": {"stack": operation.stack_name, "project": operation.project, "organization": org},
        }
        self._variables = program.variables

    def add(self, name: str, resource: Json) -> None:
        self._values[name] = {**resource["outputs"], "id": resource["id"], "urn": resource["urn"]}

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = evaluate(self._variables[name], self)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter({**self._variables, **self._values})

    def __len__(self) -> int:
        return len({**self._variables, **self._values})


async def apply(operation: Operation, program: Program) -> None:
    names = Names(operation, program)
    root = await _stack_resource(operation)
    made: dict[str, Json] = {}
    for declared in program.resources:
        made[declared.name] = await _resource(operation, declared, names, root, made)
        names.add(declared.name, made[declared.name])
    wanted = {resource["urn"] for resource in made.values()} | {root["urn"]}
    await remove(operation, [r for r in operation.snapshot.live() if r["urn"] not in wanted])
    outputs = evaluate(program.outputs, names)
    with operation.service.state.transaction():
        operation.snapshot.put({**root, "outputs": outputs})


async def _stack_resource(operation: Operation) -> Json:
    name = f"{operation.project}-{operation.stack_name}"
    urn = operation.urn(STACK_TYPE, name)
    old = operation.snapshot.get(urn)
    root = old or {
        "urn": urn,
        "custom": False,
        "id": "",
        "type": STACK_TYPE,
        "inputs": {},
        "outputs": {},
        "parent": "",
        "dependencies": [],
        "protect": False,
        "created": clock.iso(),
        "modified": clock.iso(),
    }

    def settle() -> Json:
        operation.snapshot.put(root)
        return root

    if operation.recorder.has_done("create", urn):
        return root
    await operation.perform(Step("same" if old else "create", urn, STACK_TYPE, old, root), settle)
    return root


async def _resource(
    operation: Operation, declared: Declared, names: Names, root: Json, made: Mapping[str, Json]
) -> Json:
    parent = made[declared.parent] if declared.parent else root
    urn = operation.urn(declared.type, declared.name, parent)
    old = operation.snapshot.get(urn)
    if old is not None and any(
        operation.recorder.has_done(op, urn) for op in ("create", "update", "create-replacement", "same")
    ):
        # An earlier process did this step before it was killed.
        return old
    inputs = evaluate(declared.properties, names)
    new: Json = {
        "urn": urn,
        "custom": True,
        "id": UNKNOWN,
        "type": declared.type,
        "inputs": inputs,
        "outputs": _foreseen(declared.type, inputs),
        "parent": parent["urn"],
        "dependencies": [made[name]["urn"] for name in declared.depends_on if name in made],
        "protect": declared.protect,
        "created": clock.iso(),
        "modified": clock.iso(),
    }
    new["dependencies"] = sorted({*new["dependencies"], *_used(declared, made)})
    if old is None:
        return await _create(operation, Step("create", urn, declared.type, None, new), new)
    difference = compare(
        old["inputs"], inputs, providers.replacing(declared.type, declared.replace_on_changes)
    )
    if difference.keys:
        return await _replace(operation, old, new, difference)
    return await _keep(operation, old, new, difference)


def _used(declared: Declared, made: Mapping[str, Json]) -> set[str]:
    return {made[name]["urn"] for name in references(declared.properties) if name in made}


def _foreseen(type_: str, inputs: Json) -> Json:
    """The outputs that a preview can tell of a resource that isn't there yet."""
    name = inputs.get(providers.kind_of(type_).name, UNKNOWN)
    return {**inputs, "name": name, **dict.fromkeys(providers.computed(type_), UNKNOWN)}


async def _create(operation: Operation, step: Step, new: Json, replaced: Json | None = None) -> Json:
    """Make a resource; what it replaces gives up its URN in the same transaction."""

    def settle() -> Json:
        if not operation.preview:
            generation = operation.service.state.next_number(f"generation {operation.stack} {new['urn']}")
            made = providers.make(new["type"], new["urn"], new["inputs"], generation)
            new.update(id=made.id, outputs={**made.outputs, "id": made.id})
            _write_world(operation, new)
        if replaced is not None:
            operation.snapshot.condemn(replaced)
        operation.snapshot.put(new)
        return new

    await operation.perform(step, settle)
    return new


async def _replace(operation: Operation, old: Json, new: Json, difference: Difference) -> Json:
    """The new one first; the old one goes at the end, when nothing refers to it any more."""
    refuse_protected([old])
    urn, type_ = new["urn"], new["type"]
    await _create(
        operation, Step("create-replacement", urn, type_, old, new, difference, logical=False), new, old
    )
    await operation.perform(Step("replace", urn, type_, old, new, difference), lambda: new)
    return new


async def _keep(operation: Operation, old: Json, new: Json, difference: Difference) -> Json:
    """Change a resource in place, or not at all."""
    op = "update" if difference else "same"
    name = str(old["outputs"].get("name", ""))
    outputs = {**providers.outputs(old["type"], old["id"], name, new["inputs"]), "id": old["id"]}
    kept = {**new, "id": old["id"], "outputs": outputs, "created": old["created"]}
    if not difference:
        kept.update(modified=old["modified"], outputs=old["outputs"])
    step = Step(op, new["urn"], new["type"], old, kept, difference)

    def settle() -> Json:
        if difference and not operation.preview:
            _write_world(operation, kept)
        operation.snapshot.put(kept)
        return kept

    def problem() -> str | None:
        return None if operation.world.get(old["id"]) else f"the resource {old['id']} was not found"

    await operation.perform(step, settle, problem)
    return kept


def _write_world(operation: Operation, resource: Json) -> None:
    operation.world.put(
        {
            "id": resource["id"],
            "urn": resource["urn"],
            "type": resource["type"],
            "properties": resource["inputs"],
        }
    )
