"""The ground over the Azure DevOps adapter and its emulator; the store stays in memory."""

import re
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.azure_devops import AzureDevOps, AzureDevOpsPipelines, PersonalAccessToken
from domain.kernel.work import Partition
from domain.ports import GitProvider, PipelineProvider
from domain.provided import RepositoryHandle
from tests.adapters.fault_proxy import FaultProxy
from tests.azure_devops import AzureDevOpsEmulator, project_path, repository_path
from tests.crash.ending import Ending
from tests.crash.ground import Ground
from tests.crash.process import Process
from tests.crash.ways import Arrival, Way
from tests.crash.wire import Wire
from tests.domain.world import World

HOOK_URL = "http://127.0.0.1:9/{tenantId}/{projectId}/hooks"

_TRAILER = re.compile(r"^CS-Operation-Id: (\S+)", re.MULTILINE)
# What is another in each project: ids that the service draws, commits with their dates, numbers, addresses.
_DRAWN = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "<sha>"),
    (
        re.compile(r'(\\*"(?:number|policyId|runId|externalId|external_id)\\*": ?)\\*"?\d+\\*"?'),
        r"\1<number>",
    ),
    (re.compile(r"tenant-[0-9a-f]{12}"), "<tenant>"),
    # The digest of a person is another for each tenant.
    (re.compile(r"hmac-sha256:[0-9a-f]{64}"), "<digest>"),
    # The YAML names the project's own place in the registry.
    (re.compile(r"\b[0-9a-f]{64}\b"), "<sha256>"),
)


def adapter(url: str, emulator: AzureDevOpsEmulator) -> AzureDevOps:
    """One as a process of its own has it."""
    template = emulator.url_template.replace(emulator.url, url)
    return AzureDevOps(template, PersonalAccessToken(emulator.pat), HOOK_URL, lambda _: "hooks")


def ports_of(git: AzureDevOps, others: Mapping[type, object]) -> dict[type, object]:
    """Repositories and pipelines are at Azure DevOps, everything else is where it is."""
    return {**others, GitProvider: git, PipelineProvider: AzureDevOpsPipelines(git.projects)}


class Elsewhere(World):
    """The world with its repositories and pipelines at Azure DevOps, in a project of their own."""

    def __init__(self, git: AzureDevOps) -> None:
        super().__init__()
        self.azure_devops = git
        self.partition = Partition(f"tenant-{uuid.uuid4().hex[:12]}", "shop")

    @property
    def ports(self) -> dict[type, object]:
        return ports_of(self.azure_devops, super().ports)


@dataclass
class AzureDevOpsGround(Ground):
    emulator: AzureDevOpsEmulator = field(kw_only=True)
    proxy: FaultProxy = field(kw_only=True)
    opened: list[AzureDevOps] = field(default_factory=list, kw_only=True)

    @classmethod
    async def prepared(
        cls, way: Way, emulator: AzureDevOpsEmulator, proxy: FaultProxy
    ) -> tuple["AzureDevOpsGround", Arrival]:
        git = adapter(emulator.url, emulator)
        world = Elsewhere(git)
        arrival = await way.prepare(world)
        memory = await Ground.of(world)
        ground = cls(
            memory.partition,
            memory.clock,
            memory.store,
            memory.broker,
            memory.ports,
            memory.states,
            Counter(),
            emulator=emulator,
            proxy=proxy,
            opened=[git],
        )
        ground.effects = await ground.census()
        return ground, arrival

    def process(self, *, under_fault: bool = False) -> Process:
        git = adapter(self.proxy.url if under_fault else self.emulator.url, self.emulator)
        self.opened.append(git)
        process = Process(self.store, self.broker, ports_of(git, self.ports), self.clock)
        if under_fault:
            self.wire = Wire.through(self.proxy, process)
        return process

    def shape(self, text: str) -> str:
        """Without what is drawn anew each time."""
        for pattern, name in _DRAWN:
            text = pattern.sub(name, text)
        return text

    async def ending(self, id: str) -> Ending:
        """Only the shape: everything that is drawn anew has lost its value."""
        found = await super().ending(id)
        return Ending(
            reply=self.shape(found.reply),
            states={str(n): text for n, text in enumerate(sorted(map(self.shape, found.states.values())))},
            messages=self.shape(found.messages),
            trace=self.shape(found.trace),
            effects=found.effects,
        )

    async def census(self) -> Counter[str]:
        """What the service holds, counted through its own API; commits also by the operation they carry."""
        tenant, project = self.partition.tenant_id, project_path(self.partition)
        repositories = await self.emulator.values(f"{project}/git/repositories")
        counted: Counter[str] = Counter(
            repository=len(repositories),
            policy=len(await self.emulator.values(f"{project}/policy/configurations")),
        )
        for hook in await self.emulator.values(f"{tenant}/_apis/hooks/subscriptions"):
            counted["hook" if hook["eventType"].startswith("git.") else "pipeline_hook"] += 1
        for pipeline in await self.emulator.values(f"{project}/build/definitions"):
            counted["pipeline"] += 1
            query = {"definitions": str(pipeline["id"])}
            counted["run"] += len(await self.emulator.values(f"{project}/build/builds", query))
        for repository in repositories:
            root = repository_path(RepositoryHandle(self.partition, repository["id"]))
            refs = await self.emulator.values(f"{root}/refs", {"filter": "heads/"})
            commits = {}
            for ref in refs:
                query = {"searchCriteria.itemVersion.version": ref["name"].removeprefix("refs/heads/")}
                for commit in await self.emulator.values(f"{root}/commits", query):
                    commits[commit["commitId"]] = commit["comment"]
            pulls = await self.emulator.values(f"{root}/pullrequests", {"searchCriteria.status": "all"})
            counted.update(branch=len(refs), commit=len(commits), pull_request=len(pulls))
            counted.update(f"pull request {one['status']}" for one in pulls)
            counted.update(
                f"commit of {operation}"
                for comment in commits.values()
                for operation in _TRAILER.findall(comment)
            )
        return counted

    async def close(self) -> None:
        for git in self.opened:
            await git.close()
