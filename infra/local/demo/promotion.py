"""From an approved release to converged environments, down the path."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from infra.local.demo.client import Client, Unexpected

type Say = Callable[[str], None]
type Json = dict[str, Any]

LONGEST = 180.0
"""Seconds that one promotion may take."""

OVER = ("Completed", "Failed", "Errored", "Canceled")


class Promotion:
    """Follows promotions. `tell` says what is being waited for."""

    def __init__(self, client: Client, say: Say, tell: Say) -> None:
        self.client, self._say, self._tell = client, say, tell

    async def provisioned(self) -> None:
        """The infrastructure that the approval set off."""

        async def progress() -> None:
            plans = (await self.client.view("infrastructure-plans"))["items"]
            states = ", ".join(f"{plan['environment']} is {plan['status']}" for plan in plans)
            self._tell(f"infrastructure of {states or 'dev is about to be previewed'}")

        fact = await self.client.following(
            "InfrastructureProvisioned", ("ProvisionInfrastructure",), LONGEST, progress
        )
        plan = await self.client.view(f"infrastructure-plans/{fact['payload']['infrastructurePlanId']}")
        summary = plan["previewSummary"]
        self._say(
            f"InfrastructureProvisioned: {plan['stack']} previewed and applied as previewed"
            f" ({summary['create']} created; plan {plan['planHash'][:10]})"
        )

    async def completed(self, version: str, environment: str) -> Json:
        """The promotion that brought the version there. Raises `Unexpected`."""
        promotion = await self.followed(version, environment)
        if promotion["status"] != "Completed":
            raise Unexpected(f"promotion to {environment} is {promotion['status']}: {promotion['reason']}")
        steps = " → ".join(_step(step) for step in promotion["steps"])
        gates = len(promotion["gateResults"])
        self._say(
            f"DeploymentPromoted: {version} is in {environment} by {promotion['strategy']}:"
            f" {steps}; {gates} gate results"
        )
        return promotion

    async def followed(
        self, version: str, environment: str, between: Callable[[Json], Any] | None = None
    ) -> Json:
        """A promotion until it is over; tells what it waits for meanwhile."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            promotion = await self._find(version, environment)
            if promotion is not None and promotion["status"] in OVER:
                return promotion
            self._tell(_state(version, environment, promotion))
            if promotion is not None and between is not None:
                await between(promotion)
            await asyncio.sleep(0.2)
        raise Unexpected(f"the promotion of {version} to {environment} took longer than {LONGEST:g} s")

    async def _find(self, version: str, environment: str) -> Json | None:
        page = await self.client.view("promotions?size=200")
        fitting = [
            one for one in page["items"] if one["version"] == version and one["toEnvironment"] == environment
        ]
        return fitting[0] if fitting else None

    async def planned_for(self, build: Json, environment: str, key: str, cause: str) -> Json:
        """Plan by ada, approval by grace; the approved release."""
        planned = await self.client.accepted(
            "plan-release",
            {"buildResultId": build["buildResultId"], "targetEnvironment": environment},
            key=f"plan-{key}",
            cause=cause,
        )
        release: Json = planned["payload"]
        await self.client.accepted(
            "approve-release",
            {"releaseId": release["releaseId"], "comment": f"Ready for {environment}."},
            key=f"approve-{key}",
            cause=planned["eventId"],
            by="grace",
        )
        self._say(f"PlanRelease by ada, ApproveRelease by grace: {release['version']} for {environment}")
        return release

    async def promote(self, release: Json, key: str, cause: str) -> None:
        """By hand, where nobody promotes automatically."""
        status, body = await self.client.command(
            "promote-deployment", {"releaseId": release["releaseId"]}, key=f"promote-{key}", cause=cause
        )
        if status != 202:
            raise Unexpected(f"PromoteDeployment was answered {status}: {body}")
        self._say(f"PromoteDeployment by ada over HTTP: 202, {body['statusUrl'].rpartition('/api/')[2]}")

    async def synced(self, environment: str, commit_sha: str) -> None:
        """Git and environment agree on this commit."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            view = await self.client.view(f"environments/{environment}")
            sync = view["sync"] or {}
            if sync.get("syncStatus") == "Synced" and sync["appliedCommitSha"] == commit_sha:
                self._say(
                    f"GitOpsSynced: {environment} runs {sync['appliedCommitSha'][:10]},"
                    f" the head of env/{environment}"
                )
                return
            self._tell(f"waiting for {environment} to be found in sync")
            await asyncio.sleep(0.3)
        raise Unexpected(f"{environment} was never found in sync at {commit_sha}: {view['sync']}")

    async def serves(self, environment: str, image_digest: str) -> None:
        """What really answers there. Raises `Unexpected`."""
        delivery = self.client.delivery
        namespace = environment_namespace(Partition(delivery.tenant, delivery.project), environment)
        served = await self.client.ask(f"{self.client.cluster_url}/routes/{namespace}/reservations-api/")
        if image_digest not in served["image"]:
            raise Unexpected(f"{environment} serves {served['image']}, not {image_digest}")
        self._say(f"a request to {environment} is answered by {served['pod']}: {image_digest[:19]}...")


def _step(step: Json) -> str:
    shares = {slot["name"]: slot["weight"] for slot in step["arrangement"]["slots"]}
    weight = shares.get(step["candidate"])
    return step["name"] if weight in (None, 100) else f"{step['name']} {weight} %"


def _state(version: str, environment: str, promotion: Json | None) -> str:
    if promotion is None:
        return f"waiting for the promotion of {version} to {environment}"
    waiting = promotion["waitingFor"]
    if waiting is not None:
        return f"{environment} waits for {waiting['what']}: {waiting['sentence']}"
    at = next((step for step in promotion["steps"] if step["status"] != "Passed"), None)
    step = f", {at['name']} is {at['status']}" if at is not None else ""
    unclear = [one["sentence"] for one in promotion["gateResults"] if one["outcome"] == "Inconclusive"]
    why = f" ({unclear[-1]})" if unclear and at is not None else ""
    return f"{version} to {environment} is {promotion['status']}{step}{why}"
