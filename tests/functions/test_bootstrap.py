"""Settings: whatever is missing or unusable stops the app, by name."""

import base64
import importlib
import os
import subprocess
import sys
from typing import get_protocol_members

import pytest

from domain import ports
from domain.kernel.work import Partition
from functions import bootstrap
from functions.bootstrap import ADAPTERS, MissingSetting, Platform, Settings, hook_password, now
from infra.local.processes import ROOT
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


PORTS = sorted((getattr(ports, name) for name in ports.__all__), key=lambda port: port.__name__)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
async def test_every_port_has_an_adapter(port: type) -> None:
    adapter = Platform(Settings.read(SETTINGS)).port(port)
    assert get_protocol_members(port) <= set(dir(adapter))
    assert type(adapter).__module__.startswith("adapters.")
    assert not type(adapter).__module__.startswith("adapters.memory")


def test_no_adapter_is_for_what_is_no_port() -> None:
    assert ADAPTERS.keys() == set(PORTS)


def test_adapters_share_what_they_speak_through() -> None:
    platform = Platform(Settings.read(SETTINGS))
    assert all(platform.port(port) is platform.port(port) for port in PORTS)


@pytest.mark.parametrize(("agent", "name"), [("Flux", "FluxAgent"), ("ArgoCD", "ArgoCdAgent")])
def test_the_agent_is_the_one_that_the_setting_names(agent: str, name: str) -> None:
    platform = Platform(Settings.read(SETTINGS | {"GitOps__agent": agent}))
    assert type(platform.agent).__name__ == name


def test_importing_the_app_imports_no_adapter_and_no_sdk_but_that_of_its_triggers() -> None:
    """What a cold start pays for. The SDK of Durable Functions brings aiohttp, and only that may."""
    code = (
        "import sys, function_app\n"
        "late = ('adapters', 'jwt', 'cryptography')\n"
        "print([name for name in sys.modules if name.split('.')[0] in late])\n"
        "azure = {tuple(name.split('.')[:2]) for name in sys.modules if name.startswith('azure.')}\n"
        "print(sorted(name for _, name in azure))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "['durable_functions', 'functions']"]


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
