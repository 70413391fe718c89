"""Pushes that start runs, and pushes that do not."""

from __future__ import annotations

import pytest

from infra.local.azure_devops.pipelines.model import Trigger
from infra.local.azure_devops.pipelines.triggers import takes
from tests.infra.test_azure_devops.client import ZERO, Json, Project, Repository, add, edit, eventually
from tests.infra.test_azure_devops.pipeline_ground import define

YAML = """
trigger:
  branches: {include: [main, releases/*], exclude: [releases/old/*]}
  paths: {exclude: [docs]}
steps:
- checkout: none
"""


@pytest.mark.parametrize(
    ("trigger", "branch", "changed", "starts"),
    [
        (Trigger(), "any/branch", ["a"], True),
        (Trigger(enabled=False), "main", ["a"], False),
        (Trigger(include_branches=["main"]), "main", ["a"], True),
        (Trigger(include_branches=["refs/heads/main"]), "main", ["a"], True),
        (Trigger(include_branches=["main"]), "topic", ["a"], False),
        (Trigger(include_branches=["releases/*"]), "releases/1/x", ["a"], True),
        (Trigger(include_branches=["*"], exclude_branches=["wip/*"]), "wip/a", ["a"], False),
        (Trigger(exclude_branches=["wip/*"]), "main", ["a"], True),
        (Trigger(include_paths=["src"]), "main", ["src/a/b.py"], True),
        (Trigger(include_paths=["src"]), "main", ["srcs/b.py"], False),
        (Trigger(include_paths=["/src/*"], exclude_paths=["src/gen"]), "main", ["src/gen/b.py"], False),
        (Trigger(exclude_paths=["docs", "*.md"]), "main", ["docs/a.txt", "b.md"], False),
        (Trigger(exclude_paths=["docs"]), "main", ["docs/a.txt", "b.py"], True),
        (Trigger(include_paths=["**/*.py"]), "main", ["a/b/c.py"], True),
        (Trigger(include_paths=["docs/keep"], exclude_paths=["docs"]), "main", ["docs/keep/a"], True),
        (Trigger(include_paths=["src"]), "main", None, True),
    ],
)
def test_branch_and_path_filters_decide(
    trigger: Trigger, branch: str, changed: list[str] | None, starts: bool
) -> None:
    assert takes(trigger, f"refs/heads/{branch}", changed) is starts


async def _builds(project: Project) -> list[Json]:
    found = await project.call("GET", "build/builds?queryOrder=queueTimeAscending")
    return found.value


async def _until(project: Project, count: int) -> list[Json]:
    return await eventually(lambda: _builds(project), lambda builds: len(builds) >= count)


async def _ground(project: Project, repository: Repository) -> str:
    """main with the YAML, and the definition for it made after that push."""
    commit = await repository.commit("main", ZERO, {"/azure-pipelines.yml": YAML, "/a": "1"})
    assert (await define(project, repository)).status == 200
    return commit


async def test_only_a_push_that_the_trigger_takes_starts_a_run(
    project: Project, repository: Repository
) -> None:
    first = await _ground(project, repository)
    # None of these starts a run; the last one does, and nothing came before it.
    second = await repository.commit("main", first, {"/docs/a": "1"})
    await repository.commit("topic", second, {"/b": "1"})
    await repository.commit("releases/old/1", second, {"/b": "1"})
    for name, words in enumerate(("[skip ci] a", "b [CI skip]", "c ***NO_CI***", "[skip azurepipelines]")):
        second = await repository.commit("main", second, {f"/{name}": "1"}, comment=words)
    fixed = await repository.commit("main", second, {"/c": "1"})
    release = await repository.commit("releases/1", fixed, {"/d": "1"})
    builds = await _until(project, 2)
    assert {(build["sourceBranch"], build["sourceVersion"], build["reason"]) for build in builds} == {
        ("refs/heads/main", fixed, "individualCI"),
        ("refs/heads/releases/1", release, "individualCI"),
    }


async def test_the_merge_of_a_pull_request_is_a_push(project: Project, repository: Repository) -> None:
    first = await _ground(project, repository)
    await repository.commit("feature", first, {"/b": "1"})
    pull_request = await repository.pull_request()
    assert (await repository.complete(pull_request)).status == 200
    merged = await repository.until(pull_request["pullRequestId"], lambda pr: pr["status"] == "completed")
    build = (await _until(project, 1))[0]
    assert build["sourceVersion"] == merged["lastMergeCommit"]["commitId"]


async def test_a_disabled_pipeline_and_a_broken_yaml_start_nothing_and_refuse_no_push(
    project: Project, repository: Repository
) -> None:
    first = await _ground(project, repository)
    body = (await project.call("GET", "build/definitions/1")).body
    await project.call("PUT", "build/definitions/1", {**body, "queueStatus": "disabled"})
    second = await repository.commit("main", first, {"/b": "1"})
    await project.call("PUT", "build/definitions/1", {**body, "revision": 2, "queueStatus": "enabled"})
    broken = await repository.push("main", second, edit("/azure-pipelines.yml", "stepss: []\n"))
    assert broken.status == 201
    third = str(broken.body["refUpdates"][0]["newObjectId"])
    mended = await repository.push("main", third, edit("/azure-pipelines.yml", YAML), add("/c", "1"))
    builds = await _until(project, 1)
    assert [build["sourceVersion"] for build in builds] == [mended.body["refUpdates"][0]["newObjectId"]]
