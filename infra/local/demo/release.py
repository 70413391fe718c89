"""From the merge to an approved release: what the platform does by itself, and what only persons may."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from infra.local.demo.client import Client, Refused, Unexpected

type Say = Callable[[str], None]
type Fact = dict[str, Any]

# Seconds; a run executes what the folder's own tests do.
LONGEST_RUN = 900.0


APPROVED = {
    "PipelineGenerated",
    "PipelineRunStarted",
    "BuildCompleted",
    "PackagePublished",
    "ContainerImageBuilt",
    "ReleasePlanned",
    "ReleaseApproved",
}


class Release:
    """What follows from a merge. `tell` says what is being waited for."""

    def __init__(self, client: Client, report_check: Callable[..., Any], say: Say, tell: Say) -> None:
        self.client, self._report_check, self._say, self._tell = client, report_check, say, tell

    async def run(self, merged: Fact) -> tuple[set[str], Fact | None]:
        """Answers the facts that must be in the trace, and the build whose release is approved. Raises
        `Unexpected`."""
        try:
            await self._pipeline(merged)
            build = await self._build()
        except Refused as refused:
            self._say(f'the platform itself refuses {refused.command}: "{refused.reason}"')
            return set(), None
        if not await self._is_good(build):
            return {"PipelineGenerated", "PipelineRunStarted", "BuildCompleted"}, None
        await self._approve(build)
        return APPROVED, build

    async def _pipeline(self, merged: Fact) -> None:
        """`main` is protected, so the YAML goes in by a pull request of the platform's own."""
        reported: set[str] = set()

        async def report() -> None:
            # The build server reports on every pull request, on the platform's like on any other.
            page = await self.client.view("pull-requests")
            for one in page["items"]:
                if one["status"] == "Open" and one["pullRequestId"] not in reported:
                    reported.add(one["pullRequestId"])
                    self._say(f'the platform opens pull request {one["number"]}: "{one["title"]}"')
                    await self._report_check(one, "succeeded")
                    self._tell("waiting for its checks; then it completes by itself")

        self._tell("waiting for the platform to generate the module's pipeline")
        fact = await self.client.following("PipelineGenerated", ("GeneratePipeline",), 60, report)
        generated = fact["payload"]
        self._say(
            f"PipelineGenerated: {generated['definitionPath']} for a {generated['moduleType']}, "
            f"templates {generated['templateVersion']}, on main at {generated['commitSha'][:10]}"
        )

    async def _build(self) -> Fact:
        self._tell("waiting for the pipeline to run")
        started = await self.client.following("PipelineRunStarted", ("RunPipeline",), 60, _nothing)
        run = started["payload"]
        self._say(f"PipelineRunStarted: run {run['buildNumber']} of {run['commitSha'][:10]}")

        async def progress() -> None:
            view = await self.client.view(f"pipeline-runs/{run['pipelineRunId']}")
            stages = ", ".join(
                f"{stage['name']} {stage['result'] or stage['state']}" for stage in view["stages"]
            )
            self._tell(f"run {view['buildNumber']} is {view['status']}: {stages or 'it waits for an agent'}")

        return await self.client.following("BuildCompleted", (), LONGEST_RUN, progress)

    async def _is_good(self, completed: Fact) -> bool:
        build = completed["payload"]
        coverage = "none measured" if build["coverage"] is None else f"{build['coverage']:.1f} %"
        self._say(
            f"BuildCompleted: {build['status']}, {build['testsPassed']} tests passed, "
            f"{build['testsFailed']} failed, coverage {coverage}"
        )
        if build["status"] == "Succeeded" and not build["testsFailed"]:
            return True
        status, body = await self.client.command(
            "plan-release",
            {"buildResultId": build["buildResultId"]},
            key="plan",
            cause=completed["eventId"],
        )
        if status != 409:
            raise Unexpected(f"PlanRelease of a failed build was answered {status}: {body}")
        self._say(f'PlanRelease over HTTP is refused: "{body["detail"]}"')
        log = await self.client.view(f"builds/{build['buildResultId']}")
        self._say(f"the run's log is kept: {log['logsUri']}")
        return False

    async def _approve(self, completed: Fact) -> None:
        self._tell("waiting for the release of the build to be planned")
        planned = await self.client.following("ReleasePlanned", ("PlanRelease",), 60, _nothing)
        release = planned["payload"]
        self._say(
            f"ReleasePlanned: {release['version']} for {release['targetEnvironment']}, "
            f"{release['strategy']}, {release['requiredApprovals']} approval needed"
        )
        await self._say_readiness(release["releaseId"])
        payload = {"releaseId": release["releaseId"], "comment": "Tests and scan are green."}
        status, body = await self.client.command(
            "approve-release", payload, key="approve-own", cause=planned["eventId"], by="ada"
        )
        if status != 409 or "approver must differ from the planning identity" not in body["detail"]:
            raise Unexpected(f"the planner's own approval was answered {status}: {body}")
        self._say(f'ApproveRelease by ada, whose merge it follows from, is refused: "{body["detail"]}"')
        await self.client.accepted(
            "approve-release", payload, key="approve", cause=planned["eventId"], by="grace"
        )
        await self.client.fact("ReleaseApproved")
        self._say("ApproveRelease by grace: ReleaseApproved")
        await self._until_ready(release["releaseId"])

    async def _until_ready(self, release_id: str, within: float = 90) -> None:
        """The scanner takes its time; a timer of the platform asks it again."""
        self._tell("waiting for the image's vulnerability scan to be seen")
        deadline = time.monotonic() + within
        while unmet := (await self._readiness(release_id))["unmet"]:
            if time.monotonic() > deadline:
                raise Unexpected(f"the release is still not promotable: {unmet}")
            await asyncio.sleep(0.5)
        self._say("readiness: nothing stands in the way of its promotion")

    async def _say_readiness(self, release_id: str) -> None:
        unmet = (await self._readiness(release_id))["unmet"]
        self._say(f"why is it not promotable? {'; '.join(one['sentence'] for one in unmet)}")

    async def _readiness(self, release_id: str) -> Any:
        return await self.client.view(f"releases/{release_id}/readiness")


async def _nothing() -> None:
    """Nothing to do while waiting."""
