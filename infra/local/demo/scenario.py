"""The delivery itself, step by step: each step says what it does, does it through a front door, checks it."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from infra.local.demo.client import Client, Unexpected
from infra.local.demo.source import changes, files_of

CHECK = "ci/build"
QUEUE = "devops.source-control.open-pull-request"

type Say = Callable[[str], None]


class Scenario:
    """One repository from provisioning to a proven merge. `say` tells the person what just happened."""

    def __init__(self, client: Client, session: aiohttp.ClientSession, source: Path, say: Say) -> None:
        self.client, self._session, self._source, self._say = client, session, source, say

    async def run(self, provisioned: dict[str, Any]) -> dict[str, Any]:
        """Answers the merged fact with the repository's address. Raises `Unexpected`."""
        commit = await self._commit(provisioned)
        opened = await self._open(provisioned, commit)
        await self._refused(opened)
        merged = await self._merge(opened)
        return {**merged, "remoteUrl": provisioned["payload"]["remoteUrl"]}

    async def provision(self) -> dict[str, Any]:
        """The repository of the module."""
        fact: dict[str, Any] = await self.client.accepted(
            "provision-repository",
            {"name": "reservations-api", "protection": {"requiredChecks": [CHECK]}},
            key="provision",
        )
        again = await self.client.accepted(
            "provision-repository",
            {"name": "reservations-api", "protection": {"requiredChecks": [CHECK]}},
            key="provision",
        )
        if again != fact:
            raise Unexpected("the same Idempotency-Key was answered with another fact")
        self._say(f"ProvisionRepository over HTTP, twice with one key: one {fact['eventType']}")
        return fact

    async def _commit(self, provisioned: dict[str, Any]) -> dict[str, Any]:
        repository = provisioned["payload"]
        branch: dict[str, Any] = await self.client.accepted(
            "create-branch",
            {
                "repositoryId": repository["repositoryId"],
                "name": "feature/first-service",
                "fromCommitSha": repository["headCommitSha"],
            },
            key="branch",
            cause=provisioned["eventId"],
        )
        self._say(f"CreateBranch over HTTP: {branch['payload']['name']}")
        files = files_of(self._source)
        fact = branch
        for number, batch in enumerate(changes(self._source, files)):
            # The repository came with a README; a folder that has its own replaces it.
            for file in batch:
                if file["path"] == "README.md":
                    file["operation"] = "edit"
            fact = await self.client.accepted(
                "create-commit",
                {
                    "repositoryId": repository["repositoryId"],
                    "branch": branch["payload"]["name"],
                    "message": f"Add {self._source.name} ({len(batch)} files)",
                    "artifactId": f"artifact-{self._source.name}",
                    "files": batch,
                },
                key=f"commit-{number}",
                cause=fact["eventId"],
            )
            self._say(f"CreateCommit over HTTP: {len(batch)} files, {fact['payload']['sha'][:10]}")
        return fact

    async def _open(self, provisioned: dict[str, Any], commit: dict[str, Any]) -> dict[str, Any]:
        payload = {
            "repositoryId": provisioned["payload"]["repositoryId"],
            "sourceBranch": commit["payload"]["branch"],
            "targetBranch": provisioned["payload"]["defaultBranch"],
            "title": "The first version of the service",
        }
        await self.client.send(QUEUE, "OpenPullRequest", payload, cause=commit["eventId"])
        fact = await self.client.fact("PullRequestOpened")
        self._say(f"OpenPullRequest over Service Bus: number {fact['payload']['number']} is open")
        return fact

    async def _refused(self, opened: dict[str, Any]) -> None:
        pull_request = opened["payload"]
        await self.report_check(pull_request, "failed")
        status, body = await self.client.command(
            "merge-pull-request",
            {"pullRequestId": pull_request["pullRequestId"]},
            key="merge-while-red",
            cause=opened["eventId"],
        )
        if status != 409 or CHECK not in body["detail"]:
            raise Unexpected(f"a merge with a failed check was answered {status}: {body}")
        self._say(f'{CHECK} fails. MergePullRequest over HTTP is refused: "{body["detail"]}"')

    async def _merge(self, opened: dict[str, Any]) -> dict[str, Any]:
        pull_request = opened["payload"]
        await self.report_check(pull_request, "succeeded")
        await self._until_checks_passed(pull_request["pullRequestId"])
        self._say(f"{CHECK} passes; a service hook told the platform, which read the checks again")
        await self.client.accepted(
            "merge-pull-request",
            {"pullRequestId": pull_request["pullRequestId"]},
            key="merge",
            cause=opened["eventId"],
        )
        fact = await self.client.fact("PullRequestMerged")
        self._say(f"MergePullRequest over HTTP: {fact['payload']['mergeCommitSha'][:10]} on main")
        return fact

    async def report_check(self, pull_request: dict[str, Any], state: str) -> None:
        """What a build server does: post the status of its check at the provider."""
        azure_devops = self.client.cloud.azure_devops.ready
        view = await self.client.get(
            f"projects/{self.client.delivery.project}/repositories/{pull_request['repositoryId']}"
        )
        genre, name = CHECK.split("/")
        delivery = self.client.delivery
        async with self._session.post(
            f"{azure_devops['url']}/{delivery.tenant}/{delivery.project}/_apis/git/repositories/"
            f"{view['externalId']}/pullRequests/{pull_request['number']}/iterations/1/statuses",
            params={"api-version": "7.1"},
            headers={"Authorization": aiohttp.encode_basic_auth("", azure_devops["pat"])},
            json={"state": state, "description": f"build {state}", "context": {"genre": genre, "name": name}},
        ) as answer:
            if not answer.ok:
                raise Unexpected(f"posting a status was answered {answer.status}: {await answer.text()}")

    async def _until_checks_passed(self, pull_request_id: str, within: float = 30) -> None:
        deadline = time.monotonic() + within
        while True:
            view = await self.client.get(
                f"projects/{self.client.delivery.project}/pull-requests/{pull_request_id}"
            )
            checks = {check["name"]: check["state"] for check in view["checks"]}
            policies = [result["status"] for result in view["policyEvaluation"]["results"]]
            if checks.get(CHECK) == "succeeded" and policies and set(policies) <= {"approved"}:
                return
            if time.monotonic() > deadline:
                raise Unexpected(f"the platform never saw {CHECK} pass: {checks}, {policies}")
            await asyncio.sleep(0.1)


def verify_clone(remote_url: str, pat: str, sha: str, source: Path, into: Path) -> int:
    """A real `git clone` at the merge commit holds the folder's files, byte for byte; answers how many."""
    address = remote_url.replace("http://", f"http://demo:{pat}@", 1)
    for arguments in (["clone", "-q", address, str(into)], ["-C", str(into), "checkout", "-q", sha]):
        done = subprocess.run(
            ["git", "-c", "core.autocrlf=false", *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Unexpected(f"git {arguments[0]} failed: {done.stderr}")
    files = files_of(source)
    for path in files:
        if not (into / path).is_file() or (into / path).read_bytes() != (source / path).read_bytes():
            raise Unexpected(f"the clone does not hold {path} as it was committed")
    return len(files)
