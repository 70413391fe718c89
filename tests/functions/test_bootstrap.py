"""Settings: whatever is missing or unusable stops the app, by name."""

import base64
import importlib
import sys

import pytest

from domain.kernel.work import Partition
from functions import bootstrap
from functions.bootstrap import MissingSetting, Settings, hook_password, now
from tests.functions.conftest import SETTINGS

MANAGED_IDENTITY = {
    "PlatformStorage__tableServiceUri": "https://account.table.core.windows.net",
    "PlatformStorage__blobServiceUri": "https://account.blob.core.windows.net",
    "ServiceBus__fullyQualifiedNamespace": "namespace.servicebus.windows.net",
}
OPTIONAL = {"AzureDevOps__pat", "Webhooks__previousSecret", "Identity__machineKeys"}


def with_managed_identity() -> dict[str, str]:
    kept = {name: value for name, value in SETTINGS.items() if name not in ("PlatformStorage", "ServiceBus")}
    return kept | MANAGED_IDENTITY


@pytest.mark.parametrize("name", sorted(SETTINGS.keys() - OPTIONAL))
@pytest.mark.parametrize("value", [None, ""])
def test_a_setting_that_is_missing_or_empty_is_named(name: str, value: str | None) -> None:
    environment = {key: text for key, text in SETTINGS.items() if key != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(MissingSetting, match=name):
        Settings.read(environment)


@pytest.mark.parametrize("name", sorted(MANAGED_IDENTITY))
def test_a_managed_identity_needs_each_of_its_settings(name: str) -> None:
    environment = with_managed_identity()
    del environment[name]
    with pytest.raises(MissingSetting, match=name):
        Settings.read(environment)


def test_a_managed_identity_needs_no_connection_string() -> None:
    settings = Settings.read(with_managed_identity())
    assert (settings.platform_storage, settings.service_bus) == (None, None)
    assert settings.platform_storage_tables == MANAGED_IDENTITY["PlatformStorage__tableServiceUri"]
    assert settings.service_bus_namespace == MANAGED_IDENTITY["ServiceBus__fullyQualifiedNamespace"]


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_what_is_optional_may_be_left_out(name: str) -> None:
    Settings.read({key: value for key, value in SETTINGS.items() if key != name})


@pytest.mark.parametrize("name", ["AzureDevOps__url", "Webhooks__url"])
@pytest.mark.parametrize("placeholder", ["{tenantId}", "{projectId}"])
def test_an_address_that_tenants_would_share_is_refused(name: str, placeholder: str) -> None:
    shared = SETTINGS | {name: SETTINGS[name].replace(placeholder, "everybody")}
    with pytest.raises(MissingSetting, match=f"{name} must contain {placeholder}"):
        Settings.read(shared)


@pytest.mark.parametrize(
    "key",
    ["not base64!", "a2V5", base64.b64encode(b"k" * 31).decode(), base64.b64encode(b"k" * 32).decode()[:-1]],
)
def test_a_redaction_key_that_is_short_or_unreadable_is_refused(key: str) -> None:
    with pytest.raises(MissingSetting, match="Redaction__key"):
        Settings.read(SETTINGS | {"Redaction__key": key})


def test_during_a_rotation_both_secrets_count() -> None:
    assert Settings.read(SETTINGS).webhook_secrets == (b"current", b"previous")
    alone = {key: value for key, value in SETTINGS.items() if key != "Webhooks__previousSecret"}
    assert Settings.read(alone).webhook_secrets == (b"current",)


def test_the_app_does_not_start_without_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("Redaction__key")
    bootstrap.settings.cache_clear()
    sys.modules.pop("function_app", None)
    with pytest.raises(MissingSetting, match="Redaction__key"):
        importlib.import_module("function_app")
    bootstrap.settings.cache_clear()


def test_a_hook_password_is_of_one_project_and_one_secret() -> None:
    here = Partition("acme", "booking")
    others = (Partition("acme", "other"), Partition("other", "booking"), Partition("acmeb", "ooking"))
    passwords = {hook_password(b"current", each) for each in (here, *others)} | {hook_password(b"next", here)}
    assert len(passwords) == 5
    assert hook_password(b"current", here) == hook_password(b"current", Partition("acme", "booking"))


def test_the_clock_is_utc_in_milliseconds() -> None:
    moment = now()
    assert moment.utcoffset() is not None and not moment.utcoffset()
    assert moment.microsecond % 1000 == 0
