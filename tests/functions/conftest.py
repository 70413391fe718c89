"""The platform over memory, in the place where the functions look for it."""

import base64
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import functions
from adapters.memory.blob_store import MemoryBlobStore
from adapters.memory.broker import MemoryBroker
from adapters.memory.container_registry import MemoryContainerRegistry
from adapters.memory.git_provider import MemoryGitProvider
from adapters.memory.gitops_agent import MemoryGitOpsAgent
from adapters.memory.health_probe import MemoryHealthProbe
from adapters.memory.image_scanner import MemoryImageScanner
from adapters.memory.infrastructure_engine import MemoryInfrastructureEngine
from adapters.memory.manifest_renderer import MemoryManifestRenderer
from adapters.memory.metric_source import MemoryMetricSource
from adapters.memory.package_feed import MemoryPackageFeed
from adapters.memory.pipeline_provider import MemoryPipelineProvider
from adapters.memory.store import MemoryStore
from adapters.memory.workloads import MemoryWorkloads
from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.proof import proof_key
from domain.kernel.values import Redaction
from domain.kernel.work import Partition
from functions import bootstrap
from functions.bootstrap import ADAPTERS, Settings, now
from functions.identity import Identity
from functions.signing_keys import SigningKeys
from infra.local.cloud import machine_keys
from tests.domain.world import REDACTION, World
from tests.functions.requests import MACHINE_KEY

# Entra tenants: of the customer acme, of another one, and of the platform's own staff.
ACME, OTHER, STAFF = (f"0a1b2c3d-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))

SETTINGS = {
    "PlatformStorage": "UseDevelopmentStorage=true",
    "ServiceBus": "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k",
    "AzureDevOps__url": "https://dev.azure.com/{tenantId}/{projectId}",
    "AzureDevOps__pat": "pat",
    "AzureDevOps__feedUrl": "https://pkgs.dev.azure.com/{tenantId}/{projectId}/_packaging/{feed}/nuget/v3/index.json",
    "ContainerRegistry__url": "https://factory.azurecr.io",
    "Defender__subscriptions": "5a1f0d3c-0000-4000-8000-0000000000aa",
    "Webhooks__url": "https://platform.example/api/webhooks/azure-devops/{tenantId}/{projectId}",
    "Webhooks__secret": "current",
    "Kubernetes__clusters": json.dumps({"*": {"url": "https://cluster.example", "token": "token"}}),
    "Pulumi__token": "token",
    "Pulumi__organization": "{tenantId}-{projectId}",
    "OutboxSchedule": "0 0 0 1 1 *",
    "ReconcilerSchedule": "0 0 0 1 1 *",
    "Webhooks__previousSecret": "previous",
    "Redaction__key": base64.b64encode(b"k" * 32).decode(),
    "Identity__issuers": (
        "https://login.microsoftonline.com/{tenantid}/v2.0, https://sts.windows.net/{tenantid}/"
    ),
    "Identity__jwksUrl": "https://login.microsoftonline.com/common/discovery/v2.0/keys",
    "Identity__audiences": "api://delivery-platform",
    "Identity__tenants": json.dumps({ACME: ["acme", "acme-labs"], OTHER: ["other"], STAFF: ["*"]}),
    "Identity__machineKeys": machine_keys(MACHINE_KEY),
}


class MemoryPlatform:
    """What `functions.bootstrap.Platform` is, over memory."""

    def __init__(self) -> None:
        self.settings = Settings.read(SETTINGS)
        self.store, self.broker, self.git = MemoryStore(now), MemoryBroker(), MemoryGitProvider(now)
        self.pipelines = MemoryPipelineProvider(self.git, now)
        self.registry, self.scanner = MemoryContainerRegistry(), MemoryImageScanner(now)
        self.blobs, self.feed = MemoryBlobStore(), MemoryPackageFeed(now)
        self.renderer, self.infrastructure = MemoryManifestRenderer(), MemoryInfrastructureEngine()
        self.agent, self.workloads = MemoryGitOpsAgent(_nothing_desired), MemoryWorkloads()
        self.probe, self.metrics = MemoryHealthProbe(), MemoryMetricSource()
        self.dispatcher = Dispatcher(
            catalogue(), self.store, self.broker, self.port, Redaction(self.settings.redaction_key), now
        )
        identity = self.settings.identity
        self.identity = Identity(identity, SigningKeys(identity.jwks_url), self.settings.proof_key, now)

    def port(self, kind: type) -> object:
        return getattr(self, ADAPTERS[kind])


async def _nothing_desired(partition: Partition, environment: str) -> str | None:
    return None


def rooms() -> Iterator[ModuleType]:
    """Every module of functions/."""
    for module_info in pkgutil.iter_modules(functions.__path__, "functions."):
        yield importlib.import_module(module_info.name)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryPlatform:
    """The functions' platform for the length of a test."""
    platform = MemoryPlatform()
    for room in rooms():
        if room is not bootstrap and hasattr(room, "platform"):
            monkeypatch.setattr(room, "platform", lambda: platform)
    return platform


@pytest.fixture
def world(memory: MemoryPlatform, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of the tenant `acme` in the platform's place: what was played there is what the doors find."""
    world = World()
    world.partition = Partition("acme", "booking")
    for name in (*ADAPTERS.values(), "dispatcher"):
        setattr(memory, name, getattr(world, name))
    identity = memory.settings.identity
    key = proof_key(REDACTION.key)
    memory.identity = Identity(identity, SigningKeys(identity.jwks_url), key, world.clock.now)
    for room in rooms():
        if room is not bootstrap and hasattr(room, "now"):
            monkeypatch.setattr(room, "now", world.clock.now)
    return world


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
