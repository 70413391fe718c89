"""What a provider adds to the inputs of a resource: its name, its id and its computed outputs."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
# A change of one of these can't be made in place, whatever the type.
_REPLACES = frozenset({"name", "location", "resourceGroupName"})


@dataclass(frozen=True)
class Kind:
    """One Azure type: which property names it, where its id lies, and which outputs it computes."""

    name: str
    path: str
    outputs: Mapping[str, Any] = field(default_factory=dict)


_STORAGE_ENDPOINTS = {
    service: f"https://{{name}}.{service}.core.windows.net/"
    for service in ("blob", "queue", "table", "file", "dfs")
}
_KINDS = {
    "resources:ResourceGroup": Kind("resourceGroupName", ""),
    "storage:StorageAccount": Kind(
        "accountName", "Microsoft.Storage/storageAccounts", {"primaryEndpoints": _STORAGE_ENDPOINTS}
    ),
    "keyvault:Vault": Kind(
        "vaultName", "Microsoft.KeyVault/vaults", {"vaultUri": "https://{name}.vault.azure.net/"}
    ),
    "containerregistry:Registry": Kind(
        "registryName", "Microsoft.ContainerRegistry/registries", {"loginServer": "{name}.azurecr.io"}
    ),
    "containerservice:ManagedCluster": Kind(
        "resourceName",
        "Microsoft.ContainerService/managedClusters",
        {"fqdn": "{name}-{hash}.hcp.{location}.azmk8s.io"},
    ),
    "servicebus:Namespace": Kind(
        "namespaceName",
        "Microsoft.ServiceBus/namespaces",
        {"serviceBusEndpoint": "https://{name}.servicebus.windows.net:443/"},
    ),
    "app:ManagedEnvironment": Kind(
        "environmentName",
        "Microsoft.App/managedEnvironments",
        {"defaultDomain": "{name}-{hash}.{location}.azurecontainerapps.io"},
    ),
    "app:ContainerApp": Kind(
        "containerAppName",
        "Microsoft.App/containerApps",
        {"latestRevisionFqdn": "{name}--{hash}.{location}.azurecontainerapps.io"},
    ),
    "web:AppServicePlan": Kind("name", "Microsoft.Web/serverfarms"),
    "web:WebApp": Kind("name", "Microsoft.Web/sites", {"defaultHostName": "{name}.azurewebsites.net"}),
    "sql:Server": Kind(
        "serverName", "Microsoft.Sql/servers", {"fullyQualifiedDomainName": "{name}.database.windows.net"}
    ),
    "managedidentity:UserAssignedIdentity": Kind(
        "resourceName",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        {"principalId": "{guid:principal}", "clientId": "{guid:client}"},
    ),
    "operationalinsights:Workspace": Kind(
        "workspaceName", "Microsoft.OperationalInsights/workspaces", {"customerId": "{guid:customer}"}
    ),
}
# Of a type that isn't listed: good enough to be referred to, and recognisably nobody's.
_OTHER = Kind("name", "", {"endpoint": "https://{name}.resource.invalid/"})


@dataclass(frozen=True)
class Made:
    """A resource as its provider made it."""

    id: str
    outputs: dict[str, Any]


def kind_of(type_: str) -> Kind:
    return _KINDS.get(_token(type_), _OTHER)


def replacing(type_: str, more: frozenset[str]) -> frozenset[str]:
    """The properties whose change needs another resource."""
    return _REPLACES | {kind_of(type_).name} | more


def computed(type_: str) -> list[str]:
    """Outputs that nobody can know before the resource is there."""
    return ["id", *kind_of(type_).outputs]


def name_of(type_: str, inputs: Mapping[str, Any], urn: str, generation: int) -> str:
    """The name given, or one made up, another one for every replacement."""
    given = inputs.get(kind_of(type_).name)
    if isinstance(given, str) and given:
        return given
    return urn.rpartition("::")[2] + _digest(urn, str(generation))[:8]


def make(type_: str, urn: str, inputs: Mapping[str, Any], generation: int) -> Made:
    """The same inputs make the same resource, so that two machines tell the same story."""
    name = name_of(type_, inputs, urn, generation)
    identity = _id(type_, name, inputs, urn, generation)
    return Made(identity, outputs(type_, identity, name, inputs))


def outputs(type_: str, identity: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {**inputs, "name": name, **_fill(kind_of(type_), identity, name, inputs.get("location"))}


def properties_of(azure_type: str, identity: str, name: str, location: object) -> dict[str, Any]:
    """What Azure computes for a resource of one of its own types, such as Microsoft.Web/sites."""
    for kind in _KINDS.values():
        if kind.path.lower() == azure_type.lower():
            return _fill(kind, identity, name, location)
    return {}


def _fill(kind: Kind, identity: str, name: str, location: object) -> dict[str, Any]:
    place = re.sub(r"\W", "", str(location or "westeurope")).lower()
    values = {"{name}": name, "{hash}": _digest(identity)[:8], "{location}": place}

    def guid(found: re.Match[str]) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, identity + found[1]))

    def fill(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        for placeholder, text in values.items():
            value = value.replace(placeholder, text)
        return re.sub(r"\{guid:(\w+)\}", guid, value)

    filled: dict[str, Any] = fill(kind.outputs)
    return filled


def _id(type_: str, name: str, inputs: Mapping[str, Any], urn: str, generation: int) -> str:
    if not type_.startswith("azure-native:"):
        return f"{name}-{_digest(urn, name, str(generation))[:7]}"
    if _token(type_) == "resources:ResourceGroup":
        return f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/{name}"
    module, _, kind = _token(type_).partition(":")
    path = kind_of(type_).path or f"Microsoft.{module.capitalize()}/{kind[:1].lower()}{kind[1:]}s"
    group = inputs.get("resourceGroupName") or "default"
    return f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/{group}/providers/{path}/{name}"


def _token(type_: str) -> str:
    """module:Type without the provider and the API version."""
    parts = type_.split(":")
    module = parts[1].partition("/")[0] if len(parts) > 1 else ""
    return f"{module}:{parts[-1]}" if parts[0] == "azure-native" else type_


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
