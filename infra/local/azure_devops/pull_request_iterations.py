"""Iterations of a pull request, one for each push to its source branch, and its commits."""

from __future__ import annotations

from infra.local.azure_devops import git_objects
from infra.local.azure_devops.commits import render_commit
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import not_found
from infra.local.azure_devops.pull_request_writes import ONE
from infra.local.azure_devops.pull_requests import pull_request_of
from infra.local.azure_devops.repositories import repository_by_id
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json


def iteration_of(call: Call, pull_request: Json) -> Json:
    for iteration in pull_request["iterations"]:
        if str(iteration["id"]) == call.params["iteration"]:
            found: Json = iteration
            return found
    raise not_found(
        "GitPullRequestIterationNotFoundException",
        f"TF401210: The iteration {call.params['iteration']} does not exist.",
    )


async def _render_iteration(emulator: Emulator, pull_request: Json, iteration: Json) -> Json:
    source, target = iteration["source"], iteration["target"]
    common = await emulator.git.run(pull_request["repositoryId"], "merge-base", source, target, expect=(0, 1))
    return {
        "id": iteration["id"],
        "description": "",
        "author": pull_request["createdBy"],
        "createdDate": iteration["createdDate"],
        "updatedDate": iteration["updatedDate"],
        "sourceRefCommit": {"commitId": source},
        "targetRefCommit": {"commitId": target},
        "commonRefCommit": {"commitId": common.text or target},
        "hasMoreCommits": False,
        "reason": iteration["reason"],
    }


async def list_iterations(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    return listing(
        [
            await _render_iteration(call.emulator, pull_request, iteration)
            for iteration in pull_request["iterations"]
        ]
    )


async def get_iteration(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    iteration = iteration_of(call, pull_request)
    return Answer(200, await _render_iteration(call.emulator, pull_request, iteration))


async def list_commits(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    repository = repository_by_id(call.emulator, pull_request["repositoryId"])
    source, target = pull_request["lastMergeSourceCommit"], pull_request["lastMergeTargetCommit"]
    found = await git_objects.log(call.emulator.git, repository["id"], f"{target}..{source}")
    return listing([render_commit(call.emulator, repository, commit, listed=True) for commit in found])


ROUTES = [
    Route("GET", ONE + "/commits", list_commits),
    Route("GET", ONE + "/iterations", list_iterations),
    Route("GET", ONE + "/iterations/{iteration}", get_iteration),
]
