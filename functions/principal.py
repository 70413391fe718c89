"""App Service's own word on who calls: the header `X-MS-CLIENT-PRINCIPAL`, base64 of JSON claims.

Whoever reaches the app directly can write that header, so `Identity` reads it only where the settings show
that App Service authentication stands in front, which drops what a client sends. It has judged the times.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.kernel.errors import Invalid
from domain.kernel.values import parse_json
from functions.callers import NotAuthenticated
from functions.identity_settings import IdentitySettings
from functions.tokens import LARGEST, Claims, check_origin

HEADER = "X-MS-CLIENT-PRINCIPAL"

_IDENTITY = "http://schemas.microsoft.com/identity/claims/"
_WS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
# App Service renames some claims on the way.
_NAMES: Mapping[str, str] = {
    f"{_IDENTITY}objectidentifier": "oid",
    f"{_IDENTITY}tenantid": "tid",
    f"{_IDENTITY}scope": "scp",
    f"{_WS}nameidentifier": "sub",
    f"{_WS}upn": "upn",
    f"{_WS}name": "unique_name",
    f"{_WS}emailaddress": "email",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
}
_LISTS = ("roles", "groups")


class _Claim(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True)

    typ: str
    val: str


class _Principal(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True)

    auth_typ: str
    claims: list[_Claim]


def principal_claims(header: str, settings: IdentitySettings) -> Claims:
    """Raises `NotAuthenticated`."""
    if len(header) > 4 * LARGEST:
        raise NotAuthenticated("the principal is too long")
    try:
        principal = _Principal.model_validate(parse_json(base64.b64decode(header, validate=True)))
        found = Claims.model_validate(_gathered(principal))
    except (binascii.Error, ValueError, Invalid, ValidationError):
        raise NotAuthenticated("the principal can't be read") from None
    check_origin(found, settings)
    return found


def _gathered(principal: _Principal) -> dict[str, Any]:
    """By the names that tokens have. Raises `ValueError`."""
    if principal.auth_typ != "aad":
        raise ValueError("not of Entra ID")
    claims: dict[str, Any] = {}
    for claim in principal.claims:
        name = _NAMES.get(claim.typ, claim.typ)
        if name in _LISTS:
            claims.setdefault(name, []).append(claim.val)
        elif claims.setdefault(name, claim.val) != claim.val:
            raise ValueError(f"{name} comes twice")
    return claims
