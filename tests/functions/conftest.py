"""The platform over memory, in the place where the functions look for it."""

import base64
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from adapters.memory.broker import MemoryBroker
from adapters.memory.git_provider import MemoryGitProvider
from adapters.memory.store import MemoryStore
from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.values import Redaction
from domain.ports import GitProvider
from functions import bootstrap, commands, reconciler, views, webhooks
from functions.bootstrap import Settings, now

SETTINGS = {
    "PlatformStorage": "UseDevelopmentStorage=true",
    "ServiceBus": "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k",
    "AzureDevOps__url": "https://dev.azure.com/{tenantId}/{projectId}",
    "AzureDevOps__pat": "pat",
    "Webhooks__url": "https://platform.example/api/webhooks/azure-devops/{tenantId}/{projectId}",
    "Webhooks__secret": "current",
    "OutboxSchedule": "0 0 0 1 1 *",
    "ReconcilerSchedule": "0 0 0 1 1 *",
    "Webhooks__previousSecret": "previous",
    "Redaction__key": base64.b64encode(b"k" * 32).decode(),
}


class MemoryPlatform:
    """What `functions.bootstrap.Platform` is, over memory."""

    def __init__(self) -> None:
        self.settings = Settings.read(SETTINGS)
        self.store, self.broker, self.git = MemoryStore(now), MemoryBroker(), MemoryGitProvider(now)
        self.dispatcher = Dispatcher(
            catalogue(), self.store, self.broker, self.port, Redaction(self.settings.redaction_key), now
        )

    def port(self, kind: type) -> object:
        adapters: dict[type, object] = {GitProvider: self.git}
        return adapters[kind]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryPlatform:
    """The functions' platform for the length of a test."""
    platform = MemoryPlatform()
    for room in (commands, reconciler, views, webhooks):
        monkeypatch.setattr(room, "platform", lambda: platform)
    return platform


@pytest.fixture
def function_app(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The app as the Functions platform imports it, with settings that it can start with."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    bootstrap.settings.cache_clear()
    sys.modules.pop("function_app", None)
    yield importlib.import_module("function_app")
    sys.modules.pop("function_app", None)
    bootstrap.settings.cache_clear()
