"""Which versions of a module run in an environment, with what share of the traffic, and how a strategy gets
from one arrangement to the next. What it looks like in Git is in `branch.py`."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator

from domain.devops.delivery.environments import DeploymentStrategy
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.kernel.values import Identifier, Model

Weight = Annotated[int, Field(ge=0, le=100)]
"""A share of the traffic in percent."""


class SlotName(StrEnum):
    """A place for one version. `main` is for who needs no second one."""

    MAIN = "main"
    BLUE = "blue"
    GREEN = "green"

    @property
    def suffix(self) -> str:
        """What the names of the slot's objects end in."""
        return "" if self is SlotName.MAIN else f"-{self}"


class Candidate(Model):
    """A version on its way into an environment."""

    manifest_id: Identifier
    release_id: Identifier
    version: SemanticVersion

    def at(self, name: SlotName, weight: int) -> "Slot":
        return Slot(
            name=name,
            manifest_id=self.manifest_id,
            release_id=self.release_id,
            version=self.version,
            weight=weight,
        )


class Slot(Model):
    """A version in its place."""

    name: SlotName
    manifest_id: Identifier
    release_id: Identifier
    version: SemanticVersion
    weight: Weight

    def weighing(self, weight: int) -> "Slot":
        return self.model_copy(update={"weight": weight})


class Resource(Protocol):
    """What must be known of an object of a manifest; `ManifestResource` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...


class Arrangement(Model):
    """A module's slots in an environment; none: it does not run there."""

    slots: tuple[Slot, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({slot.name for slot in self.slots}) != len(self.slots):
            raise ValueError("a slot holds one version")
        if len(set(self.manifest_ids)) != len(self.slots):
            raise ValueError("a version is in one slot")
        if self.slots and sum(slot.weight for slot in self.slots) != 100:
            raise ValueError("the slots' weights must come to 100")
        return self

    @property
    def serving(self) -> Slot | None:
        """The slot with the most weight; of two with the same, the one that was there first."""
        return max(self.slots, key=lambda slot: slot.weight, default=None)

    def slot(self, name: SlotName) -> Slot | None:
        return next((slot for slot in self.slots if slot.name is name), None)

    def slot_of(self, manifest_id: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.manifest_id == manifest_id), None)

    @property
    def manifest_ids(self) -> tuple[str, ...]:
        """Those whose contents `files` needs."""
        return tuple(slot.manifest_id for slot in self.slots)


def deployments(slot: SlotName, resources: Iterable[Resource]) -> tuple[str, ...]:
    """The names under which a manifest's Deployments run in a slot."""
    return _names("Deployment", slot, resources)


def services(slot: SlotName, resources: Iterable[Resource]) -> tuple[str, ...]:
    """The names under which a manifest's Services are found in a slot."""
    return _names("Service", slot, resources)


def _names(kind: str, slot: SlotName, resources: Iterable[Resource]) -> tuple[str, ...]:
    return tuple(one.name + slot.suffix for one in resources if one.kind == kind)


class Stage(Model):
    """One step of a strategy: what is to run once it is done, and the slot whose health decides whether the
    next may begin."""

    name: str
    arrangement: Arrangement
    candidate: SlotName


def stages(
    strategy: DeploymentStrategy,
    live: Arrangement | None,
    candidate: Candidate,
    canary_weights: Sequence[int],
) -> tuple[Stage, ...]:
    """The strategy's stages from what is live on. But for a RollingUpdate, which replaces it in its place,
    the live version is there to go back to until the last stage."""
    serving = live.serving if live is not None else None
    if serving is None:
        first = SlotName.MAIN if strategy is DeploymentStrategy.ROLLING_UPDATE else SlotName.BLUE
        return (_alone("Deploy", candidate, first),)
    if strategy is DeploymentStrategy.ROLLING_UPDATE:
        return (_alone("Deploy", candidate, serving.name),)
    assert live is not None
    if serving.manifest_id == candidate.manifest_id and serving.weight == 100:
        return (_alone("Deploy", candidate, serving.name),)
    stable = _stable(live, candidate)
    there = live.slot_of(candidate.manifest_id)
    free = SlotName.BLUE if stable.name is SlotName.GREEN else SlotName.GREEN
    place = there.name if there is not None else free
    if strategy is DeploymentStrategy.BLUE_GREEN:
        return (
            _beside("DeployGreen", stable, candidate, place, 0),
            _beside("SwitchTraffic", stable, candidate, place, 100),
            _alone("RetireBlue", candidate, place),
        )
    first_weight, *wider = canary_weights
    return (
        _beside("DeployCanary", stable, candidate, place, first_weight),
        *(_beside("Widen", stable, candidate, place, weight) for weight in wider),
        _beside("Complete", stable, candidate, place, 100),
        _alone("RetireStable", candidate, place),
    )


def _stable(live: Arrangement, candidate: Candidate) -> Slot:
    """What serves apart from the candidate, of which an earlier try may have left something."""
    others = [slot for slot in live.slots if slot.manifest_id != candidate.manifest_id]
    return max(others, key=lambda slot: slot.weight)


def _alone(name: str, candidate: Candidate, place: SlotName) -> Stage:
    return Stage(name=name, arrangement=Arrangement(slots=(candidate.at(place, 100),)), candidate=place)


def _beside(name: str, stable: Slot, candidate: Candidate, place: SlotName, weight: int) -> Stage:
    slots = (stable.weighing(100 - weight), candidate.at(place, weight))
    return Stage(name=name, arrangement=Arrangement(slots=slots), candidate=place)
