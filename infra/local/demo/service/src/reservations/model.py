"""A reservation, and what can be wrong with one."""

from dataclasses import dataclass


class Refused(Exception):
    """The sentence is for the guest."""


@dataclass(frozen=True)
class Reservation:
    table: int
    hour: int
    guest: str

    def __post_init__(self) -> None:
        if not 11 <= self.hour <= 22:
            raise Refused("the kitchen is open from 11 to 22")
        if not self.guest.strip():
            raise Refused("a reservation needs a name")
