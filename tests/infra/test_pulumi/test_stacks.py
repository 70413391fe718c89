"""Stacks: names, tags, authorization, deletion."""

from __future__ import annotations

import pytest

from tests.infra.test_pulumi.client import Programs, Running, Stack
from tests.infra.test_pulumi.sample import program


@pytest.mark.parametrize("authorization", [None, "token wrong", "Bearer pul-test", "token "])
async def test_a_request_without_the_token_is_refused(server: Running, authorization: str | None) -> None:
    refused = await server.call("GET", "/api/user/stacks", authorization=authorization)
    assert (refused.status, refused.body["code"]) == (401, 401)
    assert refused.body["message"].startswith("Unauthorized")


async def test_a_new_stack_has_no_version_and_no_operation(stack: Stack) -> None:
    org, project, name = stack.key.split("/")
    body = (await stack.call("GET")).body
    assert (body["orgName"], body["projectName"], body["stackName"]) == (org, project, name)
    assert (body["version"], body["activeUpdate"], "currentOperation" in body) == (0, "", False)
    assert (await stack.call("GET", "/export")).body["deployment"]["resources"] == []
    listed = (await stack.server.call("GET", f"/api/user/stacks?organization={org}")).body["stacks"]
    assert [found["stackName"] for found in listed] == [name]


async def test_a_name_is_given_once_and_what_is_unknown_is_not_found(stack: Stack) -> None:
    org, project, name = stack.key.split("/")
    again = await stack.server.call("POST", f"/api/stacks/{org}/{project}", {"stackName": name})
    assert (again.status, again.body["code"]) == (409, 409)
    unknown = await stack.server.call("GET", f"/api/stacks/{org}/{project}/nowhere")
    assert (unknown.status, unknown.body["code"]) == (404, 404)
    assert (
        await stack.server.call("POST", f"/api/stacks/{org}/{project}", {"stackName": "a b"})
    ).status == 400


async def test_tags_are_added_replaced_and_removed(stack: Stack) -> None:
    assert (await stack.call("POST", "/tags", {"name": "tier", "value": "gold"})).status == 204
    assert (await stack.call("GET")).body["tags"] == {"pulumi:project": "shop", "tier": "gold"}
    assert (await stack.call("DELETE", "/tags/tier")).status == 204
    assert (await stack.call("PATCH", "/tags", {"only": "this"})).status == 204
    assert (await stack.call("GET")).body["tags"] == {"only": "this"}


async def test_a_stack_with_resources_is_deleted_only_by_force(stack: Stack, programs: Programs) -> None:
    assert (await stack.deploy("update", await programs.commit(program()))).status == "succeeded"
    refused = await stack.call("DELETE")
    assert (refused.status, refused.body["message"]) == (400, "Bad Request: Stack still contains resources.")
    assert (await stack.call("DELETE", "?force=true")).status == 204
    assert (await stack.call("GET")).status == 404
