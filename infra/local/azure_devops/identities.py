"""Who calls: one identity for the PAT, one for the bearer token."""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from dataclasses import dataclass

from infra.local.azure_devops.errors import unauthenticated
from infra.local.emulation.state import Json

_NAMESPACE = uuid.UUID("6d0a3d1c-6f3b-5d59-9f4e-0f2f6f1f5b11")


def deterministic_id(*parts: str) -> str:
    """The same id for the same parts, in every run and data directory."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts).lower()))


@dataclass(frozen=True)
class Identity:
    name: str
    email: str

    @property
    def id(self) -> str:
        return deterministic_id("identity", self.email)

    def render(self) -> Json:
        return render_identity(self.id, self.name, self.email)


def render_identity(identity_id: str, name: str, email: str) -> Json:
    return {
        "displayName": name,
        "id": identity_id,
        "uniqueName": email,
        "descriptor": f"aad.{identity_id}",
    }


LOCAL_USER = Identity("Local User", "local-user@localhost")
LOCAL_SERVICE = Identity("Local Service", "local-service@localhost")


def identity_by_id(identity_id: str) -> Json:
    """A known caller, or a person made up from the id: any reviewer may vote."""
    for known in (LOCAL_USER, LOCAL_SERVICE):
        if known.id == identity_id:
            return known.render()
    short = identity_id[:8]
    return render_identity(identity_id, f"User {short}", f"user-{short}@localhost")


def authenticate(header: str | None, pat: str, bearer: str | None) -> Identity:
    """Basic with the PAT as its password, or the configured bearer token; anything else is refused."""
    scheme, _, value = (header or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise unauthenticated() from None
        if hmac.compare_digest(decoded.partition(b":")[2], pat.encode()):
            return LOCAL_USER
    elif scheme.lower() == "bearer" and bearer and hmac.compare_digest(value.encode(), bearer.encode()):
        return LOCAL_SERVICE
    raise unauthenticated()
