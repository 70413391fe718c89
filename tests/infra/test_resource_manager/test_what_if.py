"""What a deployment would change, seen before it does."""

from __future__ import annotations

from tests.infra.test_resource_manager.client import Group, template


async def test_what_is_not_there_would_be_created_and_is_not(group: Group) -> None:
    result = await group.what_if(template(), account="shopstore")
    assert result["status"] == "Succeeded"
    first, second = result["properties"]["changes"]
    assert (first["changeType"], first["after"]["sku"]) == ("Create", {"name": "Standard_LRS"})
    assert first["resourceId"] == f"{group.id}/providers/Microsoft.Storage/storageAccounts/shopstore"
    assert second["after"]["properties"]["blob"].startswith("[reference(")
    assert await group.names() == []
    assert (await group.deployment("GET", "preview")).status == 404


async def test_what_is_as_declared_would_not_change(group: Group) -> None:
    await group.deploy("main", template(), account="shopstore")
    assert await group.changes(template(), account="shopstore") == {
        "shopstore": "NoChange",
        "shopstore-web": "NoChange",
    }


async def test_a_modification_tells_both_values_of_every_path(group: Group) -> None:
    await group.deploy("main", template(), account="shopstore")
    result = await group.what_if(template("Premium_LRS"), account="shopstore")
    change = result["properties"]["changes"][0]
    assert change["changeType"] == "Modify"
    assert change["delta"] == [
        {
            "path": "sku.name",
            "propertyChangeType": "Modify",
            "before": "Standard_LRS",
            "after": "Premium_LRS",
        }
    ]
    assert (change["before"]["sku"]["name"], change["after"]["sku"]["name"]) == (
        "Standard_LRS",
        "Premium_LRS",
    )


async def test_drift_shows_and_the_next_deployment_repairs_it(group: Group) -> None:
    await group.deploy("main", template(), account="shopstore")
    await group.local("/drift", {"resource": "shopstore", "change": {"tags": {"by": "hand"}}})
    await group.local("/drift", {"resource": "shopstore-web", "delete": True})
    assert await group.changes(template(), account="shopstore") == {
        "shopstore": "Modify",
        "shopstore-web": "Create",
    }
    await group.deploy("main", template(), account="shopstore")
    assert set((await group.changes(template(), account="shopstore")).values()) == {"NoChange"}


async def test_what_is_not_declared_is_ignored_or_deleted_by_the_mode(group: Group) -> None:
    await group.deploy("main", template(), account="shopstore")
    smaller = template(plan=False)
    assert (await group.changes(smaller, account="shopstore"))["shopstore-web"] == "Ignore"
    assert (await group.changes(smaller, "Complete", account="shopstore"))["shopstore-web"] == "Delete"
