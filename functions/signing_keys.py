"""The issuer's public keys: read from its JWKS document, kept, and read again when a key is new.

Only the setting says where they are; nothing in a token does.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.kernel.errors import Invalid, Unavailable
from domain.kernel.values import parse_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

log = logging.getLogger(__name__)

TIMEOUT = 4.0
LARGEST_DOCUMENT = 1024 * 1024
SMALLEST_MODULUS = 2048


@dataclass(frozen=True)
class Pace:
    """Seconds. Keys are read again after `fresh`, and serve on up to `usable` while the issuer is away. A key
    that is not known is looked for at most once in `between`, after a failure once in `after_failure`."""

    fresh: float = 3600.0
    usable: float = 24 * 3600.0
    between: float = 30.0
    after_failure: float = 5.0


@dataclass(frozen=True)
class SigningKey:
    """`issuer` is whose tokens it may sign, where its document says so; `{tenantid}` is anybody's."""

    public: "RSAPublicKey"
    issuer: str | None


class SigningKeys:
    """The keys of one JWKS document by their `kid`. `clock` is monotonic."""

    def __init__(self, url: str, pace: Pace = Pace(), clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._pace, self._clock = url, pace, clock
        self._keys: Mapping[str, SigningKey] = {}
        self._read_at = self._tried_at = float("-inf")
        self._failure: Unavailable | None = None
        self._reading = asyncio.Lock()

    async def get(self, kid: str) -> SigningKey | None:
        """The key, or None where the issuer has none of that name. Raises `Unavailable` where that can't be
        known: the issuer is away, and the key is not among those that were read."""
        if self._due(kid):
            async with self._reading:
                # Whoever waited here finds what the first one read.
                if self._due(kid):
                    await self._read()
        if self._age() > self._pace.usable:
            raise self._failure or Unavailable("the issuer", "its keys have not been read")
        found = self._keys.get(kid)
        if found is None and self._failure is not None:
            raise self._failure
        return found

    def _age(self) -> float:
        return self._clock() - self._read_at

    def _due(self, kid: str) -> bool:
        since = self._clock() - self._tried_at
        if self._failure is not None:
            return since >= self._pace.after_failure
        return self._age() >= self._pace.fresh or (kid not in self._keys and since >= self._pace.between)

    async def _read(self) -> None:
        """Keeps the keys that were there when the issuer can't be read."""
        self._tried_at = self._clock()
        try:
            self._keys = _usable(await self._document())
        except Unavailable as failure:
            self._failure = failure
            log.warning("%s; %d keys known", failure, len(self._keys))
            return
        self._read_at, self._failure = self._tried_at, None

    async def _document(self) -> Mapping[str, Any]:
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT)) as session,
                session.get(self._url, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise Unavailable("the issuer", f"{self._url} answered {answer.status}")
                body = bytearray()
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > LARGEST_DOCUMENT:
                        raise Unavailable("the issuer", f"{self._url} is too large")
                return parse_json(bytes(body))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("the issuer", f"{self._url}: {error or type(error).__name__}") from error
        except Invalid as error:
            raise Unavailable("the issuer", f"{self._url}: {error}") from error


def _usable(document: Mapping[str, Any]) -> Mapping[str, SigningKey]:
    """The RSA keys for signatures. Raises `Unavailable` where there is none: no issuer is without."""
    entries = document.get("keys")
    keys = {
        entry["kid"]: key
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("kid"), str) and (key := _key(entry)) is not None
    }
    if not keys:
        raise Unavailable("the issuer", "its document holds no key that can be used")
    return keys


def _key(entry: dict[str, Any]) -> SigningKey | None:
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from jwt.algorithms import RSAAlgorithm
    from jwt.exceptions import PyJWTError

    public_part = {name: entry.get(name) for name in ("kty", "n", "e")}
    try:
        public = RSAAlgorithm.from_jwk(public_part)
    except (PyJWTError, ValueError, TypeError, AttributeError):
        return None
    if not isinstance(public, RSAPublicKey) or public.key_size < SMALLEST_MODULUS:
        return None
    issuer = entry.get("issuer")
    return SigningKey(public, issuer if isinstance(issuer, str) else None)
