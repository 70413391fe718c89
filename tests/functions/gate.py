"""The gate over a real issuer, and how what is refused is counted."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from functions.bootstrap import Settings, now
from functions.callers import Caller, NotAuthenticated
from functions.identity import Identity
from functions.identity_settings import IdentitySettings
from functions.signing_keys import SigningKeys
from infra.local.issuer.keys import Key
from infra.local.issuer.server import Issuer
from tests import report
from tests.functions.conftest import SETTINGS
from tests.functions.forgeries import Forger
from tests.functions.requests import request

PROOF_KEY = b"proof"


@dataclass(frozen=True)
class Gate:
    """The identity over a real issuer, and whoever would like to be somebody else."""

    issuer: Issuer
    identity: Identity
    forger: Forger

    async def asks(self, **headers: str) -> Caller:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.identity.of_request(request(headers=named, key=None))

    async def bears(self, token: str) -> Caller:
        return await self.asks(Authorization=f"Bearer {token}")


def settings_of(issuer: Issuer, environment: Mapping[str, str] | None = None) -> IdentitySettings:
    read = Settings.read({**SETTINGS, **(environment or {})}).identity
    return replace(read, issuers=issuer.issuers, jwks_url=issuer.jwks_url)


def identity_of(settings: IdentitySettings) -> Identity:
    return Identity(settings, SigningKeys(settings.jwks_url), PROOF_KEY, now)


@asynccontextmanager
async def opened() -> AsyncIterator[Gate]:
    """One whose issuer has taken its first key away."""
    issuer, server = Issuer(), Issuer()
    await issuer.start()
    await server.start()
    taken_away = issuer.ring.current
    issuer.ring.rotate(keep=False)
    forger = Forger(issuer, server, taken_away, Key())
    server.ring.keys = [forger.own]
    yield Gate(issuer, identity_of(settings_of(issuer)), forger)
    await issuer.stop()
    await server.stop()


@contextmanager
def counted(suite: str) -> Iterator[Counter[str]]:
    """Forgeries by their kind, and how many were accepted, told at the end."""
    counts: Counter[str] = Counter()
    yield counts
    tried = ", ".join(f"{kind} {number}" for kind, number in sorted(counts.items()) if kind != "accepted")
    report.say(f"{suite}: forged: {tried}; {counts['accepted']} accepted")


async def refused(counts: Counter[str], kind: str, what: str, asking: Any) -> str | None:
    """What was believed, if anything was."""
    counts[kind] += 1
    try:
        caller = await asking
    except NotAuthenticated:
        return None
    counts["accepted"] += 1
    return f"{what}: {caller}"
