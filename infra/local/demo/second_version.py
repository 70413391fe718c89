"""A second version that turns bad under load: it fails its gate, and staging goes back by itself."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from infra.local.demo.client import Client, Unexpected
from infra.local.demo.promotion import Promotion

type Say = Callable[[str], None]
type Json = dict[str, Any]

BRANCH = "feature/faster-booking"


class SecondVersion:
    """`report_check` is what a build server does at the provider."""

    def __init__(
        self,
        client: Client,
        promotion: Promotion,
        report_check: Callable[..., Any],
        say: Say,
        tell: Say,
    ) -> None:
        self.client, self._promotion, self._report_check = client, promotion, report_check
        self._say, self._tell = say, tell

    async def run(self, merged: Json, good: str) -> str:
        """`good` is the version that everything else runs; answers the commit that staging is back at. Raises
        `Unexpected`."""
        merge = await self._merge(merged)
        build = await self._build(merge["payload"]["mergeCommitSha"])
        bad = await self._promotion.planned_for(build["payload"], "staging", "second", build["eventId"])
        for environment in ("dev", "test"):
            await self._promotion.completed(bad["version"], environment)
        return await self._fails_in_staging(bad["version"], good)

    async def _merge(self, merged: Json) -> Json:
        repository = {"repositoryId": merged["payload"]["repositoryId"]}
        branch = await self.client.accepted(
            "create-branch",
            {**repository, "name": BRANCH, "fromCommitSha": await self._head(repository["repositoryId"])},
            key="second-branch",
            cause=merged["eventId"],
        )
        commit = await self.client.accepted(
            "create-commit",
            {
                **repository,
                "branch": BRANCH,
                "message": "Book without looking twice",
                "artifactId": "artifact-faster-booking",
                "files": [
                    {
                        "path": "docs/faster.md",
                        "operation": "add",
                        "content": "# Faster\n",
                        "encoding": "utf-8",
                    }
                ],
            },
            key="second-commit",
            cause=branch["eventId"],
        )
        opened = await self.client.accepted(
            "open-pull-request",
            {**repository, "sourceBranch": BRANCH, "targetBranch": "main", "title": "Faster booking"},
            key="second-open",
            cause=commit["eventId"],
        )
        await self._report_check(opened["payload"], "succeeded")
        return await self._merged(opened)

    async def _merged(self, opened: Json) -> Json:
        """Its policies are evaluated a moment later."""
        deadline = time.monotonic() + 60
        for attempt in range(10_000):
            status, body = await self.client.command(
                "merge-pull-request",
                {"pullRequestId": opened["payload"]["pullRequestId"]},
                key=f"second-merge-{attempt}",
                cause=opened["eventId"],
            )
            if status == 200:
                fact: Json = body["events"][0]
                self._say(f"a second version is merged: {fact['payload']['mergeCommitSha'][:10]}")
                return fact
            if time.monotonic() > deadline:
                raise Unexpected(f"MergePullRequest was answered {status}: {body}")
            await asyncio.sleep(0.3)
        raise AssertionError("unreachable")

    async def _head(self, repository_id: str) -> str:
        branch = await self.client.branch(repository_id, "main")
        return str(branch["headCommitSha"])

    async def _build(self, sha: str) -> Json:
        """The pipeline's own trigger builds what was merged."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            fact = await self.client.fact("BuildCompleted")
            if fact["payload"]["commitSha"] == sha:
                build = fact["payload"]
                self._say(f"BuildCompleted: {build['status']}, {build['testsPassed']} tests passed")
                return fact
            self._tell(f"waiting for the pipeline's own trigger to build {sha[:10]}")
            await asyncio.sleep(0.3)
        raise Unexpected(f"{sha} was not built")

    async def _fails_in_staging(self, bad: str, good: str) -> str:
        told = False

        async def turn_bad(promotion: Json) -> None:
            """Under a tenth of the traffic all is well; under half of it the errors begin."""
            nonlocal told
            at = next((step for step in promotion["steps"] if step["status"] != "Passed"), None)
            if told or at is None or at["name"] != "Widen":
                return
            told = True
            await self.client.mark_image(await self.client.image_digest(bad), errorRate=0.4)
            self._say(f"staging, {bad}: the canary passed at 10 %; at 50 % it begins to answer with errors")

        promotion = await self._promotion.followed(bad, "staging", turn_bad)
        if promotion["status"] != "Failed" or promotion["rollback"]["confirmedAt"] is None:
            raise Unexpected(f"the broken version is {promotion['status']} in staging: {promotion['reason']}")
        self._say(f'the promotion to staging Failed: "{promotion["reason"]}"')
        view = await self.client.view("environments/staging")
        (module,) = view["modules"]
        commit: str = promotion["rollback"]["commitSha"]
        if module["verified"]["version"] != good or module["commitSha"] != commit:
            raise Unexpected(f"staging was not rolled back to {good}: {module}")
        self._say(f"staging went back to {good} by itself: Git at {commit[:10]}, and what runs with it")
        return commit
