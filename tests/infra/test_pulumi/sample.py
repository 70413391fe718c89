"""A program whose resources depend on each other: account, then group, written the other way round."""

from __future__ import annotations

from typing import Any

import yaml


def program(
    sku: str = "Standard_LRS",
    location: str = "westeurope",
    *,
    account: str = "shopstore",
    vault: bool = False,
    protect: bool = False,
    **more: Any,
) -> str:
    resources: dict[str, Any] = {
        "account": {
            "type": "azure-native:storage:StorageAccount",
            "properties": {
                "resourceGroupName": "${group.name}",
                "accountName": account,
                "sku": {"name": sku},
                "tags": {"stack": "${pulumi.stack}"},
            },
            "options": {"protect": protect},
        },
        "group": {
            "type": "azure-native:resources:ResourceGroup",
            "properties": {"location": location, "resourceGroupName": "shop-rg"},
        },
    }
    if vault:
        resources["vault"] = {
            "type": "azure-native:keyvault:Vault",
            "properties": {"resourceGroupName": "${group.name}", "vaultName": "shopvault"},
            "options": {"dependsOn": ["${account}"]},
        }
    outputs = {"blob": "${account.primaryEndpoints.blob}", "accountId": "${account.id}"}
    document = {"name": "shop", "runtime": "yaml", "resources": resources, "outputs": outputs, **more}
    return yaml.safe_dump(document, sort_keys=False)
