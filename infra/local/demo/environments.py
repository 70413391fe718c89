"""What a project needs before it promotes: a GitOps repository, an infrastructure program, environments with
their agents, and the policy that says how releases get there. An operator does this once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from infra.local.demo.client import Client, Unexpected
from infra.local.demo.source import changes, files_of
from infra.local.kubernetes.bootstrap import connect_environment

PROGRAMS = Path(__file__).with_name("infrastructure")
PATH = ("dev", "test", "staging", "prod")

type Say = Callable[[str], None]
type Json = dict[str, Any]


class Environments:
    """dev rolls, test switches from blue to green, staging widens a canary, prod waits for a person."""

    def __init__(self, client: Client, say: Say) -> None:
        self.client, self._say = client, say

    async def prepare(self, provisioned: Json) -> None:
        """Raises `Unexpected`."""
        gitops = await self._repository("environments", provisioned)
        programs = await self._repository("infrastructure", provisioned)
        await self._program(programs)
        await self._configure(gitops, programs["payload"])
        await asyncio.gather(*(self._connect(name, gitops["payload"]["remoteUrl"]) for name in PATH))
        self._say(f"Flux follows a branch each of the GitOps repository for {', '.join(PATH)}")

    async def _repository(self, name: str, provisioned: Json) -> Json:
        fact: Json = await self.client.accepted(
            "provision-repository", {"name": name}, key=f"provision-{name}", cause=provisioned["eventId"]
        )
        return fact

    async def _program(self, repository: Json) -> None:
        about = repository["payload"]
        await self.client.branch(about["repositoryId"], about["defaultBranch"])
        for batch in changes(PROGRAMS, files_of(PROGRAMS)):
            await self.client.accepted(
                "create-commit",
                {
                    "repositoryId": about["repositoryId"],
                    "branch": about["defaultBranch"],
                    "message": "Declare what an environment needs",
                    "artifactId": "artifact-infrastructure",
                    "files": batch,
                },
                key="commit-infrastructure",
                cause=repository["eventId"],
            )

    async def _configure(self, gitops: Json, programs: Json) -> None:
        policy = {
            "gitopsRepositoryId": gitops["payload"]["repositoryId"],
            "environments": [self._environment(name, programs) for name in PATH],
        }
        status, body = await self.client.command(
            "configure-delivery", policy, key="configure", cause=gitops["eventId"], by="olga"
        )
        if status != 200:
            raise Unexpected(f"ConfigureDelivery was answered {status}: {body}")
        self._say("ConfigureDelivery by olga: dev → test → staging → prod, their strategies and health gates")

    def _environment(self, name: str, programs: Json) -> Json:
        cluster = self.client.cluster_url
        gates: Json = {
            "http": [
                {"name": "healthz", "url": f"{cluster}/workloads/{{namespace}}/{{service}}/healthz"},
            ],
            "timeoutSeconds": 60,
        }
        own: dict[str, Json] = {
            "dev": {
                "autoPromote": True,
                "infrastructure": {
                    "stack": "reservations/dev",
                    "repositoryId": programs["repositoryId"],
                    "directory": "environments",
                },
            },
            "test": {"strategies": ["BlueGreen"], "defaultStrategy": "BlueGreen", "autoPromote": True},
            "staging": {
                "strategies": ["Canary"],
                "defaultStrategy": "Canary",
                "canaryWeights": [10, 50],
                "autoPromote": True,
            },
            "prod": {"strategies": ["BlueGreen", "Canary"], "defaultStrategy": "BlueGreen"},
        }
        if name == "staging":
            gates["metrics"] = [
                {
                    "name": "error rate",
                    "query": 'error_rate{namespace="{namespace}",service="{service}"}',
                    "comparison": "AtMost",
                    "threshold": 0.05,
                }
            ]
            gates["soakSeconds"] = 1
        return {"name": name, "gates": gates, **own[name]}

    async def _connect(self, name: str, remote_url: str) -> None:
        """What `flux bootstrap` would do in the environment's cluster."""
        delivery, cloud = self.client.delivery, self.client.cloud
        await connect_environment(
            cloud.kubernetes.ready["url"],
            cloud.kubernetes.ready["token"],
            namespace=environment_namespace(Partition(delivery.tenant, delivery.project), name),
            git_url=remote_url,
            git_username="flux",
            git_password=cloud.azure_devops.ready["pat"],
            branch=f"env/{name}",
            path="./",
            interval="10m",
            wait=False,
        )
