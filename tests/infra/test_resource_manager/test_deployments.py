"""Deployments from their acceptance to their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.infra.test_resource_manager.client import Group, Json, Running, template

BLOB = "https://shopstore.blob.core.windows.net/"


async def test_a_deployment_is_accepted_and_ends_with_its_resources_and_outputs(group: Group) -> None:
    accepted = await group.put("release-1", template(), account="shopstore")
    assert (accepted.status, accepted.body["properties"]["provisioningState"]) == (201, "Accepted")
    done = await group.ended("release-1")
    assert done["provisioningState"] == "Succeeded", done
    assert done["outputs"] == {"blob": {"type": "String", "value": BLOB}}
    assert done["parameters"] == {
        "account": {"type": "String", "value": "shopstore"},
        "secret": {"type": "Securestring"},
    }
    found = (await group.call("GET", "/resources")).body["value"]
    assert [resource["name"] for resource in found] == ["shopstore", "shopstore-web"]
    assert (found[0]["location"], found[1]["properties"]["blob"]) == ("westeurope", BLOB)
    status = (await group.server.call("GET", accepted.headers["Azure-AsyncOperation"])).body
    assert status == {"status": "Succeeded"}
    operations = (await group.deployment("GET", "release-1/operations")).body["value"]
    assert [o["properties"]["targetResource"]["resourceName"] for o in operations] == [
        "shopstore",
        "shopstore-web",
    ]


async def test_a_name_is_used_again_but_not_while_it_is_active(group: Group) -> None:
    await group.server.call("PUT", "/_local/pace", {"seconds": 0.2})
    await group.put("main", template(), account="shopstore")
    active = await group.put("main", template(), account="shopstore")
    assert (active.status, active.code) == (409, "DeploymentActive")
    first = (await group.deployment("GET", "MAIN")).body["properties"]["templateHash"]
    await group.server.call("PUT", "/_local/pace", {"seconds": 0})
    await group.ended("main")
    again = await group.put("main", template("Premium_LRS"), account="shopstore")
    assert (again.status, again.body["properties"]["templateHash"] == first) == (200, False)
    await group.ended("main")
    same = await group.put("other", template(), account="shopstore")
    assert same.body["properties"]["templateHash"] == first
    await group.ended("other")


async def test_complete_mode_deletes_what_is_not_declared_and_incremental_does_not(group: Group) -> None:
    await group.deploy("one", template(), account="shopstore")
    await group.deploy("two", template(plan=False), account="shopstore")
    assert await group.names() == ["shopstore", "shopstore-web"]
    await group.deploy("three", template(plan=False), "Complete", account="shopstore")
    assert await group.names() == ["shopstore"]


async def test_a_failing_resource_ends_the_deployment_and_keeps_what_was_made(group: Group) -> None:
    failure = {"resource": "shopstore-web", "code": "WebsiteNameTaken", "message": "The name is taken."}
    await group.local("/failures", failure)
    failed = await group.deploy("main", template(), account="shopstore")
    assert (failed["provisioningState"], "outputs" in failed) == ("Failed", False)
    assert failed["error"]["code"] == "DeploymentFailed"
    assert failed["error"]["details"] == [{"code": "WebsiteNameTaken", "message": "The name is taken."}]
    last = (await group.deployment("GET", "main/operations")).body["value"][-1]["properties"]
    assert (last["provisioningState"], last["statusMessage"]["error"]["code"]) == (
        "Failed",
        "WebsiteNameTaken",
    )
    assert await group.names() == ["shopstore"]
    assert (await group.deploy("main", template(), account="shopstore"))["provisioningState"] == "Succeeded"


async def test_a_canceled_deployment_stops_where_it_stands(group: Group) -> None:
    await group.server.call("PUT", "/_local/pace", {"seconds": 5})
    await group.put("main", template(), account="shopstore")
    assert (await group.deployment("POST", "main/cancel")).status == 204
    assert ((await group.ended("main"))["provisioningState"], await group.names()) == ("Canceled", [])
    assert (await group.deployment("POST", "main/cancel")).code == "DeploymentCannotBeCancelled"


async def test_a_template_comes_from_a_template_spec(group: Group) -> None:
    spec = "/providers/Microsoft.Resources/templateSpecs/shop/versions/1.0"
    missing = await group.put("main", {"id": group.id + spec}, account="shopstore")
    assert (missing.status, missing.code) == (404, "TemplateSpecVersionNotFound")
    await group.call("PUT", spec, {"location": "westeurope", "properties": {"mainTemplate": template()}})
    done = await group.deploy("main", {"id": group.id + spec}, account="shopstore")
    assert (done["provisioningState"], done["templateLink"]) == ("Succeeded", {"id": group.id + spec})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resources": [{"type": "A.B/c", "name": "x", "apiVersion": "1", "copy": {}}]}, "copy loops"),
        ({"parameters": {}}, "'account' are not declared"),
        ({"parameters": {"account": {"type": "int"}}}, "of the wrong type"),
        (
            {"resources": [{"type": "A.B/c", "name": "[nope()]", "apiVersion": "1"}]},
            "'nope' is not supported",
        ),
        ({"resources": [{"type": "A.B/c", "name": "[concat('x']", "apiVersion": "1"}]}, "is not valid"),
        ({"variables": {}}, "the template variable 'tls' is not found"),
    ],
)
async def test_a_template_that_cannot_be_is_refused(group: Group, change: Json, words: str) -> None:
    result = await group.what_if({**template(), **change}, account="shopstore")
    assert (result["status"], result["error"]["code"]) == ("Failed", "InvalidTemplate")
    assert words in result["error"]["message"]
    if change != {"variables": {}}:
        refused = await group.put("main", {**template(), **change}, account="shopstore")
        assert (refused.status, refused.code) == (400, "InvalidTemplate")


async def test_who_has_no_token_no_version_or_no_group_is_refused(server: Running, group: Group) -> None:
    assert (await server.call("GET", group.id, token=None)).status == 401
    assert (await server.call("GET", group.id, version=None)).code == "MissingApiVersionParameter"
    elsewhere = Group(server, group.id + "-not")
    assert (await elsewhere.put("main", template(), account="x")).code == "ResourceGroupNotFound"
    assert (await group.deployment("GET", "nothing")).code == "DeploymentNotFound"


async def test_an_answer_can_be_lost_before_or_after_its_effect(group: Group) -> None:
    async def fault(mode: str, **fields: Any) -> None:
        rules = [{"mode": mode, "match": {"method": "PUT"}, **fields}]
        await group.server.call("POST", "/_local/faults", rules)

    await fault("503", retryAfter=3)
    refused = await group.put("main", template(), account="shopstore")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "3")
    for mode, status in (("cut-before", 404), ("cut-after-commit", 200)):
        # aiohttp sends a PUT without an answer once more by itself.
        await fault(mode, times=2)
        with pytest.raises(aiohttp.ClientError):
            await group.put("main", template(), account="shopstore")
        assert (await group.deployment("GET", "main")).status == status
    assert (await group.ended("main"))["provisioningState"] == "Succeeded"


async def test_a_killed_server_goes_on_where_it_stood(tmp_path: Path) -> None:
    server = await Running.start(tmp_path, "--pace", "0.3")
    try:
        group = await server.group()
        await group.put("main", template(), account="shopstore")
        await group.until_made("shopstore")
        assert await group.names() == ["shopstore"]
        await server.restart()
        await server.call("PUT", "/_local/pace", {"seconds": 0})
        assert (await group.ended("main"))["provisioningState"] == "Succeeded"
        operations = (await group.deployment("GET", "main/operations")).body["value"]
        assert len(operations) == 2
        assert await group.names() == ["shopstore", "shopstore-web"]
    finally:
        assert await server.stop() == 0
