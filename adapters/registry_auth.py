"""How a registry wants to be asked: Basic, or the token that its challenge sends us for."""

import re
import time
from collections.abc import Mapping
from typing import Any, Protocol, override
from urllib.parse import urlencode, urlsplit, urlunsplit

from adapters.entra import BearerToken, basic
from adapters.http import Answer, Call, Http, reason

_PARAMETER = re.compile(r'([A-Za-z_]+)="([^"]*)"')
_BEARER = re.compile(r"(?:^|,)\s*bearer\s+(.*)", re.IGNORECASE)
_SHORTEST_LIFE = 60.0
"""Seconds: what the token specification has where a token says nothing."""
_RENEW_BEFORE = 10.0


class RegistryAuthorization(Protocol):
    async def header(self, scope: str) -> str | None:
        """What to send at first for this scope; None for nothing."""

    async def answer(self, call: Call, challenge: str, scope: str) -> str | None:
        """What the challenge of a 401 asks for; None where we have nothing better than what was refused."""


class _Tokens:
    """Registry tokens by scope, as long as they live."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, float]] = {}

    def find(self, scope: str) -> str | None:
        now = time.monotonic()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[1] > now}
        kept = self._kept.get(scope)
        return "Bearer " + kept[0] if kept is not None else None

    def keep(self, scope: str, answer: Any) -> str | None:
        """The header of a token server's answer; None where it holds no token."""
        fields = answer if isinstance(answer, dict) else {}
        token = fields.get("token") or fields.get("access_token")
        if not isinstance(token, str) or not token:
            return None
        life = fields.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) else _SHORTEST_LIFE
        self._kept[scope] = token, time.monotonic() + seconds - _RENEW_BEFORE
        return "Bearer " + token


class UserPassword(RegistryAuthorization):
    """Sent as Basic where the registry wants that, else exchanged at the token server of its challenge."""

    def __init__(self, http: Http, url: str, user: str, password: str) -> None:
        self._http, self._url, self._basic = http, url, basic(user, password)
        self._tokens, self._by_token = _Tokens(), False

    @override
    async def header(self, scope: str) -> str | None:
        return self._tokens.find(scope) if self._by_token else self._basic

    @override
    async def answer(self, call: Call, challenge: str, scope: str) -> str | None:
        parameters = _bearer(challenge)
        if parameters is None:
            return None
        self._by_token = True
        realm = _realm(self._http, self._url, parameters)
        asked = _asked(parameters, scope)
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}" if asked else realm
        answer = await call.request("GET", url, headers={"Authorization": self._basic})
        return self._tokens.keep(scope, _granted(self._http, answer))


class EntraIdentity(RegistryAuthorization):
    """Azure Container Registry's own exchange: Entra ID's token for a refresh token, that one for access."""

    def __init__(self, http: Http, url: str, token: BearerToken) -> None:
        self._http, self._url, self._token = http, url, token
        self._tokens = _Tokens()

    @override
    async def header(self, scope: str) -> str | None:
        return self._tokens.find(scope)

    @override
    async def answer(self, call: Call, challenge: str, scope: str) -> str | None:
        parameters = _bearer(challenge)
        if parameters is None:
            return None
        realm = urlsplit(_realm(self._http, self._url, parameters))
        if realm.netloc != urlsplit(self._url).netloc:
            raise self._http.unavailable(f"its challenge sends us to {realm.netloc}, which is another host")
        service = parameters.get("service", "")
        exchange = urlunsplit((realm.scheme, realm.netloc, "/oauth2/exchange", "", ""))
        token = await self._token.token()
        form = {"grant_type": "access_token", "service": service, "access_token": token}
        granted = await self._post(call, exchange, form)
        refresh = granted.get("refresh_token") if isinstance(granted, dict) else None
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(refresh),
            **_asked(parameters, scope),
        }
        return self._tokens.keep(scope, await self._post(call, urlunsplit(realm), form))

    async def _post(self, call: Call, url: str, form: Mapping[str, str]) -> Any:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await call.request("POST", url, headers=headers, body=lambda: urlencode(form).encode())
        if answer.status == 401:
            self._token.forget()
        return _granted(self._http, answer)


def _asked(parameters: Mapping[str, str], scope: str) -> dict[str, str]:
    """Whom the token is for and what it allows, as far as anybody has said."""
    asked = {"service": parameters.get("service", ""), "scope": parameters.get("scope") or scope}
    return {name: value for name, value in asked.items() if value}


def _granted(http: Http, answer: Answer) -> Any:
    if answer.status != 200:
        raise http.unavailable(f"its token server answered {answer.status}: {reason(answer)}")
    return answer.json()


def _bearer(challenge: str) -> dict[str, str] | None:
    """The parameters of a bearer challenge, which others may stand beside; None where there is none."""
    found = _BEARER.search(challenge)
    # What comes first is the bearer's own.
    return dict(reversed(_PARAMETER.findall(found[1]))) if found else None


def _realm(http: Http, url: str, parameters: Mapping[str, str]) -> str:
    """Where the token server is. A realm over plain HTTP is only believed of a registry over plain HTTP."""
    realm = parameters.get("realm", "")
    if urlsplit(realm).scheme not in {"https", urlsplit(url).scheme}:
        raise http.unavailable(f"its challenge names no token server that we could trust: {realm!r}")
    return realm
