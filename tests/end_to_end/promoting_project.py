"""A project whose environment an agent keeps as Git has it, and others that only have infrastructure."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Self

from adapters.table_storage import TableStorageStore
from domain.devops.source_control.repository import Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from infra.local.kubernetes.bootstrap import connect_environment
from tests.domain.scenarios.operations import PROGRAM
from tests.end_to_end.agent_tokens import watched_tokens
from tests.end_to_end.doors import Doors, Payload
from tests.end_to_end.provider import ProviderRepository
from tests.end_to_end.waiting import eventually

ENVIRONMENT = "dev"
PROGRAMS = ("stack-0", "stack-1", "stack-2", "stack-3")
"""Environments of which nothing is asked but infrastructure."""

# Nothing happens but what is asked for.
_SWITCHED_OFF = (
    "generatePipeline",
    "runPipeline",
    "planRelease",
    "provisionInfrastructure",
    "promoteDeployment",
    "syncGitOps",
)


class PromotingProject:
    """Nobody else's. `modules` is the repository of all that it ships, `gitops` that of its environments."""

    modules: Repository
    gitops: ProviderRepository

    def __init__(self, doors: Doors) -> None:
        self.doors, self.project = doors, doors.project()
        self.partition = Partition(self.project.tenant, self.project.name)
        self.store = TableStorageStore(connection_string=doors.cloud.settings["PlatformStorage"])

    async def __aenter__(self) -> Self:
        (gitops, url), (module, _), (programs, _) = await asyncio.gather(
            *(self._repository(name) for name in ("environments", "modules", "programs"))
        )
        self.modules, self.gitops = module, self.provided(gitops)
        await pushed(self.provided(programs), {"infrastructure/Pulumi.yaml": PROGRAM})
        await self._configure(gitops.repository_id, programs.repository_id)
        await self._connect(url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.store.close()

    def watched(self) -> AbstractAsyncContextManager[list[str]]:
        """What the environment's agent is asked to reconcile with while the block runs."""
        return watched_tokens(self.cluster_url, self.doors.cloud.kubernetes.ready["token"], self.namespace)

    @property
    def namespace(self) -> str:
        return environment_namespace(self.partition, ENVIRONMENT)

    @property
    def cluster_url(self) -> str:
        return str(self.doors.cloud.kubernetes.ready["url"])

    async def _repository(self, name: str) -> tuple[Repository, str]:
        """It, and where to clone it from."""
        provisioned = (await self.project.post("ProvisionRepository", {"name": name})).fact["payload"]
        return await self.read(Repository, provisioned["repositoryId"]), provisioned["remoteUrl"]

    def provided(self, repository: Repository) -> ProviderRepository:
        return self.doors.provider.repository(
            self.project.tenant, self.project.name, repository.handle.external_id
        )

    async def _configure(self, gitops_id: str, programs_id: str) -> None:
        healthz = f"{self.cluster_url}/workloads/{{namespace}}/{{service}}/healthz"
        promoting = {
            "name": ENVIRONMENT,
            "strategies": ["BlueGreen", "Canary"],
            "defaultStrategy": "BlueGreen",
            "canaryWeights": [20],
            "gates": {"http": [{"name": "healthz", "url": healthz}], "timeoutSeconds": 120},
        }
        settings = {
            "switchedOff": list(_SWITCHED_OFF),
            "gitopsRepositoryId": gitops_id,
            "environments": [promoting, *(_provisioned(name, programs_id) for name in PROGRAMS)],
        }
        answer = await self.project.post("ConfigureDelivery", settings)
        assert answer.status == 200, answer.text

    async def _connect(self, remote_url: str) -> None:
        cloud = self.doors.cloud
        await connect_environment(
            self.cluster_url,
            cloud.kubernetes.ready["token"],
            namespace=self.namespace,
            git_url=remote_url,
            git_username="flux",
            git_password=cloud.azure_devops.ready["pat"],
            branch=f"env/{ENVIRONMENT}",
            path="./",
            interval="10m",
            wait=False,
        )

    async def ended(self, instance: str) -> None:
        """Wait until an orchestration has come to its end, which must be its own."""
        path = f"durabletask/instances/{instance}"
        answer = await eventually(
            lambda: self.doors.request("GET", path),
            lambda answer: (
                answer.status == 200 and answer.json["runtimeStatus"] not in ("Running", "Pending")
            ),
        )
        assert answer.json["runtimeStatus"] == "Completed", answer.text

    async def read[A: Aggregate](self, kind: type[A], id: str) -> A:
        found = await self.find(kind, id)
        assert found is not None, f"{kind.kind} {id}"
        return found

    async def find[A: Aggregate](self, kind: type[A], id: str) -> A | None:
        """As it is stored, whether there is a host or not."""
        loaded = await self.store.load(self.partition, kind, id)
        return None if loaded is None else loaded.aggregate


def _provisioned(name: str, repository_id: str) -> Payload:
    source = {"stack": f"shop/{name}", "repositoryId": repository_id, "directory": "infrastructure"}
    return {"name": name, "infrastructure": source}


async def pushed(repository: ProviderRepository, files: Mapping[str, str], change: str = "add") -> str:
    """One commit on top of main's; its id."""
    head = (await repository.branches())["main"]
    changes = [
        {
            "changeType": change,
            "item": {"path": f"/{path}"},
            "newContent": {"content": content, "contentType": "rawtext"},
        }
        for path, content in files.items()
    ]
    body = {
        "refUpdates": [{"name": "refs/heads/main", "oldObjectId": head}],
        "commits": [{"comment": "what is to run", "changes": changes}],
    }
    answer = await repository.call("POST", "pushes", body)
    return str(answer["refUpdates"][0]["newObjectId"])
