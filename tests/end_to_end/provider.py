"""What others do at Azure DevOps: build servers, reviewers, people who merge by hand; and its faults."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp

from infra.local.cloud import Cloud
from tests.end_to_end.waiting import eventually

type Json = dict[str, Any]


class Provider:
    """The emulator's REST API with the PAT, and its `_local` controls."""

    def __init__(self, cloud: Cloud, session: aiohttp.ClientSession) -> None:
        self._cloud, self._session = cloud, session

    async def call(self, method: str, path: str, body: Any = None, *, version: str | None = "7.1") -> Any:
        """Must succeed; `path` from the root, with the organisation (tenant) first."""
        ready = self._cloud.azure_devops.ready
        joint = "&" if "?" in path else "?"
        url = f"{ready['url']}/{path}" + (f"{joint}api-version={version}" if version else "")
        headers = {"Authorization": aiohttp.encode_basic_auth("", ready["pat"])}
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.ok, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None

    async def faults(self, *rules: Json) -> None:
        await self.call("POST", "_local/faults", list(rules), version=None)

    async def no_faults(self) -> None:
        await self.call("DELETE", "_local/faults", version=None)

    async def deliveries(self, subscriptions: set[str]) -> list[Json]:
        """The hook notifications of these subscriptions, oldest first."""
        found = (await self.call("GET", "_local/deliveries", version=None))["value"]
        return [one for one in found if one["subscriptionId"] in subscriptions]

    def repository(self, tenant: str, project: str, external_id: str) -> "ProviderRepository":
        return ProviderRepository(self, f"{tenant}/{project}/_apis", external_id)

    async def repositories(self, tenant: str, project: str) -> list[Json]:
        found: list[Json] = (await self.call("GET", f"{tenant}/{project}/_apis/git/repositories"))["value"]
        return found


class ProviderRepository:
    """One repository as it is at the provider."""

    def __init__(self, provider: Provider, base: str, id: str) -> None:
        self.provider, self.base, self.id = provider, base, id

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        return await self.provider.call(method, f"{self.base}/git/repositories/{self.id}/{path}", body)

    async def branches(self) -> dict[str, str]:
        found = (await self.call("GET", "refs?filter=heads/"))["value"]
        return {ref["name"].removeprefix("refs/heads/"): ref["objectId"] for ref in found}

    async def commits(self, branch: str) -> list[Json]:
        """Whole commits of a branch, newest first; a listing would cut their messages."""
        query = f"searchCriteria.itemVersion.version={branch}&searchCriteria.$top=1000"
        listed = (await self.call("GET", f"commits?{query}"))["value"]
        return [await self.call("GET", f"commits/{commit['commitId']}") for commit in listed]

    async def pull_requests(self) -> list[Json]:
        found: list[Json] = (await self.call("GET", "pullrequests?searchCriteria.status=all&$top=1000"))[
            "value"
        ]
        return found

    async def pull_request(self, number: int) -> Json:
        found: Json = await self.call("GET", f"pullRequests/{number}")
        return found

    async def report_check(self, number: int, check: str, state: str) -> None:
        """What a build server does at the end of its run."""
        genre, name = check.split("/")
        body = {"state": state, "description": f"build {state}", "context": {"genre": genre, "name": name}}
        await self.call("POST", f"pullRequests/{number}/iterations/1/statuses", body)

    async def vote(self, number: int, reviewer: str, vote: int) -> None:
        """A reviewer's vote; `reviewer` is a GUID."""
        await self.call("PUT", f"pullRequests/{number}/reviewers/{reviewer}", {"vote": vote})

    async def abandon(self, number: int) -> None:
        await self.call("PATCH", f"pullRequests/{number}", {"status": "abandoned"})

    async def open(self, source: str, target: str, title: str) -> int:
        """Open a pull request by hand; its number."""
        body = {
            "sourceRefName": f"refs/heads/{source}",
            "targetRefName": f"refs/heads/{target}",
            "title": title,
        }
        return int((await self.call("POST", "pullrequests", body))["pullRequestId"])

    async def complete(self, number: int) -> str:
        """Merge by hand; the merge commit's id."""
        # The branch's policies have their say a moment after the checks.
        pull_request = await self.until(number, lambda found: bool(found["mergeStatus"] == "succeeded"))
        body = {
            "status": "completed",
            "lastMergeSourceCommit": pull_request["lastMergeSourceCommit"],
            "completionOptions": {"mergeStrategy": "noFastForward"},
        }
        await self.call("PATCH", f"pullRequests/{number}", body)
        done = await self.until(number, lambda found: bool(found["status"] == "completed"))
        return str(done["lastMergeCommit"]["commitId"])

    async def push(self, branch: str, path: str, content: str) -> str:
        """A file added on top of a branch by somebody else; the new head."""
        head = (await self.branches())[branch]
        change = {
            "changeType": "add",
            "item": {"path": path},
            "newContent": {"content": content, "contentType": "rawtext"},
        }
        body = {
            "refUpdates": [{"name": f"refs/heads/{branch}", "oldObjectId": head}],
            "commits": [{"comment": f"add {path}", "changes": [change]}],
        }
        return str((await self.call("POST", "pushes", body))["refUpdates"][0]["newObjectId"])

    async def until(self, number: int, holds: Callable[[Json], bool], within: float = 10) -> Json:
        """The pull request once it holds: merging is asynchronous and nothing tells of its end but a hook."""
        return await eventually(lambda: self.pull_request(number), holds, within)
