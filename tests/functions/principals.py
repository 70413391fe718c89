"""The header that App Service's authentication sets, genuine and not."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.functions.conftest import ACME, OTHER

APP_SERVICE = {
    "WEBSITE_SITE_NAME": "delivery",
    "WEBSITE_INSTANCE_ID": "0f3e",
    "WEBSITE_AUTH_ENABLED": "True",
}
AUDIENCE = "api://delivery-platform"
_IDENTITY = "http://schemas.microsoft.com/identity/claims/"
_WS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


def claims(issuer: str, directory: str, /, **changes: Any) -> list[dict[str, Any]]:
    """As App Service renames them; `changes` by the tokens' names, `...` leaves one out."""
    named: dict[str, Any] = {
        "iss": f"{issuer}/{directory}/v2.0",
        "aud": AUDIENCE,
        "tid": directory,
        "oid": "0a1b2c3d-0000-4000-8000-0000000000aa",
        "sub": "somebody",
        "preferred_username": "grace@connectsoft.example",
        "ver": "2.0",
    } | changes
    renamed = {
        "tid": f"{_IDENTITY}tenantid",
        "oid": f"{_IDENTITY}objectidentifier",
        "sub": f"{_WS}nameidentifier",
    }
    listed = [
        {"typ": renamed.get(name, name), "val": value} for name, value in named.items() if value is not ...
    ]
    return [*listed, {"typ": "roles", "val": "approver"}, {"typ": "groups", "val": "owners"}]


def encoded(document: object) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def principal(issuer: str, directory: str, /, *, auth_typ: str = "aad", **changes: Any) -> str:
    return encoded(
        {"auth_typ": auth_typ, "claims": claims(issuer, directory, **changes), "role_typ": "roles"}
    )


def not_app_service() -> Iterator[Mapping[str, str]]:
    """Settings under which a client's own header would reach the app."""
    yield {}
    for name in APP_SERVICE:
        yield {key: value for key, value in APP_SERVICE.items() if key != name}
    for off in ("False", "false", "0", "", "yes", "True "):
        yield APP_SERVICE | {"WEBSITE_AUTH_ENABLED": off}


def forged_principals(issuer: str) -> Iterator[tuple[str, str]]:
    """What is wrong, and the header."""
    good = claims(issuer, ACME)
    for kind in ("google", "facebook", "AAD", ""):
        yield f"auth_typ {kind!r}", principal(issuer, ACME, auth_typ=kind)
    unknown = "0a1b2c3d-0000-4000-8000-0000000000ff"
    wrong: tuple[dict[str, Any], ...] = (
        {"iss": "https://evil.example/"},
        {"iss": f"{issuer}/{ACME}/v2.0/"},
        {"iss": f"{issuer}/{OTHER}/v2.0"},
        {"iss": ...},
        {"aud": "api://other"},
        {"aud": AUDIENCE.upper()},
        {"aud": [AUDIENCE]},
        {"aud": ...},
        {"tid": OTHER},
        {"tid": unknown},
        {"tid": unknown, "iss": f"{issuer}/{unknown}/v2.0"},
        {"tid": ...},
        {"tid": None},
        {"oid": ...},
        {"ver": "3.0"},
        {"idtyp": "app", "scp": "access_as_user", "appid": "x"},
        {"idtyp": "app"},
    )
    for changes in wrong:
        yield f"{changes}", principal(issuer, ACME, **changes)
    for name, value in (
        ("iss", "https://evil.example/"),
        ("aud", "api://other"),
        ("tid", OTHER),
        ("oid", "x"),
    ):
        for doubled in ([*good, {"typ": name, "val": value}], [{"typ": name, "val": value}, *good]):
            yield f"{name} twice", encoded({"auth_typ": "aad", "claims": doubled})
    documents: tuple[object, ...] = (
        None,
        [],
        "x",
        {},
        {"auth_typ": "aad"},
        {"claims": good},
        {"auth_typ": "aad", "claims": {}},
    )
    for document in documents:
        yield f"document {str(document)[:30]}", encoded(document)
    for text in ("", "!", "e30", "é", "x" * 100_000, json.dumps({"auth_typ": "aad", "claims": good})):
        yield f"text {text[:10]!r}", text
