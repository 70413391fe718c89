"""Settings -> adapters: one of each per process, made when first used, so that a cold start pays for none."""

import hashlib
import hmac
import os
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.values import Redaction
from domain.kernel.work import Partition
from domain.ports import (
    BlobStore,
    Broker,
    ContainerRegistry,
    GitOpsAgent,
    GitProvider,
    HealthProbe,
    ImageScanner,
    InfrastructureEngine,
    ManifestRenderer,
    MetricSource,
    PackageFeed,
    PipelineProvider,
    Store,
    Workloads,
)
from functions.missing_setting import MissingSetting as MissingSetting
from functions.runtime_settings import Agent
from functions.settings import Settings as Settings

if TYPE_CHECKING:
    from adapters.argo_cd import ArgoCdAgent
    from adapters.azure_devops import AzureDevOps
    from adapters.azure_devops.credentials import Credential
    from adapters.azure_devops.pipeline_provider import AzureDevOpsPipelines
    from adapters.blob_storage import BlobStorage
    from adapters.container_registry import OciRegistry
    from adapters.defender import DefenderScans
    from adapters.entra import Authorization
    from adapters.http_probe import HttpProbe
    from adapters.infrastructure_engines import InfrastructureEngines
    from adapters.kubernetes.client import KubernetesApi
    from adapters.kubernetes.flux import FluxAgent
    from adapters.kubernetes.rollouts import KubernetesWorkloads
    from adapters.kustomize import CommandLineRenderer
    from adapters.package_feed import NuGetFeed
    from adapters.prometheus import PrometheusMetrics
    from adapters.service_bus import ServiceBus
    from adapters.table_storage import TableStorageStore
    from functions.identity import Identity


@cache
def settings() -> Settings:
    return Settings.read(os.environ)


# Of Azure Resource Manager.
ENTRA_SCOPE = "https://management.azure.com/.default"

# Azure DevOps has only Basic authentication for its service hooks.
HOOK_USER = "azure-devops"


def hook_password(secret: bytes, partition: Partition) -> str:
    """The Basic password of a project's hooks. Whoever can read it at one project learns no other's."""
    scope = f"{partition.tenant_id}|{partition.project_id}".encode()
    return hmac.new(secret, scope, hashlib.sha256).hexdigest()


REGISTRY_USER = "container-registry"


def registry_password(secret: bytes) -> str:
    """The Basic password of the registry's webhooks, whatever project they are about."""
    return hmac.new(secret, b"container-registry", hashlib.sha256).hexdigest()


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
    def blobs(self) -> "BlobStorage":
        from adapters.blob_storage import BlobStorage

        if self.settings.platform_storage is not None:
            return BlobStorage(self.settings.platform_storage)
        return BlobStorage(blob_url=self.settings.platform_storage_blobs, credential=self._credential)

    @cached_property
    def git(self) -> "AzureDevOps":
        from adapters.azure_devops import AzureDevOps

        settings = self.settings
        return AzureDevOps(
            settings.azure_devops_url,
            self._azure_devops_credential(),
            settings.webhook_url,
            lambda partition: hook_password(settings.webhook_secrets[0], partition),
            hook_user=HOOK_USER,
        )

    def _azure_devops_credential(self) -> "Credential":
        from adapters.azure_devops import EntraToken, PersonalAccessToken

        pat = self.settings.azure_devops_pat
        return EntraToken() if pat is None else PersonalAccessToken(pat)

    @cached_property
    def pipelines(self) -> "AzureDevOpsPipelines":
        from adapters.azure_devops.pipeline_provider import AzureDevOpsPipelines

        return AzureDevOpsPipelines(
            self.git.projects,
            templates_repository=self.settings.templates_repository,
            test_results_url_template=self.settings.azure_devops_test_results_url,
        )

    @cached_property
    def feed(self) -> "NuGetFeed":
        from adapters.package_feed import NuGetFeed

        return NuGetFeed(self._azure_devops_credential(), self.settings.azure_devops_feed_url)

    @cached_property
    def registry(self) -> "OciRegistry":
        from adapters.container_registry import OciRegistry

        settings = self.settings
        if settings.container_registry_user is None:
            return OciRegistry(settings.container_registry_url, credential=self._credential)
        return OciRegistry(
            settings.container_registry_url,
            user=settings.container_registry_user,
            password=settings.container_registry_password,
        )

    @cached_property
    def scanner(self) -> "DefenderScans":
        from adapters.defender import ENTRA_SCOPE, DefenderScans
        from adapters.entra import BearerToken, FixedAuthorization

        settings = self.settings
        fixed = settings.defender_authorization
        return DefenderScans(
            BearerToken(self._credential, ENTRA_SCOPE) if fixed is None else FixedAuthorization(fixed),
            settings.defender_subscriptions,
            management_url=settings.defender_url,
        )

    @cached_property
    def renderer(self) -> "CommandLineRenderer":
        from adapters.kustomize import CommandLineRenderer

        return CommandLineRenderer(helm=self.settings.runtime.helm)

    @cached_property
    def _kubernetes(self) -> "KubernetesApi":
        from adapters.kubernetes.client import Cluster, KubernetesApi

        clusters = {
            environment: Cluster(
                cluster.url, self._authorization(cluster.scope or "", _bearer(cluster.token)), cluster.ca
            )
            for environment, cluster in self.settings.runtime.clusters.items()
        }
        return KubernetesApi(clusters)

    def _authorization(self, scope: str, fixed: str | None) -> "Authorization":
        """A fixed header, or the app's own identity."""
        from adapters.entra import BearerToken, FixedAuthorization

        return BearerToken(self._credential, scope) if fixed is None else FixedAuthorization(fixed)

    @cached_property
    def agent(self) -> "FluxAgent | ArgoCdAgent":
        from adapters.argo_cd import ArgoCdAgent
        from adapters.kubernetes.flux import FluxAgent

        is_flux = self.settings.runtime.agent is Agent.FLUX
        return FluxAgent(self._kubernetes) if is_flux else ArgoCdAgent(self._kubernetes)

    @cached_property
    def workloads(self) -> "KubernetesWorkloads":
        from adapters.kubernetes.rollouts import KubernetesWorkloads

        return KubernetesWorkloads(self._kubernetes)

    @cached_property
    def probe(self) -> "HttpProbe":
        from adapters.http_probe import HttpProbe

        return HttpProbe(self.settings.runtime.probe_hosts)

    @cached_property
    def metrics(self) -> "PrometheusMetrics":
        from adapters.entra import FixedAuthorization
        from adapters.prometheus import PrometheusMetrics

        runtime = self.settings.runtime
        header = runtime.metrics_authorization
        return PrometheusMetrics(
            runtime.metrics_url or "", None if header is None else FixedAuthorization(header)
        )

    @cached_property
    def infrastructure(self) -> "InfrastructureEngines":
        from adapters.entra import FixedAuthorization
        from adapters.infrastructure_engines import InfrastructureEngines
        from adapters.pulumi import PulumiDeployments
        from adapters.resource_manager import ResourceManagerDeployments

        runtime = self.settings.runtime
        pulumi = PulumiDeployments(
            FixedAuthorization(f"token {runtime.pulumi_token}"),
            runtime.pulumi_organization,
            url=runtime.pulumi_url,
            git_user=runtime.pulumi_git_user,
            git_password=runtime.pulumi_git_password,
        )
        resource_manager = ResourceManagerDeployments(
            self._authorization(ENTRA_SCOPE, runtime.resource_manager_authorization),
            dict(runtime.resource_manager_subscriptions),
            management_url=runtime.resource_manager_url,
        )
        return InfrastructureEngines(pulumi, resource_manager)

    @cached_property
    def identity(self) -> "Identity":
        from functions.identity import Identity
        from functions.signing_keys import SigningKeys

        settings = self.settings
        return Identity(settings.identity, SigningKeys(settings.identity.jwks_url), settings.proof_key, now)

    def port(self, port: type) -> object:
        """The adapter for a port's type."""
        return getattr(self, ADAPTERS[port])

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


ADAPTERS: dict[type, str] = {
    Store: "store",
    Broker: "broker",
    GitProvider: "git",
    PipelineProvider: "pipelines",
    BlobStore: "blobs",
    PackageFeed: "feed",
    ContainerRegistry: "registry",
    ImageScanner: "scanner",
    ManifestRenderer: "renderer",
    GitOpsAgent: "agent",
    Workloads: "workloads",
    HealthProbe: "probe",
    MetricSource: "metrics",
    InfrastructureEngine: "infrastructure",
}


def _bearer(token: str | None) -> str | None:
    return None if token is None else f"Bearer {token}"


@cache
def platform() -> Platform:
    return Platform(settings())
