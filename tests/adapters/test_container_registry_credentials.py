"""How the registry's adapter proves who it is: Basic, tokens by challenge, and Azure's own exchange."""

import time
from typing import Any

import pytest
from aiohttp import web

from adapters.container_registry import OciRegistry
from domain.kernel.errors import Unavailable
from tests.adapters import scripted_registry, scripted_service
from tests.adapters.scripted_registry import BASIC, DOCKER, PARTITION, REPOSITORY, challenge, found
from tests.adapters.scripted_service import Reply, ScriptedService
from tests.infra.oci_client import INDEX, MANIFEST

port, service = scripted_registry.port, scripted_service.service


class Tokens:
    """A token credential."""

    async def get_token(self, scope: str) -> Any:
        assert scope == "https://containerregistry.azure.net/.default"
        return type("Token", (), {"token": "entra", "expires_on": time.time() + 3600})


async def test_user_and_password_go_as_basic(service: ScriptedService, port: OciRegistry) -> None:
    service.script = [found()]
    assert await port.manifest(PARTITION, REPOSITORY, "1.0") is not None
    (request,) = service.requests
    assert request.path == f"/v2/{REPOSITORY}/manifests/1.0"
    assert request.headers["Authorization"] == BASIC
    for media_type in (MANIFEST, INDEX, DOCKER):
        assert media_type in request.headers["Accept"]


async def test_a_challenge_is_answered_with_a_token_that_is_kept(
    service: ScriptedService, port: OciRegistry
) -> None:
    token = web.json_response({"token": "t1", "expires_in": 300})
    service.script = [challenge(service), token, found()]
    for _ in range(3):
        assert await port.manifest(PARTITION, REPOSITORY, "1.0") is not None
    asked = service.requests[1]
    assert asked.path == "/oauth2/token" and asked.headers["Authorization"] == BASIC
    assert dict(asked.query) == {"service": "reg", "scope": "repository:x:pull"}
    sent = [request.headers["Authorization"] for request in service.requests[2:]]
    assert sent == ["Bearer t1"] * 3


@pytest.mark.parametrize("bearer_first", [True, False])
async def test_a_bearer_challenge_is_found_beside_others(
    service: ScriptedService, port: OciRegistry, bearer_first: bool
) -> None:
    both = ['Basic realm="reg"', challenge(service).headers["WWW-Authenticate"]]
    refused = web.Response(status=401)
    for one in both[::-1] if bearer_first else both:
        refused.headers.add("WWW-Authenticate", one)
    service.script = [refused, web.json_response({"token": "t1"}), found()]
    assert await port.manifest(PARTITION, REPOSITORY, "1.0") is not None
    assert service.requests[1].path == "/oauth2/token"


async def test_a_token_is_of_its_repository_and_renewed_when_it_ends(
    service: ScriptedService, port: OciRegistry
) -> None:
    short = web.json_response({"access_token": "t1", "expires_in": 1})
    service.script = [challenge(service), short, found(), challenge(service), short, found()]
    for name in (REPOSITORY, REPOSITORY):
        await port.manifest(PARTITION, name, "1.0")
    assert "Authorization" not in service.requests[3].headers
    assert len(service.requests) == 6


async def test_a_refused_credential_is_unavailable_and_asked_for_once(
    service: ScriptedService, port: OciRegistry
) -> None:
    service.script = [web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})]
    with pytest.raises(Unavailable, match="does not accept our credential"):
        await port.manifest(PARTITION, REPOSITORY, "1.0")
    assert len(service.requests) == 1


async def test_a_token_server_that_refuses_is_unavailable(
    service: ScriptedService, port: OciRegistry
) -> None:
    refused = web.json_response({"errors": [{"message": "wrong password"}]}, status=401)
    service.script = [challenge(service), refused]
    with pytest.raises(Unavailable, match="token server answered 401: wrong password"):
        await port.manifest(PARTITION, REPOSITORY, "1.0")


@pytest.mark.parametrize("realm", ["ftp://x/", "file:///etc/passwd", "x"])
async def test_a_challenge_to_nowhere_is_unavailable(
    service: ScriptedService, port: OciRegistry, realm: str
) -> None:
    service.script = [challenge(service, realm)]
    with pytest.raises(Unavailable, match="names no token server that we could trust"):
        await port.manifest(PARTITION, REPOSITORY, "1.0")


async def test_an_identity_of_entra_is_exchanged_for_a_token_of_the_registry(
    service: ScriptedService,
) -> None:
    forms: list[dict[str, Any]] = []

    def recorded(**answer: Any) -> Reply:
        async def reply(request: web.Request) -> web.StreamResponse:
            forms.append(dict(await request.post()))
            return web.json_response(answer)

        return reply

    service.script = [
        challenge(service),
        recorded(refresh_token="r1"),
        recorded(access_token="t1"),
        found(),
    ]
    port = OciRegistry(service.url, credential=Tokens())  # type: ignore[arg-type]
    for _ in range(2):
        assert await port.manifest(PARTITION, REPOSITORY, "1.0") is not None
    await port.close()
    paths = [request.path for request in service.requests]
    assert paths[1:3] == ["/oauth2/exchange", "/oauth2/token"] and len(paths) == 5
    assert forms == [
        {"grant_type": "access_token", "service": "reg", "access_token": "entra"},
        {
            "grant_type": "refresh_token",
            "refresh_token": "r1",
            "service": "reg",
            "scope": "repository:x:pull",
        },
    ]
    assert service.requests[-1].headers["Authorization"] == "Bearer t1"


async def test_an_identity_is_not_told_to_another_host(service: ScriptedService) -> None:
    service.script = [challenge(service, "https://elsewhere.example/token")]
    port = OciRegistry(service.url, credential=Tokens())  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match=r"sends us to elsewhere\.example, which is another host"):
        await port.manifest(PARTITION, REPOSITORY, "1.0")
    await port.close()
