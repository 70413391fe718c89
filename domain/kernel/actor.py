"""Who acts: an authenticated person or service principal, never a field of a message's body."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """`name` is what facts and journals call them; `aliases` are the identity's other names (object id,
    e-mail address, application id), `groups` the ids of its directory groups.

    A service that acts because a person did something names that person as `initiator`: what follows from
    a deed by itself is still that person's.
    """

    name: str
    aliases: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    is_service: bool = False
    initiator: str | None = None

    @property
    def behind(self) -> str | None:
        """The person whose deed it is."""
        return self.initiator if self.is_service else self.name


def service(name: str, initiator: str | None = None) -> Actor:
    """A part of the platform, or a machine that calls it."""
    return Actor(name, is_service=True, initiator=initiator)
