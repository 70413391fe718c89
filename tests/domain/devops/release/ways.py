"""The ways around segregation of duties that `test_segregation_of_duties.py` tries."""

from dataclasses import dataclass, field
from typing import Any

from domain.devops.release.duties import AUTHOR, PLANNER, PULL_REQUEST_AUTHOR
from domain.kernel.actor import Actor, service
from tests.domain.devops.release.given import ADA, ALAN, EVE, GRACE, HEIDI

PERSONS_ONLY = "only a person decides on a release"
BOT = service("sp-release-bot")
ADAS_NAMES = [{"name": ADA.name, "aliases": ["oid-ada", "sp-release-bot", "Ada Lovelace"]}]
EVES_NAMES = [{"name": EVE, "aliases": ["Eve Online", "eve@users.noreply.github.com"]}]

type Settings = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """Who tries, how, and the sentence that stops them. `names` are the policy's identities at planning,
    `names_later` from then on; `delegations` are (from, to)."""

    name: str
    by: Actor
    sentence: str
    planner: Actor = ADA
    on_behalf_of: str | None = None
    names: list[Settings] = field(default_factory=list)
    names_later: list[Settings] | None = None
    delegations: tuple[tuple[str, str], ...] = ()
    author: str = EVE
    commit: Settings = field(default_factory=dict)
    opened_by: Actor | str | None = None
    """Of the pull request that brought the commits; None: they were pushed."""
    merge: str = "noFastForward"
    decision: str = "Approved"


def ada_as(name: str) -> Way:
    return Way(f"the planner as {name!r}", Actor(name), PLANNER)


def eve_as(name: str, **how: Any) -> Way:
    written = how.get("author", EVE)
    return Way(f"the author {written!r} as {name!r}", Actor(name), AUTHOR, **how)


PLANNERS = (
    Way("the planner", ADA, PLANNER),
    Way("the planner, to reject", ADA, PLANNER, decision="Rejected"),
    ada_as("ADA@CONNECTSOFT.EXAMPLE"),
    ada_as("ada+approvals@connectsoft.example"),
    ada_as("Ada Lovelace <ada@connectsoft.example>"),
    ada_as('"ada"@connectsoft.example'),
    ada_as("  ada@connectsoft.example "),
    ada_as("ada@connectsoft.example."),
    ada_as("ａｄａ@connectsoft.example"),
    ada_as("a\u200bda@connectsoft.example"),
    ada_as("ada_connectsoft.example#EXT#@fabrikam.onmicrosoft.com"),
    ada_as("live.com#ada@connectsoft.example"),
    Way("the planner by another name of theirs", Actor("oid-ada"), PLANNER, names=ADAS_NAMES),
    Way("the planner by it in other letters", Actor("OID-Ada"), PLANNER, names=ADAS_NAMES),
    Way("the planner by an alias of the token", Actor("a.l", (ADA.name,)), PLANNER),
    Way("who planned by an alias of the token", ADA, PLANNER, planner=Actor("a.l", (ADA.name,))),
    Way("a token that shares an object id", Actor("a.l", ("oid-1",)), PLANNER, Actor("ada", ("oid-1",))),
    Way("a name forgotten since", Actor("oid-ada"), PLANNER, names=ADAS_NAMES, names_later=[]),
    Way("a name learned since", Actor("oid-ada"), PLANNER, names_later=ADAS_NAMES),
    Way("by a service that planned for them", ADA, PLANNER, planner=BOT, names=ADAS_NAMES),
    Way("an international domain", Actor("x@bücher.example"), PLANNER, Actor("x@xn--bcher-kva.example")),
)

SERVICES = (
    Way("a service", service("sp-other"), PERSONS_ONLY),
    Way("a service of the planner's", BOT, PERSONS_ONLY, names=ADAS_NAMES),
    Way("a service for somebody eligible", service("sp-other", GRACE.name), PERSONS_ONLY),
    Way(
        "a service by delegation",
        BOT,
        PERSONS_ONLY,
        on_behalf_of=GRACE.name,
        delegations=((GRACE.name, BOT.name),),
    ),
)

INITIATORS = (
    Way("whose deed led to the plan", ADA, PLANNER, planner=service("reactions", ADA.name)),
    Way(
        "whose deed it was, in other letters",
        Actor("Ada+1@ConnectSoft.Example"),
        PLANNER,
        planner=service("reactions", ADA.name),
    ),
    Way(
        "whose deed it was, by another name",
        Actor("oid-ada"),
        PLANNER,
        planner=service("reactions", ADA.name),
        names=ADAS_NAMES,
    ),
    Way(
        "whose deed it was, for somebody else",
        ADA,
        PLANNER,
        planner=service("reactions", ADA.name),
        on_behalf_of=GRACE.name,
        delegations=((GRACE.name, ADA.name),),
    ),
)

DELEGATES = (
    Way(
        "for the planner",
        GRACE,
        PLANNER,
        on_behalf_of=ADA.name,
        delegations=((ADA.name, GRACE.name),),
    ),
    Way(
        "for the planner by another name",
        GRACE,
        PLANNER,
        on_behalf_of="oid-ada",
        names=ADAS_NAMES,
        delegations=(("oid-ada", GRACE.name),),
    ),
    Way(
        "the planner for somebody else",
        ADA,
        PLANNER,
        on_behalf_of=GRACE.name,
        delegations=((GRACE.name, ADA.name),),
    ),
    Way("for an author", GRACE, AUTHOR, on_behalf_of=EVE, delegations=((EVE, GRACE.name),)),
    Way(
        "an author for somebody else",
        Actor(EVE),
        AUTHOR,
        on_behalf_of=GRACE.name,
        delegations=((GRACE.name, EVE),),
    ),
    Way(
        "a delegation handed on",
        ALAN,
        f"no delegation from {ADA.name} to {ALAN.name} is in force",
        on_behalf_of=ADA.name,
        delegations=((ADA.name, GRACE.name), (GRACE.name, ALAN.name)),
    ),
    Way(
        "without a delegation",
        ADA,
        f"no delegation from {GRACE.name} to {ADA.name} is in force",
        on_behalf_of=GRACE.name,
    ),
    Way(
        "for oneself",
        ADA,
        f"no delegation from {ADA.name} to {ADA.name} is in force",
        on_behalf_of=ADA.name,
    ),
)

AUTHORS = (
    Way("an author", Actor(EVE), AUTHOR),
    eve_as("EVE+code@connectsoft.example"),
    eve_as("eve@connectsoft.example", author="Eve Online <EVE@connectsoft.example>"),
    eve_as("Eve@connectsoft.example", author="Eve Online", names=EVES_NAMES),
    eve_as("Eve@connectsoft.example", author="1234+eve@users.noreply.github.com", names=EVES_NAMES),
    Way(
        "a co-author",
        ALAN,
        AUTHOR,
        commit={"message": f"Pair\n\nCo-authored-by: Alan Turing <{ALAN.name.upper()}>"},
    ),
    Way("a committer", ALAN, AUTHOR, commit={"committer": ALAN.name}),
    Way("an author whose commit was squashed", Actor(EVE), AUTHOR, opened_by=HEIDI, merge="squash"),
    Way("an author whose commit was merged", Actor(EVE), AUTHOR, opened_by=HEIDI),
    Way("who opened it at the provider", ALAN, PULL_REQUEST_AUTHOR, opened_by=ALAN.name),
    Way("who had the platform open it", ALAN, PULL_REQUEST_AUTHOR, opened_by=ALAN),
    Way(
        "who opened it, in other letters",
        Actor("Alan+pr@connectsoft.example"),
        PULL_REQUEST_AUTHOR,
        opened_by=ALAN,
    ),
    Way("a planner who wrote it, too", Actor(EVE), PLANNER, planner=Actor(EVE)),
)

WAYS = (*PLANNERS, *SERVICES, *INITIATORS, *DELEGATES, *AUTHORS)
