"""The laptop cloud: Azurite, Service Bus, Azure DevOps, a token issuer and the Functions host, as one."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from functions.bootstrap import REGISTRY_USER, registry_password
from functions.roles import MACHINE_ROLES
from infra import topology
from infra.local.issuer.people import TENANTS
from infra.local.kubernetes.kubeconfig import kubeconfig
from infra.local.ports import Ports as Ports
from infra.local.processes import Server, free_ports

SECRET = REGISTRY_LOGIN = "laptop-cloud"
PAT = "local-pat"
KUBECONFIG = "kubeconfig"
"""The file among the cloud's data by which kubectl finds the cluster."""
SUBSCRIPTION = "5a1f0d3c-0000-4000-8000-0000000000d1"

# The timers run often enough here that nobody waits for them.
SCHEDULES = {"OutboxSchedule": "*/5 * * * * *", "ReconcilerSchedule": "*/30 * * * * *"}


def machine_keys(key: str) -> str:
    """The setting by which a machine with this key may do everything that a machine may, everywhere."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return json.dumps(
        [{"name": "function-key", "sha256": digest, "roles": sorted(MACHINE_ROLES), "tenants": ["*"]}]
    )


class Cloud:
    """All parts as child processes, with their data and logs in one folder."""

    def __init__(
        self,
        data: Path,
        *,
        persistent: bool = False,
        function_key: str | None = None,
        ports: Ports | None = None,
        with_host: bool = True,
        settings: Mapping[str, str] | None = None,
        azure_devops_options: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self.function_key = function_key or secrets.token_urlsafe(24)
        self._persistent, self._extra = persistent, dict(settings or {})
        self._azure_devops_options, self.with_host = azure_devops_options, with_host
        self._ports = ports = ports or Ports()
        # Known beforehand: the host's is in the hooks' URL, and the broker comes back on the one it had.
        free = free_ports(3)
        self.host_port, self.broker_port = ports.host or free[0], ports.service_bus or free[1]
        self.registry_port = ports.registry or free[2]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Raises `NotStarted`; then whatever had started is stopped again."""
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            (
                self.azurite,
                self.service_bus,
                self.azure_devops,
                self.issuer,
                self.registry,
                self.kubernetes,
                self.pulumi,
                self.resource_manager,
            ) = await self._start_all(
                Server("infra.local.azurite", *self._azurite_arguments(), log_file=self._log("azurite")),
                self._broker(),
                Server(
                    "infra.local.azure_devops",
                    *("--data", str(self.data / "azure-devops"), "--port", str(self._ports.azure_devops)),
                    *("--pat", PAT),
                    *self._agent_environment(),
                    *self._azure_devops_options,
                    log_file=self._log("azure-devops"),
                ),
                Server("infra.local.issuer", "--port", str(self._ports.issuer), log_file=self._log("issuer")),
                self._registry(),
                self._stateful("kubernetes", *("--token", SECRET)),
                self._stateful(
                    "pulumi", *("--token", SECRET, "--git-username", "pulumi", "--git-password", PAT)
                ),
                self._stateful("resource_manager"),
            )
            self._write_kubeconfig()
            if self.with_host:
                self.host = await self._stack.enter_async_context(self._new_host())
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start_all(self, *servers: Server) -> tuple[Server, ...]:
        """Side by side: each takes a second or two. The ones that started are stopped whatever happens."""
        results = await asyncio.gather(*(server.start() for server in servers), return_exceptions=True)
        for server, result in zip(servers, results, strict=True):
            if not isinstance(result, BaseException):
                self._stack.push_async_callback(server.stop)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return servers

    def _write_kubeconfig(self) -> None:
        """For its owner alone: there is a token in it."""
        ready = self.kubernetes.ready
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(kubeconfig(ready["url"], ready["token"]), indent=2))

    @property
    def kubeconfig(self) -> Path:
        return self.data / KUBECONFIG

    def _log(self, name: str) -> Path:
        return self.data / f"{name}.log"

    def _azurite_arguments(self) -> tuple[str, ...]:
        ports = self._ports
        where = ("--blob-port", ports.blob), ("--queue-port", ports.queue), ("--table-port", ports.table)
        arguments = [str(part) for pair in where for part in pair]
        if self._persistent:
            arguments += ["--data", str(self.data / "azurite")]
        return tuple(arguments)

    def _broker(self) -> Server:
        return Server(
            "infra.local.service_bus",
            *("--config", str(topology.FILE), "--port", str(self.broker_port)),
            *("--journal", str(self.data / "service-bus.db")),
            log_file=self._log("service-bus"),
        )

    def _registry(self) -> Server:
        authorization = base64.b64encode(f"{REGISTRY_USER}:{registry_password(SECRET.encode())}".encode())
        return Server(
            "infra.local.container_registry",
            *("--data", str(self.data / "container-registry"), "--port", str(self.registry_port)),
            *("--user", REGISTRY_LOGIN, "--password", REGISTRY_LOGIN),
            *("--webhook-url", f"{self.url}/api/webhooks/container-registry/{{tenantId}}/{{projectId}}"),
            *("--webhook-authorization", f"Basic {authorization.decode()}"),
            log_file=self._log("container-registry"),
        )

    def _stateful(self, part: str, *options: str) -> Server:
        name = part.replace("_", "-")
        return Server(
            f"infra.local.{part}",
            *("--state", str(self.data / name), "--port", str(getattr(self._ports, part))),
            *options,
            log_file=self._log(name),
        )

    def _agent_environment(self) -> list[str]:
        """What the agents of the build pipelines know: where to push images."""
        known = {
            "CS_REGISTRY_URL": self.registry_url,
            "CS_REGISTRY_USER": REGISTRY_LOGIN,
            "CS_REGISTRY_PASSWORD": REGISTRY_LOGIN,
        }
        return [part for name, value in known.items() for part in ("--agent-environment", f"{name}={value}")]

    @property
    def registry_url(self) -> str:
        return f"http://127.0.0.1:{self.registry_port}"

    def _new_host(self) -> Server:
        return Server(
            "infra.local.functions_host",
            *("--port", str(self.host_port)),
            f"--function-key={self.function_key}",  # it may begin with a dash
            environment=self.settings,
            log_file=self._log("functions-host"),
        )

    @property
    def settings(self) -> dict[str, str]:
        """What the Functions app is told, as local.settings.json would."""
        return {
            "AzureWebJobsStorage": self.azurite.ready["connectionString"],
            "PlatformStorage": self.azurite.ready["connectionString"],
            "ServiceBus": self.service_bus.ready["connectionString"],
            "AzureDevOps__url": f"{self.azure_devops.ready['url']}/{{tenantId}}/{{projectId}}",
            "AzureDevOps__pat": self.azure_devops.ready["pat"],
            "Webhooks__url": f"{self.url}/api/webhooks/azure-devops/{{tenantId}}/{{projectId}}",
            "AzureDevOps__feedUrl": (
                f"{self.azure_devops.ready['url']}/{{tenantId}}/{{projectId}}/_packaging/{{feed}}/nuget/v3/index.json"
            ),
            "ContainerRegistry__url": self.registry_url,
            "ContainerRegistry__user": REGISTRY_LOGIN,
            "ContainerRegistry__password": REGISTRY_LOGIN,
            "Defender__url": self.registry_url,
            "Defender__subscriptions": "laptop-cloud",
            "Defender__authorization": "Bearer laptop-cloud",
            "Webhooks__secret": SECRET,
            "Redaction__key": base64.b64encode(hashlib.sha256(b"laptop-cloud").digest()).decode(),
            "Kubernetes__clusters": json.dumps(
                {"*": {"url": self.kubernetes.ready["url"], "token": self.kubernetes.ready["token"]}}
            ),
            "HealthGates__hosts": self.kubernetes.ready["url"].removeprefix("http://"),
            "Metrics__url": f"{self.kubernetes.ready['url']}/prometheus",
            "Pulumi__url": self.pulumi.ready["url"],
            "Pulumi__token": self.pulumi.ready["token"],
            "Pulumi__organization": "{tenantId}-{projectId}",
            "ResourceManager__url": self.resource_manager.ready["url"],
            "ResourceManager__authorization": "Bearer laptop-cloud",
            "ResourceManager__subscriptions": json.dumps({"connectsoft/proj-booking-saas": SUBSCRIPTION}),
            "Identity__issuers": " ".join(self.issuer.ready["issuers"]),
            "Identity__jwksUrl": self.issuer.ready["jwksUrl"],
            "Identity__audiences": self.issuer.ready["audience"],
            "Identity__tenants": json.dumps(TENANTS),
            "Identity__machineKeys": machine_keys(self.function_key),
            "Identity__localIssuer": "true",
            "FUNCTIONS_WORKER_RUNTIME": "python",
            **SCHEDULES,
            **self._extra,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.host_port}"

    async def kill_host(self) -> None:
        """As a crash of the whole process would."""
        await self.host.kill()

    async def start_host(self) -> None:
        """Start the host again, on the same port, after it was killed."""
        self.host = await self._stack.enter_async_context(self._new_host())

    async def stop_broker(self) -> None:
        await self.service_bus.kill()

    async def start_broker(self) -> None:
        """Start the broker again on the same port with the same journal."""
        self.service_bus = await self._stack.enter_async_context(self._broker())
