"""What promotions have left outside: each stage once in Git, each fact once on the topic, nothing behind."""

import asyncio
from collections import Counter
from typing import Any

from azure.storage.blob.aio import ContainerClient

from adapters.azure_devops.marks import operation_of
from adapters.blob_names import blob_prefix
from adapters.blob_storage import CONTAINER
from domain.kernel.values import derived_id
from tests.end_to_end.consumer import Received, assert_no_gap, assert_repeats_are_identical
from tests.end_to_end.promoting_project import ENVIRONMENT
from tests.end_to_end.promotions import Promotions, Release

type Json = dict[str, Any]


class Verdict:
    """Over all promotions of a project. `tokens` are what its agent was asked to reconcile with, in order."""

    def __init__(self, promotions: Promotions, tokens: list[str]) -> None:
        self._promotions, self._tokens = promotions, tokens
        self._views: dict[str, Json] = {}

    async def reached(self, bad: set[str]) -> int:
        """Every promotion has come to its end, those of bad releases to a confirmed way back. Answers how
        many commits that makes, none of them made twice."""
        failing = {id for id, release in self._promotions.known.items() if release.id in bad}
        for id in self._promotions.known:
            view = self._views[id] = await self._promotions.over(id)
            if id in failing:
                assert view["status"] == "Failed" and view["rollback"]["confirmedAt"], view
            else:
                assert view["status"] == "Completed", f"{view['status']}: {view['reason']}"
        commits = await self._promotions.commits()
        self._in_git(commits)
        self._reconciled(commits)
        await asyncio.gather(self._published(failing), self._rendered(), self._given_back())
        return len(commits)

    def _in_git(self, commits: list[Json]) -> None:
        """One commit for each stage that was begun, and one for each way back."""
        found = Counter(str(one["comment"]).partition("\n")[0].partition(" back to ")[0] for one in commits)
        wanted = {
            f"Promote {release.module_id} {release.version} to {ENVIRONMENT}: {stage['name']}": 1
            for id, release in self._promotions.known.items()
            for stage in self._views[id]["steps"]
            if stage["commitSha"] is not None
        }
        for id, release in self._promotions.known.items():
            if self._views[id]["rollback"]:
                wanted[f"Roll {release.module_id} in {ENVIRONMENT}"] = 1
        assert found == wanted, (found - Counter(wanted), Counter(wanted) - found)
        shas = {one["commitId"] for one in commits}
        assert all(stage["commitSha"] in shas | {None} for v in self._views.values() for stage in v["steps"])
        for release in self._promotions.known.values():
            added = [one for one in commits if _adds_manifest(one, release)]
            assert len(added) == 1, f"{release}: {[one['comment'] for one in added]}"

    def _reconciled(self, commits: list[Json]) -> None:
        """Whatever the agent was asked for, it was asked with the token of the command behind a commit."""
        marks = Counter(operation_of(one["comment"]) for one in commits)
        # It was decided on by a head that another module's commit may have come on top of.
        heads = {sha for one in commits for sha in (one["commitId"], *one["parents"])}
        behind = {
            token: sum(marks[derived_id("commit", token, head)] for head in heads) for token in self._tokens
        }
        assert set(behind.values()) == {1}, behind
        assert len(behind) == len(commits), "a stage was never reconciled"

    async def _published(self, failing: set[str]) -> None:
        consumer, tenant = self._promotions.doors.consumer, self._promotions.project.tenant
        known = self._promotions.known
        wanted = Counter(("DeploymentManifestRendered", release.id) for release in known.values())
        for id, release in known.items():
            back = self._views[id]["rollback"]["releaseId"] if id in failing else None
            wanted["DeploymentPromoted", back or release.id] += 1
        found = await consumer.until(tenant, lambda messages: _facts(messages).total() >= wanted.total())
        assert _facts(found) == wanted, (_facts(found) - wanted, wanted - _facts(found))
        assert_repeats_are_identical(found)
        assert_no_gap(found)

    async def _rendered(self) -> None:
        """One blob for each manifest."""
        storage = self._promotions.doors.cloud.settings["PlatformStorage"]
        prefix = blob_prefix(self._promotions.partition) + "manifests/"
        async with ContainerClient.from_connection_string(storage, CONTAINER) as container:
            names = [blob.name async for blob in container.list_blobs(name_starts_with=prefix)]
        wanted = {f"{prefix}{view['manifestId']}.yaml" for view in self._views.values()}
        assert sorted(names) == sorted(wanted) and len(wanted) == len(self._views)

    async def _given_back(self) -> None:
        """Nobody holds a target or waits for one, and every orchestration has ended by itself."""
        environment = (await self._promotions.project.get(f"environments/{ENVIRONMENT}")).json
        assert {one["moduleId"] for one in environment["modules"]} == {
            release.module_id for release in self._promotions.known.values()
        }
        for one in environment["modules"]:
            assert (one["promotionId"], one["queue"]) == (None, []), one
        for id in self._promotions.known:
            await self._promotions.ended(id)


def _adds_manifest(commit: Json, release: Release) -> bool:
    subject = str(commit["comment"]).partition("\n")[0]
    if not subject.startswith(f"Promote {release.module_id} {release.version} to "):
        return False
    added = [change for change in commit["changes"] if change["changeType"] == "add"]
    return any(change["item"]["path"].endswith("/manifest.yaml") for change in added)


def _facts(messages: list[Received] | Any) -> Counter[tuple[str, str]]:
    """Type and release of each fact, however often its message came."""
    facts = {m.message_id: m for m in messages if m.about["cs-scope"] == "domain"}
    kinds = ("DeploymentManifestRendered", "DeploymentPromoted")
    return Counter(
        (str(fact.about["cs-event-type"]), str(fact.envelope.payload["releaseId"]))
        for fact in facts.values()
        if fact.about["cs-event-type"] in kinds
    )
