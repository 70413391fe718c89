"""Access tokens of Entra ID: from the text of one to claims that are true.

The order matters: the shape, then the signature, and only then is anything in it believed.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from functions.callers import NotAuthenticated
from functions.identity_settings import TENANT_PLACEHOLDER, IdentitySettings
from functions.signing_keys import SigningKey, SigningKeys

# The only list of algorithms: what Entra ID signs with.
ALGORITHMS: Sequence[str] = ("RS256",)
LEEWAY = 60
"""seconds that our clock and the issuer's may differ"""
LARGEST = 16 * 1024
"""characters; with all the groups that Entra ID puts into one, a token has about half"""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Where a token would bring its own key, or change what is signed.
_REFUSED = ("jku", "jwk", "x5u", "x5c", "crit", "b64", "cty", "zip", "enc")


class Claims(BaseModel):
    """What we read of a token or of App Service's principal, in the shapes of v1 and v2."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, defer_build=True)

    iss: str
    aud: str
    tid: str
    oid: str
    sub: str | None = None
    ver: Literal["1.0", "2.0"] | None = None
    scp: str = ""
    idtyp: Literal["app", "user"] | None = None
    appid: str | None = None
    azp: str | None = None
    preferred_username: str | None = None
    upn: str | None = None
    unique_name: str | None = None
    email: str | None = None
    roles: list[str] = []
    groups: list[str] = []

    @property
    def application(self) -> str | None:
        """The id of the client: `azp` in v2, `appid` in v1."""
        return self.azp or self.appid


class _TokenClaims(Claims):
    """What Entra ID puts into every token besides."""

    exp: int
    nbf: int
    iat: int
    sub: str
    ver: Literal["1.0", "2.0"]


def check_origin(claims: Claims, settings: IdentitySettings) -> None:
    """Issuer, audience and Entra tenant, each exactly. Raises `NotAuthenticated`."""
    if claims.aud not in settings.audiences:
        raise NotAuthenticated(f"made for {claims.aud!r}")
    if claims.tid not in settings.tenants:
        raise NotAuthenticated(f"the Entra tenant {claims.tid!r} is not ours")
    if claims.iss not in {issuer.replace(TENANT_PLACEHOLDER, claims.tid) for issuer in settings.issuers}:
        raise NotAuthenticated(f"issued by {claims.iss!r}")


async def verified(token: str, keys: SigningKeys, settings: IdentitySettings, at: datetime) -> Claims:
    """The claims of a token that is good at a moment. Raises `NotAuthenticated`, `Unavailable`."""
    key = await _key(_header(token), keys)
    claims = _claims(_payload(token, key))
    check_origin(claims, settings)
    if key.issuer is not None and TENANT_PLACEHOLDER not in key.issuer and claims.tid not in key.issuer:
        # In a document for many tenants some keys sign for one alone.
        raise NotAuthenticated(f"the key is {key.issuer}'s")
    moment = at.timestamp()
    if moment >= claims.exp + LEEWAY:
        raise NotAuthenticated("expired")
    if moment < max(claims.nbf, claims.iat) - LEEWAY:
        raise NotAuthenticated("not valid yet")
    return claims


def _header(token: str) -> dict[str, Any]:
    if len(token) > LARGEST:
        raise NotAuthenticated("too long")
    if _COMPACT.fullmatch(token) is None:
        raise NotAuthenticated("not a signed token")
    from jwt.utils import base64url_decode

    try:
        header = json.loads(base64url_decode(token.partition(".")[0]), object_pairs_hook=_once)
    except ValueError:
        raise NotAuthenticated("its header can't be read") from None
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
        raise NotAuthenticated("not signed as Entra ID signs")
    for name in _REFUSED:
        if name in header:
            raise NotAuthenticated(f"its header holds {name}")
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


async def _key(header: dict[str, Any], keys: SigningKeys) -> SigningKey:
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise NotAuthenticated("it names no key")
    key = await keys.get(kid)
    if key is None:
        raise NotAuthenticated("its key is not the issuer's")
    return key


def _payload(token: str, key: SigningKey) -> Any:
    """What the signature covers."""
    import jwt

    try:
        # Times and names are checked on the claims: a message is judged by when it was sent.
        return json.loads(
            jwt.api_jws.PyJWS().decode(token, key.public, algorithms=list(ALGORITHMS)),
            object_pairs_hook=_once,
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotAuthenticated("its signature is wrong") from None


def _claims(payload: Any) -> _TokenClaims:
    try:
        return _TokenClaims.model_validate(payload)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, each["loc"])) or "payload" for each in error.errors())
        raise NotAuthenticated(f"claims that can't be read: {names}") from None
