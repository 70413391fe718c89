"""A module on its way through the specification's event flow, all in one trace."""

from collections.abc import Sequence

from domain.devops.delivery.delivery_policy import ReactionSwitch
from domain.kernel.journal import TraceNode
from tests.deployment import sources
from tests.domain.builds import GOOD, Build
from tests.domain.scenarios import (
    ADA,
    GRACE,
    Payload,
    accepted,
    commit_to,
    environment_with_a_branch,
    with_infrastructure,
)
from tests.domain.world import World

TRACE = "trace-of-the-flow"


class Flow:
    """Each command of a person follows from the fact before."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._cause: str | None = None

    async def sent(self, command: str, payload: Payload, *, by: str = ADA) -> Payload:
        """The payload of its fact, with the reactions done."""
        causes = {"trace_id": TRACE, "causation_id": self._cause}
        reply = await self.world.send(command, payload, by=by, **causes)
        assert reply["outcome"] == "accepted", reply
        (event,) = reply["events"]
        self._cause = event["eventId"]
        result: Payload = event["payload"]
        return result

    async def up_to_the_merge(self) -> None:
        repository = await self.sent("ProvisionRepository", {"name": self.world.name("booking")})
        id = repository["repositoryId"]
        branch = {"repositoryId": id, "name": "feature/api", "fromCommitSha": repository["headCommitSha"]}
        await self.sent("CreateBranch", branch)
        written = {"pyproject.toml": "[project]\n", **sources("dev", "test", image=repository["name"])}
        files = [{"path": path, "content": content} for path, content in written.items()]
        await self.sent("CreateCommit", commit_to(id, "feature/api") | {"files": files})
        opened = await self.sent(
            "OpenPullRequest",
            {"repositoryId": id, "sourceBranch": "feature/api", "targetBranch": "main", "title": "API"},
        )
        await self.sent("MergePullRequest", {"pullRequestId": opened["pullRequestId"]})

    async def built(self, build: Build = GOOD) -> Payload:
        (run,) = self.world.pipelines.runs_of(self.world.partition)
        return await self.world.built(run.run_id, build)

    async def an_environment(self, *switched_off: ReactionSwitch) -> None:
        """What was there before the module: an environment that is promoted to automatically, its branch,
        and the program of its infrastructure, which nobody has applied yet."""
        branch = await environment_with_a_branch(self.world)
        settings = {
            "switchedOff": list(switched_off),
            "gitopsRepositoryId": branch["repositoryId"],
            "environments": [await with_infrastructure(self.world, autoPromote=True)],
        }
        await accepted(self.world, "ConfigureDelivery", settings)

    async def approved(self) -> None:
        """The release that was planned by itself; then whatever goes on by itself comes to its end."""
        (planned,) = (node for node in await self.trace() if node.type == "ReleasePlanned")
        self._cause = planned.id
        decision = {"releaseId": planned.details["payload"]["releaseId"], "decision": "Approved"}
        await self.sent("ApproveRelease", decision, by=GRACE)
        await self.world.played()

    async def whole(self, *switched_off: ReactionSwitch) -> None:
        """From the repository to what runs."""
        await self.an_environment(*switched_off)
        await self.up_to_the_merge()
        await self.built()
        await self.approved()

    async def trace(self) -> Sequence[TraceNode]:
        await self.world.dispatcher.drain()
        return await self.world.store.trace(self.world.partition.tenant_id, TRACE)

    async def facts(self) -> list[str]:
        return [node.type for node in await self.trace() if node.scope == "domain"]
