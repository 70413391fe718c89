"""App settings and host.json: `local.settings.json` under the process environment, `%name%` lookups."""

import json
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

_PLACEHOLDER = re.compile(r"%([^%]+)%")
_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,44}")
_TIME_SPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?")


class SettingsError(Exception):
    """A setting is missing or malformed; the text says which."""


@dataclass(frozen=True)
class HostKeys:
    """The keys that open HTTP functions: `function` for level FUNCTION, `master` for both levels."""

    function: tuple[str, ...] = ()
    master: str = ""


@dataclass(frozen=True)
class ServiceBusOptions:
    """host.json `extensions.serviceBus`, with the platform's defaults."""

    prefetch_count: int = 0
    auto_complete: bool = True
    max_auto_lock_renewal: timedelta = timedelta(minutes=5)
    max_concurrent_calls: int = 16
    max_message_batch_size: int = 1000


@dataclass(frozen=True)
class DurableOptions:
    """host.json `extensions.durableTask`. `connection` names an app setting."""

    hub: str = "TestHubName"
    max_activities: int = 20
    max_orchestrators: int = 20
    connection: str = ""


@dataclass(frozen=True)
class HostOptions:
    """What of host.json this host honours."""

    route_prefix: str = "api"
    service_bus: ServiceBusOptions = field(default_factory=ServiceBusOptions)
    durable: DurableOptions = field(default_factory=DurableOptions)


def load_local_settings(path: Path, *, required: bool) -> HostKeys:
    """Put the file's `Values` into os.environ, where the environment does not have them; return its keys."""
    if not path.exists():
        if required:
            raise SettingsError(f"settings file {path} does not exist")
        return HostKeys()
    document = _read_object(path)
    if document.get("IsEncrypted"):
        raise SettingsError(f"{path} is encrypted; this host reads plain settings only")
    for name, value in document.get("Values", {}).items():
        if isinstance(value, dict | list) or value is None:
            raise SettingsError(f"{path}: the value of {name} must be a string")
        os.environ.setdefault(name, value if isinstance(value, str) else json.dumps(value))
    host = document.get("Host", {})
    return HostKeys(tuple(host.get("FunctionKeys", ())), host.get("MasterKey", ""))


def load_host_options(app_dir: Path) -> HostOptions:
    """Read `host.json`; an absent file or section means the platform's defaults."""
    path = app_dir / "host.json"
    extensions = _read_object(path).get("extensions", {}) if path.exists() else {}
    bus = extensions.get("serviceBus", {})
    default = ServiceBusOptions()
    return HostOptions(
        route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
        service_bus=ServiceBusOptions(
            prefetch_count=int(bus.get("prefetchCount", default.prefetch_count)),
            auto_complete=bool(bus.get("autoCompleteMessages", default.auto_complete)),
            max_auto_lock_renewal=parse_time_span(str(bus.get("maxAutoLockRenewalDuration", "00:05:00"))),
            max_concurrent_calls=int(bus.get("maxConcurrentCalls", default.max_concurrent_calls)),
            max_message_batch_size=int(bus.get("maxMessageBatchSize", default.max_message_batch_size)),
        ),
        durable=_durable_options(extensions.get("durableTask", {})),
    )


def _durable_options(section: dict[str, Any]) -> DurableOptions:
    default = DurableOptions()
    hub = resolve(str(section.get("hubName") or default.hub))
    if not _HUB_NAME.fullmatch(hub):
        raise SettingsError(f"task hub '{hub}': 3 to 45 letters and digits, a letter first")
    return DurableOptions(
        hub=hub,
        max_activities=int(section.get("maxConcurrentActivityFunctions") or default.max_activities),
        max_orchestrators=int(section.get("maxConcurrentOrchestratorFunctions") or default.max_orchestrators),
        connection=str(section.get("storageProvider", {}).get("connectionName") or ""),
    )


def resolve(value: str) -> str:
    """Replace every `%name%` by the app setting of that name."""

    def lookup(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise SettingsError(f"'%{match[1]}%' does not resolve to a value: set {match[1]}")
        return found

    return _PLACEHOLDER.sub(lookup, value)


def connection_string(name: str) -> str:
    """The connection string that a binding's `connection` names, with the platform's prefix or without."""
    for candidate in (f"AzureWebJobs{name or 'ServiceBus'}", name):
        if candidate and os.environ.get(candidate):
            return os.environ[candidate]
    if os.environ.get(f"{name}__fullyQualifiedNamespace"):
        raise SettingsError(
            f"connection {name} uses an identity; this host needs a connection string in {name}"
        )
    raise SettingsError(f"connection string setting '{name or 'AzureWebJobsServiceBus'}' is missing or empty")


def storage_connection_string(name: str) -> str:
    """The storage account of the host itself: the setting of this name, or else AzureWebJobsStorage."""
    for candidate in (f"AzureWebJobs{name}", name) if name else ("AzureWebJobsStorage",):
        if os.environ.get(candidate):
            return os.environ[candidate]
    raise SettingsError(f"Durable functions need storage: set {name or 'AzureWebJobsStorage'}")


def is_disabled(function: str) -> bool:
    """Whether an app setting turns the function off."""
    names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs__{function}__Disabled")
    return any(os.environ.get(name, "").lower() in ("true", "1") for name in names)


def parse_time_span(text: str) -> timedelta:
    """Read .NET's `[d.]hh:mm[:ss[.fffffff]]`."""
    match = _TIME_SPAN.fullmatch(text.strip())
    if match is None:
        raise SettingsError(f"'{text}' is not a time span such as 00:05:00")
    sign, days, hours, minutes, seconds, fraction = match.groups()
    span = timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds or 0),
        microseconds=int((fraction or "").ljust(7, "0")[:6] or 0),
    )
    return -span if sign else span


def _read_object(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} must hold a JSON object")
    return document
