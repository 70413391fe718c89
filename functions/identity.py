"""Who calls: the one gate of both doors, from what came with a request or a message to a `Caller`.

Over HTTP every route but the hooks' and the health's is anonymous at the Functions host and decided here,
because a host that asks for its own key lets no bearer token through, and one route can't have both:
- a person or an application sends `Authorization: Bearer` with an access token of Entra ID (tokens.py);
- a machine without one sends `x-functions-key` with a key from `Identity__machineKeys`, which names its
  service principal, roles and tenants (the Functions platform's own keys open nothing here);
- where App Service authentication is on, its principal counts for whoever has neither (principal.py).
A request with an `Authorization` is judged by that alone, so that a bad token never falls back to a key.

On a queue the app's own messages carry a proof (messages.py). A client's may carry a token in the property
`cs-authorization`, as a request would; one without acts as the principal of `Identity__serviceBus`, for the
right to send to the queue was given by whoever runs the namespace.

Roles come from the token's `roles`: `contributor` counts in each tenant that the token's Entra tenant has in
`Identity__tenants`, `contributor@<tenantId>` in that one of them alone.
"""

import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import azure.functions as func

from domain.kernel.actor import Actor, service
from domain.kernel.proof import ACTOR, INITIATOR, PROOF, is_proven
from functions.callers import Caller, NotAuthenticated, caller, platform_caller
from functions.identity_settings import IdentitySettings
from functions.principal import HEADER, principal_claims
from functions.signing_keys import SigningKeys
from functions.tokens import Claims, verified

log = logging.getLogger(__name__)

KEY_HEADER = "x-functions-key"
AUTHORIZATION = "cs-authorization"

_BEARER = re.compile(r"(?i:bearer) ([^\s,]+)")


class Identity:
    """`proof_key` is what the app proves its own messages with; `now` is the clock."""

    def __init__(
        self, settings: IdentitySettings, keys: SigningKeys, proof_key: bytes, now: Callable[[], datetime]
    ) -> None:
        self._settings, self._keys, self._now = settings, keys, now
        self._proof_key = proof_key

    async def of_request(self, request: func.HttpRequest) -> Caller:
        """Raises `NotAuthenticated`, `Unavailable`."""
        headers: Mapping[str, str] = request.headers
        authorization = headers.get("Authorization")
        if authorization is not None:
            return await self._bearer(authorization, self._now())
        key = headers.get(KEY_HEADER)
        if key is not None:
            return self._machine(key)
        principal = headers.get(HEADER)
        if principal is not None and self._settings.platform_authenticates:
            return self._caller(principal_claims(principal, self._settings), is_token=False)
        raise NotAuthenticated("no credential", credential=False)

    async def of_message(self, message: func.ServiceBusMessage) -> Caller:
        """Raises `NotAuthenticated`, `Unavailable`."""
        properties: Mapping[str, object] = message.application_properties or {}
        if PROOF in properties:
            return self._proven(message, properties)
        authorization = properties.get(AUTHORIZATION)
        if authorization is not None:
            sent = message.enqueued_time_utc or self._now()
            # The worker hands the moment over without its zone.
            return await self._bearer(str(authorization), sent if sent.tzinfo else sent.replace(tzinfo=UTC))
        machine = self._settings.service_bus
        return caller(service(machine.name), frozenset(machine.tenants), machine.roles)

    async def _bearer(self, authorization: str, at: datetime) -> Caller:
        found = _BEARER.fullmatch(authorization)
        if found is None:
            raise NotAuthenticated("not one bearer token")
        claims = await verified(found[1], self._keys, self._settings, at)
        return self._caller(claims, is_token=True)

    def _machine(self, key: str) -> Caller:
        given = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        # All are compared, whichever fits: the time taken tells nothing.
        fitting = [each for each in self._settings.machine_keys if hmac.compare_digest(given, each.sha256)]
        if not fitting:
            raise NotAuthenticated("no such key")
        machine = fitting[0]
        return caller(service(machine.name), frozenset(machine.tenants), machine.roles)

    def initiator_of(self, fact: func.ServiceBusMessage) -> str | None:
        """The person whose deed a fact follows from. Raises `NotAuthenticated` for a fact that is not ours:
        whoever may send to a topic can't have the platform act in somebody's name."""
        return self._proven(fact, fact.application_properties or {}).actor.initiator

    def _proven(self, message: func.ServiceBusMessage, properties: Mapping[str, object]) -> Caller:
        """The app's own; whatever claims to be and is not is a forgery."""
        actor, initiator = properties.get(ACTOR), properties.get(INITIATOR)
        acting = service(str(actor), None if initiator is None else str(initiator))
        given, body = properties.get(PROOF), message.get_body()
        if not is_proven(self._proof_key, given, str(message.message_id), acting, body):
            raise NotAuthenticated("its proof is wrong")
        return platform_caller(acting)

    def _caller(self, claims: Claims, *, is_token: bool) -> Caller:
        actor = _application(claims) if _is_application(claims, is_token) else _person(claims)
        return caller(actor, self._settings.tenants[claims.tid], claims.roles)


def _is_application(claims: Claims, is_token: bool) -> bool:
    """An application's own token has no scope, and is its own subject. Raises `NotAuthenticated`."""
    by_itself = claims.idtyp == "app" or claims.sub is None or claims.sub == claims.oid
    if claims.scp.strip():
        if claims.idtyp == "app":
            raise NotAuthenticated("an application's token with a person's scope")
        return False
    if not by_itself and is_token:
        # Made for signing in, not for calling: it says who somebody is to the client that asked.
        raise NotAuthenticated("no access token")
    return by_itself


def _application(claims: Claims) -> Actor:
    name = claims.application
    if not name:
        raise NotAuthenticated("an application without an id")
    return Actor(name, aliases=(claims.oid,), groups=tuple(claims.groups), is_service=True)


def _person(claims: Claims) -> Actor:
    """Named as they sign in; every other name is kept, so that a rule on persons can't be slipped."""
    names = (claims.preferred_username, claims.upn, claims.unique_name, claims.oid, claims.email)
    name, *others = dict.fromkeys(each for each in names if each)
    # Not the application's id: everybody who comes through the same client has that one.
    return Actor(name, aliases=tuple(others), groups=tuple(claims.groups))
