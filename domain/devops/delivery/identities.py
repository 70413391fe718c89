"""Who is who: one person under many names, the groups they are in, and who stands for whom."""

import contextlib
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from domain.kernel.values import Classification, Identifier, Line, Model, Person, Sensitive, Timestamp

_MAILBOX = re.compile(r".*<([^<>]+)>")


def identity_key(text: str) -> str:
    """One spelling for all that a person's name or address is written in.

    The same person comes as Git wrote them ("Ada <Ada@X.example>"), as the directory has them and as they
    signed up for a tool, and nothing of what differs then tells persons apart: letter case and Unicode forms,
    invisible characters, a display name beside the address, a `+tag` that the mailbox ignores, the guest form
    of an address in a foreign directory. Where a mail system does tell `a+b` from `a`, two persons count as
    one here, which errs towards refusing. Who acts is authenticated at the edge: nobody chooses their name.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(character for character in text if unicodedata.category(character) not in ("Cf", "Cc"))
    mailbox = _MAILBOX.fullmatch(text.strip())
    text = " ".join((mailbox[1] if mailbox else text).split())
    return _address(text) if "@" in text else text


def _address(text: str) -> str:
    # ada_x.example#ext#@home.onmicrosoft.com is ada@x.example as a guest, live.com#ada@x.example as a
    # personal account.
    guest, is_guest, _ = text.removeprefix("live.com#").partition("#ext#@")
    local, _, domain = guest.rpartition("_" if is_guest else "@")
    local, domain = local.strip(' "'), domain.strip(" .")
    name, _, tag = local.strip("+").partition("+")
    # GitHub's own addresses are <number>+<login>: there the login is who it is.
    local = (tag or name) if domain == "users.noreply.github.com" else (name or tag)
    # What no domain name can be is compared as it is.
    with contextlib.suppress(UnicodeError):
        domain = domain.encode("idna").decode()
    return f"{local}@{domain}"


def _names_somebody(text: str) -> str:
    if not identity_key(text).strip("@"):
        raise ValueError("must name a person")
    return text


PersonName = Annotated[Line, AfterValidator(_names_somebody), Sensitive(Classification.PERSONAL)]
GroupName = Annotated[Line, Field(max_length=120)]


class Identity(Model):
    """A person by name, with the normalised other names that are known to be theirs."""

    name: Person
    aliases: tuple[Person, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


class Strict(Model):
    """A part of a document that replaces another one whole: a misspelt name would go back to its default."""

    model_config = ConfigDict(extra="forbid")


class KnownIdentity(Strict):
    """A person's other names: addresses, object ids, and service principals that act for them."""

    name: PersonName
    aliases: tuple[PersonName, ...] = ()


class ApproverGroup(Strict):
    """Who may fill a group's seats: these members, and who is in the directory's group of this id."""

    name: GroupName
    members: tuple[PersonName, ...] = ()
    directory_group: Identifier | None = None


class Delegation(Strict):
    """`to` may stand for `from`, from the one moment until before the other."""

    from_: Annotated[PersonName, Field(alias="from")]
    to: PersonName
    starts_at: Timestamp
    ends_at: Timestamp

    def is_in_force(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at


class People:
    """Tells who is the same person, by all that is known of their names."""

    def __init__(self, known: Iterable[KnownIdentity] = ()) -> None:
        self._known = [
            (identity_key(one.name), frozenset(map(identity_key, (one.name, *one.aliases)))) for one in known
        ]

    def keys(self, names: Iterable[str]) -> frozenset[str]:
        """Every key of the person who goes by these names."""
        keys = frozenset(key for key in map(identity_key, names) if key.strip("@"))
        return keys.union(*(all_names for _, all_names in self._known if keys & all_names))

    def same(self, one: Iterable[str], other: Iterable[str]) -> bool:
        return not self.keys(one).isdisjoint(self.keys(other))

    def canonical(self, names: Iterable[str]) -> str:
        """The one key to count a person by, the first name's where nothing more is known of them."""
        names = tuple(names)
        keys = self.keys(names)
        return min((name for name, all_names in self._known if keys & all_names), default="") or identity_key(
            names[0]
        )

    def identity(self, *names: str) -> Identity:
        """A person by their first name, with all the others: what later forgets a name can't take it back."""
        return Identity(name=names[0], aliases=tuple(sorted(self.keys(names) - {identity_key(names[0])})))
