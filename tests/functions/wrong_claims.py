"""Claims that an issuer would have to sign by mistake, or for another application or another customer."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from functions.tokens import LEEWAY
from tests.functions.conftest import ACME, OTHER

HOUR = 3600
UNKNOWN = "0a1b2c3d-0000-4000-8000-0000000000ff"


def wrong_claims(issuer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What is wrong, and the claims to change (`...`: to leave out)."""
    now, own = int(time.time()), f"{issuer}/{ACME}/v2.0"
    for iss in (
        *(own + "/", own.upper(), own + ".evil.example", own.removesuffix("v2.0"), f"{issuer}/{OTHER}/v2.0"),
        *(
            f"{issuer}/{{tenantid}}/v2.0",
            "https://evil.example/",
            own.replace("http", "https"),
            f" {own}",
            "",
        ),
        *(None, [own], 1, ...),
    ):
        # v1's issuer is right as well, with or without its version: only the others are forged.
        if iss != f"{issuer}/{ACME}/":
            yield f"iss {iss!r:.60}", {"iss": iss}
    aud = "api://delivery-platform"
    for wrong in (
        *("api://other", aud[:-1], f"{aud}-2", aud.upper(), f"{aud}/", "", None, ..., 1),
        *([aud], [aud, "api://other"], {aud: True}, f"{aud} api://other"),
    ):
        yield f"aud {wrong!r:.50}", {"aud": wrong}
    for tid in (UNKNOWN, OTHER, ACME.upper(), "", "*", None, ..., [ACME]):
        yield f"tid {tid!r}", {"tid": tid}
        if isinstance(tid, str) and tid != OTHER:
            yield f"tid {tid!r} and its issuer", {"tid": tid, "iss": f"{issuer}/{tid}/v2.0"}
    times: tuple[Any, ...] = (None, ..., "soon", str(now + HOUR), True, [now], float(now) + 0.5, {})
    for name in ("exp", "nbf", "iat"):
        for value in times:
            yield f"{name} {value!r}", {name: value}
    yield "exp long ago", {"exp": now - HOUR}
    yield "exp just past the leeway", {"exp": now - LEEWAY - 1}
    yield "nbf to come", {"nbf": now + LEEWAY + 30}
    yield "iat to come", {"iat": now + HOUR}
    yield "iat far to come", {"iat": now + 10 * 365 * 24 * HOUR, "exp": now + 11 * 365 * 24 * HOUR}
    no_roles: tuple[Any, ...] = (
        "approver",
        None,
        [1],
        ["approver", None],
        {"approver": True},
        [["approver"]],
    )
    for value in no_roles:
        yield f"roles {value!r}", {"roles": value}
    for value in ("owners", None, [1]):
        yield f"groups {value!r}", {"groups": value}
    for name in ("oid", "sub", "ver", "tid"):
        for value in (None, ..., 1, [], True):
            yield f"{name} {value!r}", {name: value}
    yield "ver 3.0", {"ver": "3.0"}
    yield "a sign-in token", {"scp": ...}
    yield "a sign-in token with an empty scope", {"scp": "  "}
    yield "scp null", {"scp": None}
    yield "scp as a list", {"scp": ["access_as_user"]}
    yield "an application with a person's scope", {"idtyp": "app"}
    yield "idtyp of its own making", {"idtyp": "admin"}
    yield "an application without an id", {"idtyp": "app", "scp": ..., "azp": ...}
    yield "a name that is a list", {"preferred_username": ["grace"]}
