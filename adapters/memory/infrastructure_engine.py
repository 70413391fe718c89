"""The `InfrastructureEngine` port in memory; counterparts: `adapters.pulumi`, `adapters.resource_manager`.

A stack has a state, which is what the engine believes, and a world, which is what is there. Runs finish as
soon as they have begun, unless they are held.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import override

from adapters.memory.outside import Outside
from domain.kernel.errors import Rejected
from domain.ports import InfrastructureEngine
from domain.provided import (
    ProvidedChange,
    ProvidedInfrastructureRun,
    ProvidedProgram,
    ProvidedStack,
    StackHandle,
)

type Resources = dict[str, dict[str, str]]
"""Properties by the resource's name."""

# What can't be changed in a resource that is there.
_REPLACING = frozenset({"name", "location"})

_TYPE = "memory:index:Resource"


@dataclass
class MemoryProgram:
    """What a commit declares."""

    resources: Resources
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class MemoryStack:
    state: Resources = field(default_factory=dict)
    world: Resources = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    version: int = 0
    taken_by_somebody: bool = False


@dataclass
class MemoryRun:
    stack: MemoryStack
    program: ProvidedProgram
    operation_id: str
    seen: ProvidedInfrastructureRun


class MemoryInfrastructureEngine(Outside, InfrastructureEngine):
    """`default` is what a commit declares that nothing else was said of."""

    def __init__(self) -> None:
        super().__init__("the infrastructure engine")
        self.default = MemoryProgram(
            {"storage": {"sku": "standard"}}, {"endpoint": "https://storage.invalid"}
        )
        self.refused: dict[str, str] = {}
        """Commit -> the sentence that its program is refused with."""
        self.closed: str | None = None
        """The sentence that every stack is refused with, as where its place does not exist."""
        self.holding = False
        """True: what is begun does not finish by itself."""
        self.updates: list[MemoryRun] = []
        """In the order in which they were begun."""
        self.overlaps = 0
        """Updates that were begun while another one of their stack ran."""
        self._programs: dict[str, MemoryProgram] = {}
        self._stacks: dict[tuple[str, ...], MemoryStack] = {}
        self._runs: dict[tuple[tuple[str, ...], str], MemoryRun] = {}
        self._failures: list[tuple[str, str, int]] = []

    def declare(
        self, commit_sha: str, resources: Mapping[str, Mapping[str, str]], outputs: Mapping[str, str] = {}
    ) -> None:
        """From now on the program of this commit is this."""
        found = {name: dict(properties) for name, properties in resources.items()}
        self._programs[commit_sha] = MemoryProgram(found, dict(outputs))

    def stack_of(self, stack: StackHandle) -> MemoryStack:
        return self._stacks.setdefault(_key(stack), MemoryStack())

    def drift(self, stack: StackHandle, name: str, properties: Mapping[str, str] | None) -> None:
        """Somebody changes a resource by hand; None takes it away."""
        world = self.stack_of(stack).world
        if properties is None:
            world.pop(name, None)
        else:
            world[name] = dict(properties)

    def move(self, stack: StackHandle) -> None:
        """Somebody else updates the stack."""
        self.stack_of(stack).version += 1

    def fail_next(self, operation: str, message: str, after: int = 0) -> None:
        """The next one of this kind fails, an update after so many changes."""
        self._failures.append((operation, message, after))

    @property
    def unfinished(self) -> list[MemoryRun]:
        return [run for run in self._runs.values() if run.seen.status == "running"]

    def finish(self, status: str = "succeeded") -> None:
        """Have everything finish that was held."""
        for run in self.unfinished:
            self._finish(run, status)

    def forget(self) -> None:
        """What was begun is not known any more, as where runs are only kept for so long."""
        self._runs.clear()

    @override
    async def stack(self, stack: StackHandle) -> ProvidedStack:
        async with self._call("stack"):
            if self.closed is not None:
                raise Rejected(self.closed)
            found = self.stack_of(stack)
            return ProvidedStack(found.version, dict(found.outputs))

    @override
    async def begin(
        self, stack: StackHandle, operation: str, program: ProvidedProgram, *, operation_id: str
    ) -> str:
        async with self._call("begin"):
            if program.commit_sha in self.refused:
                raise Rejected(self.refused[program.commit_sha])
            key = _key(stack), operation_id
            if key not in self._runs:
                found = self.stack_of(stack)
                self.effects[operation] += 1
                run_id = f"run-{self.effects.total()}"
                seen = ProvidedInfrastructureRun(run_id, operation, "running", "", found.version)
                run = self._runs[key] = MemoryRun(found, program, operation_id, seen)
                if operation == "update":
                    self._updating(run)
                if not self.holding:
                    self._finish(run, "succeeded")
            return self._runs[key].seen.run_id

    @override
    async def find(self, stack: StackHandle, operation_id: str) -> str | None:
        async with self._call("find"):
            found = self._runs.get((_key(stack), operation_id))
            return None if found is None else found.seen.run_id

    @override
    async def run(self, stack: StackHandle, run_id: str) -> ProvidedInfrastructureRun | None:
        async with self._call("run"):
            found = self._run(stack, run_id)
            return None if found is None else found.seen

    @override
    async def cancel(self, stack: StackHandle, run_id: str) -> None:
        async with self._call("cancel"):
            found = self._run(stack, run_id)
            if found is not None and found.seen.status == "running":
                self._finish(found, "canceled")

    def _run(self, stack: StackHandle, run_id: str) -> MemoryRun | None:
        own = (run for (key, _), run in self._runs.items() if key == _key(stack))
        return next((run for run in own if run.seen.run_id == run_id), None)

    def _updating(self, run: MemoryRun) -> None:
        self.overlaps += any(
            other is not run and other.stack is run.stack and other.seen.operation == "update"
            for other in self.unfinished
        )
        self.updates.append(run)

    def _finish(self, run: MemoryRun, status: str) -> None:
        stack, operation = run.stack, run.seen.operation
        program = self._programs.get(run.program.commit_sha, self.default)
        if operation == "update" and stack.taken_by_somebody:
            run.seen = replace(run.seen, status="busy", message="Another update is currently in progress.")
            return
        failure = next((one for one in self._failures if one[0] == operation), None)
        if failure is not None and status == "succeeded":
            self._failures.remove(failure)
            status, message, after = "failed", failure[1], failure[2]
        else:
            message, after = "", 0
        wanted = stack.state if operation == "detect-drift" else program.resources
        changes = _changes(stack.world, wanted)
        if status != "succeeded":
            changes = changes[:after]
        if operation == "update":
            _apply(stack, changes, program)
            stack.version += 1
            if status == "succeeded":
                stack.outputs = dict(program.outputs)
        run.seen = replace(run.seen, status=status, message=message, changes=changes)


def _key(stack: StackHandle) -> tuple[str, ...]:
    return (stack.partition.tenant_id, stack.partition.project_id, stack.engine, stack.name)


def _changes(there: Resources, wanted: Resources) -> tuple[ProvidedChange, ...]:
    """What makes the one the other."""
    found = []
    for name in {**wanted, **there}:
        old, new = there.get(name), wanted.get(name)
        if old == new:
            continue
        keys = {key for key in {**(old or {}), **(new or {})} if (old or {}).get(key) != (new or {}).get(key)}
        if old is None or new is None:
            operation = "create" if old is None else "delete"
        else:
            operation = "replace" if keys & _REPLACING else "update"
        urn = f"urn:memory::{name}"
        properties = tuple(sorted(keys)) if operation in ("update", "replace") else ()
        found.append(ProvidedChange(urn, _TYPE, name, operation, properties))
    return tuple(found)


def _apply(stack: MemoryStack, changes: tuple[ProvidedChange, ...], program: MemoryProgram) -> None:
    """A resource is as it is wanted afterwards, in the state and in the world."""
    for change in changes:
        for place in (stack.state, stack.world):
            if change.operation == "delete":
                place.pop(change.name, None)
            else:
                place[change.name] = dict(program.resources[change.name])
    # What was right already is known now.
    for name in stack.state.keys() | stack.world.keys():
        if name in stack.world:
            stack.state[name] = dict(stack.world[name])
        else:
            stack.state.pop(name, None)
