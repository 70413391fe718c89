"""What the app is told: read and checked when it starts, so that a missing setting is named then."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from domain.kernel.proof import proof_key
from functions.identity_settings import IdentitySettings
from functions.missing_setting import MissingSetting
from functions.runtime_settings import RuntimeSettings


@dataclass(frozen=True)
class Settings:
    """What the app is told. Connections are a connection string, or `<Name>__...` for a managed identity."""

    platform_storage: str | None
    platform_storage_tables: str | None
    platform_storage_blobs: str | None
    service_bus: str | None
    service_bus_namespace: str | None
    azure_devops_url: str
    azure_devops_pat: str | None
    azure_devops_test_results_url: str | None
    azure_devops_feed_url: str
    templates_repository: str
    container_registry_url: str
    container_registry_user: str | None
    container_registry_password: str | None
    defender_url: str
    defender_subscriptions: tuple[str, ...]
    defender_authorization: str | None
    webhook_url: str
    webhook_secrets: tuple[bytes, ...]
    redaction_key: bytes
    identity: IdentitySettings
    runtime: RuntimeSettings

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises `MissingSetting`."""

        def optional(name: str) -> str | None:
            return environment.get(name) or None

        def required(name: str, *alternatives: str) -> str:
            for candidate in (name, *alternatives):
                if value := optional(candidate):
                    return value
            raise MissingSetting(f"setting {' or '.join((name, *alternatives))} is not set")

        required("PlatformStorage", "PlatformStorage__tableServiceUri")
        if not optional("PlatformStorage"):
            required("PlatformStorage__blobServiceUri")
        required("ServiceBus", "ServiceBus__fullyQualifiedNamespace")
        # Bindings name these two; a host that misses them does not say so as plainly.
        required("OutboxSchedule")
        required("ReconcilerSchedule")
        secrets = [required("Webhooks__secret"), optional("Webhooks__previousSecret")]
        azure_devops_url = _template("AzureDevOps__url", required("AzureDevOps__url"))
        if bool(optional("ContainerRegistry__user")) != bool(optional("ContainerRegistry__password")):
            raise MissingSetting("ContainerRegistry__user and ContainerRegistry__password go together")
        return cls(
            platform_storage=optional("PlatformStorage"),
            platform_storage_tables=optional("PlatformStorage__tableServiceUri"),
            platform_storage_blobs=optional("PlatformStorage__blobServiceUri"),
            service_bus=optional("ServiceBus"),
            service_bus_namespace=optional("ServiceBus__fullyQualifiedNamespace"),
            azure_devops_url=azure_devops_url,
            azure_devops_pat=optional("AzureDevOps__pat"),
            azure_devops_test_results_url=_test_results_url(
                azure_devops_url, optional("AzureDevOps__testResultsUrl")
            ),
            azure_devops_feed_url=_template(
                "AzureDevOps__feedUrl", required("AzureDevOps__feedUrl"), *_PLACEHOLDERS, "{feed}"
            ),
            templates_repository=_repository(
                "AzureDevOps__templatesRepository", optional("AzureDevOps__templatesRepository")
            ),
            container_registry_url=required("ContainerRegistry__url"),
            container_registry_user=optional("ContainerRegistry__user"),
            container_registry_password=optional("ContainerRegistry__password"),
            defender_url=optional("Defender__url") or "https://management.azure.com",
            defender_subscriptions=tuple(required("Defender__subscriptions").replace(",", " ").split()),
            defender_authorization=optional("Defender__authorization"),
            webhook_url=_template("Webhooks__url", required("Webhooks__url")),
            webhook_secrets=tuple(secret.encode() for secret in secrets if secret),
            redaction_key=_key("Redaction__key", required("Redaction__key")),
            identity=IdentitySettings.read(environment),
            runtime=RuntimeSettings.read(environment),
        )

    @property
    def proof_key(self) -> bytes:
        """What the app proves its own messages with."""
        return proof_key(self.redaction_key)


_PLACEHOLDERS = ("{tenantId}", "{projectId}")


def _template(name: str, value: str, *placeholders: str) -> str:
    for placeholder in placeholders or _PLACEHOLDERS:
        if placeholder not in value:
            raise MissingSetting(f"setting {name} must contain {placeholder}: tenants never share a place")
    return value


def _test_results_url(url: str, given: str | None) -> str | None:
    """Azure DevOps Services keeps test results at a host of their own."""
    if given is not None:
        return _template("AzureDevOps__testResultsUrl", given)
    return url.replace("//dev.azure.com/", "//vstmr.dev.azure.com/") if "//dev.azure.com/" in url else None


def _repository(name: str, value: str | None) -> str:
    value = value or "ConnectSoft/ConnectSoft.AzurePipelines"
    if len([part for part in value.split("/") if part]) != 2:
        raise MissingSetting(f"setting {name} must be project/repository")
    return value


def _key(name: str, value: str) -> bytes:
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise MissingSetting(f"setting {name} must be base64") from None
    if len(key) < 32:
        raise MissingSetting(f"setting {name} must hold at least 32 bytes")
    return key
