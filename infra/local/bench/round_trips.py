"""Storage requests of each command, counted at the wire, and the destinations it sends to."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import override

from adapters.memory.blob_store import MemoryBlobStore
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
from adapters.memory.workloads import MemoryWorkloads
from adapters.service_bus import ServiceBus
from adapters.table_storage import TableStorageStore
from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.actor import Actor, service
from domain.kernel.context import snake
from domain.kernel.envelope import Envelope, Message
from domain.kernel.values import Redaction
from domain.kernel.work import Partition
from domain.ports import (
    BlobStore,
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
    Workloads,
)
from domain.provided import RepositoryHandle
from functions.bootstrap import now

HERE = Partition("bench", "proj-bench")
REDACTION_KEY = b"bench" * 8
BENCH, APPROVER = service("bench"), Actor("grace@connectsoft.example")


@dataclass(frozen=True)
class Cost:
    """Requests of one command; `later` is what happens off the latency path."""

    command: str
    reads: int
    transactions: int
    sends: int
    later: int


class CountingServiceBus(ServiceBus):
    """Counts a send per destination."""

    sends = 0

    @override
    async def publish(self, messages: Sequence[Message]) -> None:
        self.sends += len({message.destination for message in messages})
        await super().publish(messages)


class Bench:
    """One process of the platform over real storage and broker, and everything else outside in memory."""

    def __init__(self, storage: str, service_bus: str) -> None:
        self.requests: Counter[str] = Counter()
        self.store = TableStorageStore(
            storage, on_request=lambda method, url: self.requests.update([_kind(method, url)])
        )
        self.broker = CountingServiceBus(service_bus)
        self.git = MemoryGitProvider()
        self.pipelines = MemoryPipelineProvider(self.git)
        self.outside: dict[type, object] = {
            GitProvider: self.git,
            PipelineProvider: self.pipelines,
            BlobStore: MemoryBlobStore(),
            PackageFeed: MemoryPackageFeed(),
            ContainerRegistry: MemoryContainerRegistry(),
            ImageScanner: MemoryImageScanner(),
            ManifestRenderer: MemoryManifestRenderer(),
            GitOpsAgent: MemoryGitOpsAgent(self._desired),
            Workloads: MemoryWorkloads(),
            HealthProbe: MemoryHealthProbe(),
            MetricSource: MemoryMetricSource(),
            InfrastructureEngine: MemoryInfrastructureEngine(),
        }
        self.dispatcher = Dispatcher(
            catalogue(), self.store, self.broker, self.outside.__getitem__, Redaction(REDACTION_KEY), now
        )
        self._count = 0
        self.gitops: RepositoryHandle | None = None

    async def _desired(self, _: Partition, environment: str) -> str | None:
        """What an environment's agent follows."""
        assert self.gitops is not None
        return await self.git.branch_head(self.gitops, f"env/{environment}")

    def envelope(self, command: str, payload: dict[str, object]) -> Envelope:
        self._count += 1
        return Envelope(
            event_id=f"cmd-bench-{self._count}",
            event_type=command,
            tenant_id=HERE.tenant_id,
            project_id=HERE.project_id,
            trace_id="trace-bench",
            correlation_id="corr-bench",
            occurred_at=now(),
            payload=payload,
        )

    async def handle(
        self, command: str, payload: dict[str, object], actor: Actor = BENCH
    ) -> tuple[Cost, dict[str, str]]:
        """Dispatch one command; answers its cost and the payload of its last fact, if any."""
        self.requests.clear()
        sends = self.broker.sends
        journal = await self.dispatcher.dispatch(self.envelope(command, payload), actor)
        now_done = Counter(self.requests)
        await self.dispatcher.drain()
        later = self.requests - now_done
        assert journal.outcome.rejection is None, journal.outcome.rejection
        cost = Cost(
            command, now_done["read"], now_done["transaction"], self.broker.sends - sends, later.total()
        )
        facts = journal.outcome.reply["events"]
        return cost, facts[-1]["payload"] if facts else {}

    async def close(self) -> None:
        await self.broker.close()
        await self.store.close()


def _kind(method: str, url: str) -> str:
    if method == "GET":
        return "read"
    if method == "POST" and "$batch" in url:
        return "transaction"
    return f"{method} {url.partition('?')[0]}"


async def costs(bench: Bench) -> list[Cost]:
    """Each command once, after a first one has written what is written once per process."""
    await bench.handle("ProvisionRepository", {"name": "warm"})
    found: list[Cost] = []

    async def counted(command: str, payload: dict[str, object], actor: Actor = BENCH) -> dict[str, str]:
        cost, fact = await bench.handle(command, payload, actor)
        found.append(cost)
        return fact

    await _delivery(bench, counted)
    missing = {handler.name for handler in catalogue().commands} - {cost.command for cost in found}
    assert not missing, f"the bench does not measure {', '.join(map(snake, missing))}"
    return found


type Counted = Callable[..., Awaitable[dict[str, str]]]


async def _delivery(bench: Bench, counted: Counted) -> None:
    provisioned = await counted("ProvisionRepository", {"name": "bench"})
    repository: dict[str, object] = {"repositoryId": provisioned["repositoryId"]}
    await bench.handle(
        "CreateBranch", repository | {"name": "warm", "fromCommitSha": provisioned["headCommitSha"]}
    )
    await counted(
        "CreateBranch", repository | {"name": "work", "fromCommitSha": provisioned["headCommitSha"]}
    )
    files = [{"path": f"src/file{n}.py", "content": "print()\n" * 40} for n in range(15)]
    await counted(
        "CreateCommit",
        repository | {"branch": "work", "message": "Add", "artifactId": "artifact-1", "files": files},
    )
    opened = await counted(
        "OpenPullRequest",
        repository | {"sourceBranch": "work", "targetBranch": "main", "title": "Add the service"},
    )
    await counted("MergePullRequest", {"pullRequestId": opened["pullRequestId"]})
    await _release(bench, counted, repository)


async def _release(bench: Bench, counted: Counted, repository: dict[str, object]) -> None:
    await bench.handle("ObserveBranch", repository | {"name": "main"})
    generated = await counted("GeneratePipeline", repository | {"moduleType": "PythonService"})
    started = await counted("RunPipeline", {"pipelineId": generated["pipelineId"]})
    run_id = int(started["runId"])
    bench.pipelines.finish(run_id, tests=(12, 0), coverage=90.0)
    _, built = await bench.handle("ObserveRun", {"runId": run_id})
    planned = await counted("PlanRelease", {"buildResultId": built["buildResultId"]})
    await counted("ApproveRelease", {"releaseId": planned["releaseId"]}, APPROVER)
    await _environment(bench)
    await counted("PromoteDeployment", {"releaseId": planned["releaseId"]})
    await counted("ProvisionInfrastructure", {"environment": "dev"})
    await counted("SyncGitOps", {"environment": "dev"})


async def _environment(bench: Bench) -> None:
    """Its branch in a GitOps repository, and its infrastructure's program in the same."""
    _, provisioned = await bench.handle("ProvisionRepository", {"name": "environments"})
    id = provisioned["repositoryId"]
    repository: dict[str, object] = {"repositoryId": id}
    stored = await bench.store.load(HERE, catalogue().aggregates["repositories"], id)
    assert stored is not None
    bench.gitops = RepositoryHandle(HERE, vars(stored.aggregate)["external_id"])
    branch = repository | {"name": "env/dev", "fromCommitSha": provisioned["headCommitSha"]}
    await bench.handle("CreateBranch", branch)
    empty = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n"
    files = [{"path": "kustomization.yaml", "content": empty}]
    commit = {"branch": "env/dev", "message": "Begin", "artifactId": "artifact-1", "files": files}
    await bench.handle("CreateCommit", repository | commit)
    environment = {"name": "dev", "infrastructure": {"stack": "bench/dev", "repositoryId": id}}
    await bench.handle("ConfigureDelivery", {"gitopsRepositoryId": id, "environments": [environment]})
