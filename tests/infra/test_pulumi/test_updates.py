"""What previews, updates and destroys do to state and resources."""

from __future__ import annotations

import pytest

from tests.infra.test_pulumi.client import Programs, Stack
from tests.infra.test_pulumi.sample import program

GROUP_ID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/shop-rg"


async def test_an_update_makes_what_is_declared_in_the_order_of_dependencies(
    stack: Stack, programs: Programs
) -> None:
    commit = await programs.commit(program())
    ended = await stack.deploy("update", commit)
    assert ended.status == "succeeded", await ended.log()
    assert await ended.steps() == [("create", "group"), ("create", "account")]
    update = await ended.update()
    assert (update["version"], update["info"]["resourceChanges"]) == (1, {"create": 3})
    assert update["info"]["environment"]["git.head"] == commit
    assert await stack.version() == 1
    resources = await stack.resources()
    account = resources["account"]
    assert account["urn"] == "urn:pulumi:dev::shop::azure-native:storage:StorageAccount::account"
    assert account["id"] == f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/shopstore"
    assert account["inputs"]["tags"] == {"stack": "dev"}
    assert account["dependencies"] == [resources["group"]["urn"]]
    assert resources[""]["outputs"] == {
        "blob": "https://shopstore.blob.core.windows.net/",
        "accountId": account["id"],
    }


async def test_a_preview_says_what_would_be_done_and_does_nothing(stack: Stack, programs: Programs) -> None:
    ended = await stack.deploy("preview", await programs.commit(program()))
    assert await ended.steps() == [("create", "group"), ("create", "account")]
    update = await ended.update()
    assert (update["info"]["kind"], update["version"]) == ("preview", 0)
    assert (await stack.resources(), await stack.version()) == ({}, 0)
    assert (await stack.local("GET", "world"))["resources"] == []
    assert (await stack.call("GET", "/updates")).body == {"updates": []}


async def test_the_same_program_again_changes_nothing(stack: Stack, programs: Programs) -> None:
    commit = await programs.commit(program())
    await stack.deploy("update", commit)
    before = await stack.resources()
    again = await stack.deploy("update", commit)
    assert (await again.changes(), await stack.version()) == ({"same": 3}, 2)
    assert await stack.resources() == before


async def test_a_changed_property_is_updated_in_place_and_told_with_old_and_new_value(
    stack: Stack, programs: Programs
) -> None:
    await stack.deploy("update", await programs.commit(program()))
    old_id = (await stack.resources())["account"]["id"]
    ended = await stack.deploy("update", await programs.commit(program("Premium_LRS")))
    assert await ended.changes() == {"same": 2, "update": 1}
    [step] = [
        event["resourcePreEvent"]["metadata"]
        for event in await ended.events()
        if "resourcePreEvent" in event and event["resourcePreEvent"]["metadata"]["op"] == "update"
    ]
    assert (step["diffs"], step["keys"]) == (["sku"], [])
    assert step["detailedDiff"] == {"sku.name": {"diffKind": "update", "inputDiff": True}}
    assert step["old"]["inputs"]["sku"] == {"name": "Standard_LRS"}
    assert step["new"]["inputs"]["sku"] == {"name": "Premium_LRS"}
    assert (await stack.resources())["account"]["id"] == old_id


async def test_a_changed_name_replaces_the_resource_and_deletes_the_original_last(
    stack: Stack, programs: Programs
) -> None:
    await stack.deploy("update", await programs.commit(program(vault=True)))
    ended = await stack.deploy("update", await programs.commit(program(vault=True, account="shopstore2")))
    assert await ended.steps() == [
        ("same", "group"),
        ("create-replacement", "account"),
        ("replace", "account"),
        ("same", "vault"),
        ("delete-replaced", "account"),
    ]
    assert await ended.changes() == {"same": 3, "replace": 1}
    real = (await stack.local("GET", "world"))["resources"]
    assert sorted(resource["id"].rpartition("/")[2] for resource in real) == [
        "shop-rg",
        "shopstore2",
        "shopvault",
    ]


async def test_what_is_declared_no_more_is_deleted_dependents_first(stack: Stack, programs: Programs) -> None:
    await stack.deploy("update", await programs.commit(program(vault=True)))
    ended = await stack.deploy("destroy", await programs.commit(program(vault=True)))
    assert await ended.steps() == [("delete", "vault"), ("delete", "account"), ("delete", "group")]
    assert (await stack.resources(), await stack.version()) == ({}, 2)
    assert (await stack.local("GET", "world"))["resources"] == []


async def test_a_protected_resource_is_neither_deleted_nor_replaced(stack: Stack, programs: Programs) -> None:
    commit = await programs.commit(program(protect=True))
    await stack.deploy("update", commit)
    replacing = await programs.commit(program(protect=True, account="other"))
    for operation, source in (("destroy", commit), ("update", replacing), ("preview", replacing)):
        ended = await stack.deploy(operation, source)
        assert (ended.status, "marked for protection" in await ended.log()) == ("failed", True)
    assert set(await stack.resources()) == {"", "group", "account"}


async def test_configuration_of_the_stack_goes_over_the_defaults_of_the_project(
    stack: Stack, programs: Programs
) -> None:
    config = {"sku": {"type": "string", "default": "Standard_LRS"}, "needed": {"type": "string"}}
    source = program("${sku}", config=config)
    missing = await stack.deploy("preview", await programs.commit(source))
    assert "error: Missing required configuration variable 'shop:needed'" in await missing.log()
    commit = await programs.commit(source, "config:\n  shop:needed: x\n  shop:sku: Premium_ZRS\n")
    ended = await stack.deploy("update", commit)
    assert (await stack.resources())["account"]["inputs"]["sku"] == {"name": "Premium_ZRS"}
    assert (await ended.update())["info"]["config"]["shop:sku"]["string"] == "Premium_ZRS"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (program(runtime="dotnet"), "the runtime 'dotnet' is not supported"),
        (program(name="other"), "the project name in Pulumi.yaml is 'other', the stack's is 'shop'"),
        (program("${nowhere.name}"), 'resource, variable, or config value "nowhere" not found'),
        (program("${group.missing}"), "group has no property 'missing'"),
        (program("${account.id}"), "circular dependency"),
        (program(variables={"x": {"fn::invoke": {}}}, outputs={"x": "${x}"}), "fn::invoke is not supported"),
        ("resources: [", "Pulumi.yaml is not valid YAML"),
    ],
)
async def test_a_program_that_cannot_run_fails_with_a_line_that_says_why(
    stack: Stack, programs: Programs, source: str, words: str
) -> None:
    ended = await stack.deploy("preview", await programs.commit(source))
    assert (ended.status, words in await ended.log()) == ("failed", True), await ended.log()


async def test_a_source_that_is_not_there_fails_the_deployment(stack: Stack, programs: Programs) -> None:
    commit = await programs.commit(program())
    unknown = await stack.deploy("update", "0" * 39 + "1")
    assert (unknown.status, "git fetch failed" in await unknown.log()) == ("failed", True)
    assert [step["status"] for step in unknown.body["jobs"][0]["steps"]] == [
        "succeeded",
        "failed",
        "not-started",
        "not-started",
    ]
    request = stack.request("update", commit)
    request["sourceContext"]["git"]["repoDir"] = "elsewhere"
    asked = (await stack.call("POST", "/deployments", request)).body
    assert (await stack.ended(asked["id"]))["status"] == "failed"


async def test_the_history_and_each_version_of_the_state_can_be_read(
    stack: Stack, programs: Programs
) -> None:
    await stack.deploy("update", await programs.commit(program()))
    await stack.deploy("update", await programs.commit(program(vault=True)))
    history = (await stack.call("GET", "/updates?output-type=service&pageSize=1&page=1")).body
    assert (history["total"], [update["version"] for update in history["updates"]]) == (2, [2])
    assert (await stack.call("GET", "/updates/latest")).body["info"]["resourceChanges"] == {
        "same": 3,
        "create": 1,
    }
    first = (await stack.call("GET", "/export/1")).body["deployment"]["resources"]
    assert (len(first), len(await stack.resources())) == (3, 4)
