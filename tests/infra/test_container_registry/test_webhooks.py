"""ACR's webhook: told after each push, again after a failure, and found again after a crash."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.infra.container_registry_fixture import RunningRegistry
from tests.infra.oci_client import MANIFEST, OciClient, manifest
from tests.infra.test_azure_devops.client import eventually
from tests.infra.test_container_registry.conftest import Hook


async def _listen(registry: RunningRegistry, receiver: Hook, path: str = "/hook") -> None:
    await registry.local("PUT", "webhook", {"url": receiver.url + path, "authorization": "Bearer secret"})


async def _deliveries(client: OciClient) -> list[dict[str, Any]]:
    found = (await client.registry.local("GET", "deliveries"))["value"]
    return [item for item in found if item["payload"]["target"]["repository"] == client.repository]


async def _settled(client: OciClient) -> list[dict[str, Any]]:
    return await eventually(
        lambda: _deliveries(client), lambda found: all(item["status"] != "queued" for item in found)
    )


async def test_a_push_is_told_of_with_the_configured_header(client: OciClient, receiver: Hook) -> None:
    await _listen(client.registry, receiver)
    digest = await client.push_image("1.0.0", b"code")
    told = await receiver.next()
    assert told.headers["Authorization"] == "Bearer secret"
    size = len(manifest(b"{}", b"code"))
    assert told.body["action"] == "push"
    assert told.body["target"] == {
        "mediaType": MANIFEST,
        "size": size,
        "length": size,
        "digest": digest,
        "repository": client.repository,
        "tag": "1.0.0",
    }
    assert told.body["request"]["method"] == "PUT"
    assert told.body["request"]["host"] in client.registry.url
    assert told.body["id"] and told.body["timestamp"].endswith("Z")


async def test_a_delete_is_told_of_without_a_tag_and_an_untag_not_at_all(
    client: OciClient, receiver: Hook
) -> None:
    digest = await client.push_image("1.0.0", b"code")
    await _listen(client.registry, receiver)
    await client.send("DELETE", "manifests/1.0.0")
    await client.send("DELETE", f"manifests/{digest}")
    told = await receiver.next()
    assert (told.body["action"], told.body["target"]["digest"]) == ("delete", digest)
    assert "tag" not in told.body["target"]
    assert [item["payload"]["action"] for item in await _settled(client)] == ["push", "delete"]


async def test_the_address_is_made_of_the_repositorys_first_two_segments(
    registry: RunningRegistry, client: OciClient, receiver: Hook
) -> None:
    await _listen(registry, receiver, "/{tenantId}/{projectId}")
    await client.of("acme/shop/web").push_image("v1", b"code")
    await receiver.next()
    assert receiver.paths == ["/acme/shop"]
    outside = client.of("base-image")
    await outside.push_image("v1", b"code")
    assert [item["status"] for item in await _deliveries(outside)] == ["skipped"]


async def test_outages_of_the_receiver_are_retried_until_it_answers(
    client: OciClient, receiver: Hook
) -> None:
    answers = iter([500, 503, 0])
    receiver.decide = lambda body: next(answers, 200)
    await _listen(client.registry, receiver)
    await client.push_image("v1", b"code")
    told = await receiver.take(4)
    assert len({item.body["id"] for item in told}) == 1
    waits = [later.at - sooner.at for sooner, later in pairwise(told)]
    assert waits[0] >= 0.005 and waits[2] >= 0.02, "each wait is twice the one before"
    [delivery] = await _settled(client)
    assert [attempt["answer"] for attempt in delivery["attempts"]] == [500, 503, 0, 200]
    assert delivery["status"] == "succeeded"


async def test_retries_end_and_a_refusal_is_not_retried(client: OciClient, receiver: Hook) -> None:
    await _listen(client.registry, receiver)
    receiver.decide = lambda body: 401
    await client.push_image("refused", b"code")
    [refused] = await _settled(client)
    assert (refused["status"], len(refused["attempts"])) == ("failed", 1)
    receiver.decide = lambda body: 503
    await client.push_image("down", b"code")
    given_up = (await _settled(client))[-1]
    assert (given_up["status"], len(given_up["attempts"])) == ("failed", 8)


async def test_webhooks_get_lost_doubled_and_overtaken_on_demand(client: OciClient, receiver: Hook) -> None:
    await _listen(client.registry, receiver)
    match = {"pathRegex": client.repository}
    modes = ("drop-hook", "duplicate-hook", "reorder-hooks")
    await client.registry.local(
        "POST", "faults", [{"mode": mode, "match": match, "delay": 60} for mode in modes]
    )
    for tag in ("dropped", "doubled"):
        await client.push_image(tag, b"code")
    doubled = await receiver.take(2)
    assert [item.body["target"]["tag"] for item in doubled] == ["doubled", "doubled"]
    assert doubled[0].body == doubled[1].body
    for tag in ("held", "overtaking"):
        await client.push_image(tag, b"code")
    assert [item.body["target"]["tag"] for item in await receiver.take(2)] == ["overtaking", "held"]
    statuses = [item["status"] for item in await _settled(client)]
    assert statuses == ["dropped", "succeeded", "succeeded", "succeeded"]


async def test_a_webhook_that_is_due_outlives_the_process(tmp_path: Path, receiver: Hook) -> None:
    receiver.decide = lambda body: 503
    hook = ("--webhook-url", f"{receiver.url}/hook", "--webhook-authorization", "Basic aGk6aG8=")
    registry = await RunningRegistry.start(tmp_path, *hook, "--webhook-retry-ms", "300")
    try:
        async with OciClient(registry, registry.repository()) as client:
            await client.push_image("v1", b"code")
            before = await receiver.next()
            receiver.decide = lambda body: 200
            await registry.restart()
            after = await receiver.next()
            assert after.body == before.body
            assert after.headers["Authorization"] == "Basic aGk6aG8="
            assert [item["status"] for item in await _settled(client)] == ["succeeded"]
    finally:
        await registry.stop()
