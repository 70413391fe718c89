"""A container registry that answers from a script."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from adapters.container_registry import OciRegistry
from domain.kernel.work import Partition
from tests.adapters.scripted_service import ScriptedService
from tests.infra.oci_client import LAYER, MANIFEST, digest_of

PARTITION = Partition("acme", "shop")
REPOSITORY = "acme/shop/orders-api"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
BASIC = "Basic " + base64.b64encode(b"ada:pass").decode()


def manifest(media_type: str | None = MANIFEST, **fields: Any) -> bytes:
    layers = [{"mediaType": LAYER, "digest": digest_of(b"layer"), "size": 5}]
    typed = {"mediaType": media_type} if media_type is not None else {}
    return json.dumps({"schemaVersion": 2, **typed, "layers": layers, **fields}).encode()


BODY = manifest()
DIGEST = digest_of(BODY)


def found(body: bytes = BODY, media_type: str = MANIFEST, told: str | None = None) -> web.Response:
    """`told` is the digest that the header says."""
    headers = {"Docker-Content-Digest": told} if told is not None else {}
    return web.Response(body=body, headers={"Content-Type": media_type, **headers})


def challenge(service: ScriptedService, realm: str | None = None) -> web.Response:
    told = f'Bearer realm="{realm or service.url + "/oauth2/token"}",service="reg",scope="repository:x:pull"'
    return web.json_response(
        {"errors": [{"code": "UNAUTHORIZED"}]}, status=401, headers={"WWW-Authenticate": told}
    )


@pytest.fixture
async def port(service: ScriptedService) -> AsyncIterator[OciRegistry]:
    made = OciRegistry(service.url, user="ada", password="pass", deadline=2, call_timeout=0.5)
    yield made
    await made.close()
