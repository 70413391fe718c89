"""Settings -> adapters: one of each per process, made when first used, so that a cold start pays for none."""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.values import Redaction
from domain.kernel.work import Partition
from domain.ports import Broker, GitProvider, Store

if TYPE_CHECKING:
    from adapters.azure_devops import AzureDevOps
    from adapters.service_bus import ServiceBus
    from adapters.table_storage import TableStorageStore


class MissingSetting(Exception):
    """The app can't start; the setting to mend is named."""


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
    webhook_url: str
    webhook_secrets: tuple[bytes, ...]
    redaction_key: bytes

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
        return cls(
            platform_storage=optional("PlatformStorage"),
            platform_storage_tables=optional("PlatformStorage__tableServiceUri"),
            platform_storage_blobs=optional("PlatformStorage__blobServiceUri"),
            service_bus=optional("ServiceBus"),
            service_bus_namespace=optional("ServiceBus__fullyQualifiedNamespace"),
            azure_devops_url=_template("AzureDevOps__url", required("AzureDevOps__url")),
            azure_devops_pat=optional("AzureDevOps__pat"),
            webhook_url=_template("Webhooks__url", required("Webhooks__url")),
            webhook_secrets=tuple(secret.encode() for secret in secrets if secret),
            redaction_key=_key("Redaction__key", required("Redaction__key")),
        )


def _template(name: str, value: str) -> str:
    for placeholder in ("{tenantId}", "{projectId}"):
        if placeholder not in value:
            raise MissingSetting(f"setting {name} must contain {placeholder}: tenants never share a place")
    return value


def _key(name: str, value: str) -> bytes:
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise MissingSetting(f"setting {name} must be base64") from None
    if len(key) < 32:
        raise MissingSetting(f"setting {name} must hold at least 32 bytes")
    return key


@cache
def settings() -> Settings:
    return Settings.read(os.environ)


# Azure DevOps has only Basic authentication for its service hooks.
HOOK_USER = "azure-devops"


def hook_password(secret: bytes, partition: Partition) -> str:
    """The Basic password of a project's hooks. Whoever can read it at one project learns no other's."""
    scope = f"{partition.tenant_id}|{partition.project_id}".encode()
    return hmac.new(secret, scope, hashlib.sha256).hexdigest()


def now() -> datetime:
    """The clock: UTC, in the milliseconds that envelopes carry."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Platform:
    """The adapters and the dispatcher over them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _credential(self) -> Any:
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential()

    @cached_property
    def store(self) -> "TableStorageStore":
        from adapters.table_storage import TableStorageStore

        if self.settings.platform_storage is not None:
            return TableStorageStore(connection_string=self.settings.platform_storage)
        return TableStorageStore(
            table_url=self.settings.platform_storage_tables,
            blob_url=self.settings.platform_storage_blobs,
            credential=self._credential,
        )

    @cached_property
    def broker(self) -> "ServiceBus":
        from adapters.service_bus import ServiceBus

        if self.settings.service_bus is not None:
            return ServiceBus(self.settings.service_bus)
        return ServiceBus(namespace=self.settings.service_bus_namespace, credential=self._credential)

    @cached_property
    def git(self) -> "AzureDevOps":
        from adapters.azure_devops import AzureDevOps, EntraToken, PersonalAccessToken

        settings = self.settings
        pat = settings.azure_devops_pat
        return AzureDevOps(
            settings.azure_devops_url,
            EntraToken() if pat is None else PersonalAccessToken(pat),
            settings.webhook_url,
            lambda partition: hook_password(settings.webhook_secrets[0], partition),
            hook_user=HOOK_USER,
        )

    def port(self, port: type) -> object:
        """The adapter for a port's type."""
        adapters: dict[type, str] = {Store: "store", Broker: "broker", GitProvider: "git"}
        return getattr(self, adapters[port])

    @cached_property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            catalogue(),
            self.store,
            self.broker,
            self.port,
            Redaction(self.settings.redaction_key),
            now,
        )


@cache
def platform() -> Platform:
    return Platform(settings())
