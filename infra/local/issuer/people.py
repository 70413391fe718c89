"""The people and Entra tenants of the laptop cloud, and the claims that Entra ID would give them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

AUDIENCE = "api://delivery-platform"
STAFF = "5a1f0d3c-0000-4000-8000-000000000001"
"""The Entra tenant whose roles may reach every tenant of the laptop cloud."""
FABRIKAM = "5a1f0d3c-0000-4000-8000-000000000002"
"""A customer's Entra tenant, with the one tenant `fabrikam`."""
TENANTS: Mapping[str, Sequence[str]] = {STAFF: ["*"], FABRIKAM: ["fabrikam"]}

PEOPLE: Mapping[str, Sequence[str]] = {
    "ada": ("contributor", "release-manager"),
    "grace": ("approver",),
    "alan": ("approver",),
    "olga": ("operator",),
    "iris": ("incident-commander",),
    "rita": ("reader",),
}
"""Who there is beside whomever one makes up, and what they may do."""

_NAMESPACE = uuid.UUID(STAFF)
_CLIENT = "5a1f0d3c-0000-4000-8000-0000000000c1"


def address(person: str) -> str:
    """`ada` signs in as `ada@connectsoft.example`; who has an address keeps it."""
    return person if "@" in person else f"{person}@connectsoft.example"


@dataclass(frozen=True)
class Subject:
    """Who a token is for: a person, or the application of that id."""

    name: str
    is_application: bool = False
    roles: Sequence[str] = ()
    groups: Sequence[str] = ()
    tid: str = STAFF

    @property
    def oid(self) -> str:
        """The same for the same name, as a directory would have it."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.tid}|{self.name}"))


def claims(subject: Subject, issuer: str, now: datetime, lifetime: float) -> dict[str, Any]:
    """Of a v2 access token; `lifetime` in seconds."""
    start = int(now.timestamp())
    common = {
        "aud": AUDIENCE,
        "iss": f"{issuer}/{subject.tid}/v2.0",
        "iat": start,
        "nbf": start,
        "exp": start + int(lifetime),
        "oid": subject.oid,
        "tid": subject.tid,
        "roles": list(subject.roles),
        "uti": uuid.uuid4().hex,
        "ver": "2.0",
    }
    if subject.groups:
        common["groups"] = list(subject.groups)
    if subject.is_application:
        return common | {"azp": subject.name, "idtyp": "app", "sub": subject.oid}
    return common | {
        "azp": _CLIENT,
        "name": address(subject.name).partition("@")[0].title(),
        "preferred_username": address(subject.name),
        "scp": "access_as_user",
        "sub": str(uuid.uuid5(_NAMESPACE, f"{_CLIENT}|{subject.oid}")),
    }


def claims_v1(subject: Subject, issuer: str, now: datetime, lifetime: float) -> dict[str, Any]:
    """The same of a v1 access token, which an application may still ask for."""
    newer = claims(subject, issuer, now, lifetime)
    for name in ("azp", "preferred_username"):
        newer.pop(name, None)
    older = {"iss": f"{issuer}/{subject.tid}/", "ver": "1.0"}
    if subject.is_application:
        return newer | older | {"appid": subject.name, "appidacr": "1"}
    signed_in = address(subject.name)
    return newer | older | {"appid": _CLIENT, "appidacr": "0", "upn": signed_in, "unique_name": signed_in}
