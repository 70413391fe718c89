"""A context of one aggregate, for what is true of every context."""

from domain.catalogue import Catalogue
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.command import Command, Observation
from domain.kernel.context import Context
from domain.kernel.errors import require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Person
from domain.kernel.work import Work

front_house = Context("devops", "front-house")


class OpenDoor(Command):
    door_id: Identifier
    label: str = "Front"


class LookAtDoor(Command):
    door_id: Identifier


class ObserveDoor(Observation):
    door_id: Identifier
    wind: int = 1


@front_house.event("Observability")
class DoorOpened(Event):
    door_id: str
    opened_by: Person


@front_house.event()
class DoorSlammed(Event):
    door_id: str


@front_house.aggregate(prefix="door", collection="doors")
class Door(Aggregate):
    door_id: Identifier
    label: str = ""
    times: int = 0
    wind: int = 0

    def unique_keys(self) -> tuple[UniqueKey, ...]:
        return (UniqueKey("door-label", (self.label,), f"a door labelled {self.label} already exists"),)

    def open(self, by: str) -> None:
        require(self.times < 3, f"door {self.label} is worn out")
        self.times += 1
        self.record(DoorOpened(door_id=self.door_id, opened_by=by))


# How often each handler ran, for tests to look at; a test clears it.
ran: list[str] = []


@front_house.handler
async def open_door(command: OpenDoor, work: Work) -> None:
    ran.append(command.door_id)
    door = await work.find(Door, command.door_id)
    if door is None:
        door = Door(door_id=command.door_id, label=command.label)
        work.add(door)
    door.open(work.actor.name)


@front_house.handler
async def look_at_door(command: LookAtDoor, work: Work) -> None:
    await work.get(Door, command.door_id)


@front_house.handler
async def observe_door(command: ObserveDoor, work: Work) -> None:
    """From 10 on the door slams."""
    door = await work.get(Door, command.door_id)
    door.wind = command.wind
    if command.wind >= 10:
        door.record(DoorSlammed(door_id=door.door_id))


catalogue = Catalogue([front_house])
