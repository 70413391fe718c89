"""One update or preview while it works: each step is announced, done and recorded, in that order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.local.emulation.state import Json
from infra.local.pulumi.differences import Difference
from infra.local.pulumi.errors import OperationFailed
from infra.local.pulumi.service import Service
from infra.local.pulumi.snapshot import Snapshot, World
from infra.local.pulumi.stacks import STACK_TYPE
from infra.local.pulumi.updates import PREVIEWS, Recorder

_NOTHING = Difference({}, [], [])
# Steps that call the provider to change something.
_CHANGES = frozenset({"create", "update", "delete", "create-replacement", "delete-replaced"})
_SIGNS = {
    "create": ("+ ", "creating", "created"),
    "update": ("~ ", "updating", "updated"),
    "delete": ("- ", "deleting", "deleted"),
    "create-replacement": ("++", "creating replacement", "created replacement"),
    "delete-replaced": ("--", "deleting original", "deleted original"),
}


@dataclass
class Step:
    """What becomes of one resource; logical steps are the ones that a summary counts."""

    op: str
    urn: str
    type: str
    old: Json | None = None
    new: Json | None = None
    difference: Difference = field(default=_NOTHING)
    logical: bool = True
    changes: bool = True
    """Whether the provider is called to change something; a refresh only takes over what it finds."""

    def metadata(self) -> Json:
        return {
            "op": self.op,
            "urn": self.urn,
            "type": self.type,
            "old": _state(self.old),
            "new": _state(self.new),
            "keys": self.difference.keys,
            "diffs": self.difference.diffs,
            "detailedDiff": self.difference.detailed or None,
            "logical": self.logical,
            "provider": "",
        }


def _state(resource: Json | None) -> Json | None:
    if resource is None:
        return None
    names = ("type", "urn", "custom", "id", "parent", "protect", "inputs", "outputs")
    return {**{name: resource.get(name) for name in names}, "provider": ""}


class Operation:
    """What the kinds of operation share."""

    def __init__(self, service: Service, update: Json, log: Callable[[str], None]) -> None:
        self.service = service
        self.stack: str = update["stack"]
        self.update = update
        self.preview = update["kind"] in PREVIEWS
        self.snapshot = Snapshot(service.state, self.stack, persistent=not self.preview)
        self.world = World(service.state, self.stack)
        # A preview that was killed left nothing behind, so it begins again.
        self.recorder = Recorder(service.state, update, restart=self.preview)
        self.log = log

    @property
    def project(self) -> str:
        return self.stack.split("/")[1]

    @property
    def stack_name(self) -> str:
        return self.stack.split("/")[2]

    def urn(self, type_: str, name: str, parent: Json | None = None) -> str:
        parents = "" if parent is None or parent["type"] == STACK_TYPE else f"{_chain(parent['urn'])}$"
        return f"urn:pulumi:{self.stack_name}::{self.project}::{parents}{type_}::{name}"

    async def perform(
        self,
        step: Step,
        settle: Callable[[], Json | None],
        problem: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Do a step once; settle writes what it changes and returns the resource as it is then.

        A problem is what the provider would refuse the change for.
        """
        if self.recorder.has_done(step.op, step.urn):
            return
        if not self.recorder.has_begun(step.op, step.urn):
            self.recorder.write("resourcePreEvent", self._payload(step))
        name = step.urn.rpartition("::")[2]
        sign, doing, done = _SIGNS.get(step.op, ("  ", "", "")) if step.changes else ("  ", "", "")
        if not self.preview and step.changes and step.op in _CHANGES:
            self.log(f" {sign} {step.type} {name} {doing}")
            if step.type != STACK_TYPE:
                await asyncio.sleep(self.service.pace)
            message = self.service.failures.take(self.stack, step.urn, step.op) or problem()
            if message is not None:
                self._fail(step, message)
        with self.service.state.transaction():
            step.new = settle()
            self.recorder.write("resOutputsEvent", self._payload(step))
        if done:
            self.log(f" {sign} {step.type} {name} {done if not self.preview else step.op}")

    def _payload(self, step: Step) -> Json:
        return {"metadata": step.metadata(), **({"planning": True} if self.preview else {})}

    def _fail(self, step: Step, message: str) -> None:
        """Raises OperationFailed."""
        name = step.urn.rpartition("::")[2]
        self.recorder.write(
            "diagnosticEvent",
            {
                "urn": step.urn,
                "prefix": "error: ",
                "message": f"{message}\n",
                "color": "never",
                "severity": "error",
            },
        )
        self.recorder.write("resOpFailedEvent", {"metadata": step.metadata(), "status": 1, "steps": 1})
        self.log(f"    {step.type} ({name}): error: {message}")
        raise OperationFailed(f"{step.op} of {step.urn} failed: {message}")


def _chain(urn: str) -> str:
    return urn.split("::")[2]
