"""What the registry's adapter makes of manifests, of wrong answers and of none."""

import asyncio
import json
import time
from typing import Any

import pytest
from aiohttp import web

from adapters.container_registry import OciRegistry
from domain.kernel.errors import Unavailable
from tests.adapters import scripted_registry, scripted_service
from tests.adapters.scripted_registry import BODY, DIGEST, DOCKER, PARTITION, REPOSITORY, found, manifest
from tests.adapters.scripted_service import Reply, ScriptedService
from tests.infra import container_registry_fixture
from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import INDEX, MANIFEST, OciClient, digest_of

registry = container_registry_fixture.registry
port, service = scripted_registry.port, scripted_service.service


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def half(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": MANIFEST})
    answer.content_length = len(BODY)
    await answer.prepare(request)
    await answer.write(BODY[: len(BODY) // 2])
    assert request.transport is not None
    request.transport.close()
    return answer


class TestManifests:
    @pytest.mark.parametrize(
        "answer",
        [
            found(BODY + b" ", told=DIGEST),
            found(told=digest_of(b"other")),
        ],
    )
    async def test_bytes_that_are_not_what_the_header_says_are_never_believed(
        self, service: ScriptedService, port: OciRegistry, answer: web.Response
    ) -> None:
        service.script = [answer]
        with pytest.raises(
            Unavailable, match=f"came as sha256:.*, not as {answer.headers['Docker-Content-Digest']}"
        ):
            await port.manifest(PARTITION, REPOSITORY, "1.0")

    async def test_bytes_that_are_not_what_was_asked_for_are_never_believed(
        self, service: ScriptedService, port: OciRegistry
    ) -> None:
        other = manifest(annotations={"a": "b"})
        # The header lies along.
        service.script = [found(other, told=DIGEST), found(other)]
        for _ in range(2):
            with pytest.raises(Unavailable, match=f"not as {DIGEST}"):
                await port.manifest(PARTITION, REPOSITORY, DIGEST)

    @pytest.mark.parametrize("media_type", [MANIFEST, DOCKER])
    async def test_media_types_of_oci_and_docker_are_read(
        self, service: ScriptedService, port: OciRegistry, media_type: str
    ) -> None:
        for body in (manifest(media_type), manifest(None)):
            service.script = [found(body, media_type)]
            made = await port.manifest(PARTITION, REPOSITORY, "1.0")
            assert made is not None and (made.media_type, made.digest) == (media_type, digest_of(body))
            assert [layer.size for layer in made.layers] == [5]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"<html>",
            manifest("text/plain"),
            manifest(layers=[{"digest": "x"}]),
            manifest(layers=3),
        ],
    )
    async def test_what_is_no_manifest_is_unavailable(
        self, service: ScriptedService, port: OciRegistry, body: bytes
    ) -> None:
        service.script = [found(body)]
        with pytest.raises(Unavailable):
            await port.manifest(PARTITION, REPOSITORY, "1.0")

    async def test_an_answer_without_end_is_cut_off(
        self, service: ScriptedService, port: OciRegistry
    ) -> None:
        service.script = [found(b"x" * (4 * 2**20 + 1))]
        with pytest.raises(Unavailable, match="longer than 4194304 bytes"):
            await port.manifest(PARTITION, REPOSITORY, "1.0")

    async def test_an_index_has_the_layers_of_its_first_platform(self, registry: RunningRegistry) -> None:
        await registry.reset()
        name = registry.repository("acme", "shop")
        entries = []
        async with OciClient(registry, name) as client:
            for tag, platform in (("att", "unknown"), ("amd64", "linux"), ("arm64", "linux")):
                digest = await client.push_image(tag, tag.encode(), annotations={"of": tag})
                entry: dict[str, Any] = {"mediaType": MANIFEST, "digest": digest, "size": 1}
                entries.append({**entry, "platform": {"os": platform, "architecture": tag}})
            entries[0]["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
            index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
            pushed = await client.push_manifest(index, "1.0", INDEX)
        assert pushed.status == 201
        port = OciRegistry(registry.url, user=registry.user, password=registry.password)
        made = await port.manifest(PARTITION, name, "1.0")
        await port.close()
        assert made is not None and (made.digest, made.media_type) == (digest_of(index), INDEX)
        assert [layer.digest for layer in made.layers] == [digest_of(b"amd64")]


class TestFaults:
    @pytest.mark.parametrize("mode", ["503", "500", "cut-before", "cut-after-commit"])
    async def test_a_read_is_tried_again(self, registry: RunningRegistry, mode: str) -> None:
        await registry.reset()
        name = registry.repository("acme", "shop")
        async with OciClient(registry, name) as client:
            digest = await client.push_image("1.0", b"layer")
        port = OciRegistry(registry.url, user=registry.user, password=registry.password)
        match = {"method": "GET", "pathRegex": "/manifests/"}
        await registry.local("POST", "faults", [{"mode": mode, "match": match, "times": 1}])
        made = await port.manifest(PARTITION, name, "1.0")
        await port.close()
        (rule,) = (await registry.local("GET", "faults"))["value"]
        assert rule["fired"] == 1
        assert made is not None and made.digest == digest

    @pytest.mark.parametrize("trouble", [half, hang, web.Response(status=408)])
    async def test_half_an_answer_or_none_is_asked_for_again(
        self, service: ScriptedService, port: OciRegistry, trouble: web.Response | Reply
    ) -> None:
        service.script = [trouble, found()]
        assert await port.manifest(PARTITION, REPOSITORY, "1.0") is not None
        assert len(service.requests) == 2

    async def test_a_throttled_read_waits_as_told_and_so_does_the_next(
        self, service: ScriptedService, port: OciRegistry
    ) -> None:
        service.script = [web.Response(status=429, headers={"Retry-After": "0.3"}), found()]
        started = time.monotonic()
        assert await port.manifest(PARTITION, REPOSITORY, "1.0") is not None
        assert time.monotonic() - started >= 0.3
        service.script = [web.Response(status=429, headers={"Retry-After": "60"})]
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                await port.manifest(PARTITION, REPOSITORY, "1.0")
            assert caught.value.retry_after is not None and caught.value.retry_after > 25
        # The second call didn't even ask.
        assert len(service.requests) == 3

    @pytest.mark.parametrize("status", [302, 400, 403])
    async def test_any_other_answer_may_pass(
        self, service: ScriptedService, port: OciRegistry, status: int
    ) -> None:
        body = {"errors": [{"code": "DENIED", "message": "not yours"}]}
        service.script = [web.json_response(body, status=status)]
        with pytest.raises(Unavailable, match=f"answered {status} for {REPOSITORY}: not yours"):
            await port.manifest(PARTITION, REPOSITORY, "1.0")

    async def test_nobody_there_is_unavailable(self) -> None:
        port = OciRegistry("http://127.0.0.1:9", user="ada", password="pass", deadline=0.5)
        for call in (port.manifest(PARTITION, REPOSITORY, "1.0"), port.ping()):
            with pytest.raises(Unavailable, match="connect"):
                await call
        await port.close()

    async def test_a_ping_that_is_refused_is_unavailable(
        self, service: ScriptedService, port: OciRegistry
    ) -> None:
        service.script = [web.Response(status=401)]
        with pytest.raises(Unavailable, match="does not accept our credential"):
            await port.ping()
        assert service.requests[0].path == "/v2/"


class TestConstruction:
    @pytest.mark.parametrize(
        "ways", [{}, {"user": "a"}, {"password": "b"}, {"user": "a", "password": "b", "credential": object()}]
    )
    def test_it_needs_one_way_in(self, ways: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="needs a user and a password, or a credential"):
            OciRegistry("http://registry", **ways)
