"""A process that is killed loses nothing that it answered for, and finishes what it had begun."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.infra.test_azure_devops.client import ZERO, Project, Repository, Running, add
from tests.infra.test_azure_devops.git_client import git

STATUS = "cbdc66da-9728-4af8-aada-9a5a32e4a226"


async def _again(old: Running, repository: Repository, data: Path) -> tuple[Running, Repository]:
    """Kill the server and look at the same repository through the next one."""
    await old.kill()
    server = await Running.start(data, "--latency-ms", "20")
    project = Project(server, repository.project.name, repository.project.id)
    body = (await project.call("GET", f"git/repositories/{repository.id}")).body
    return server, Repository(project, body)


async def test_pull_requests_policies_and_statuses_survive_a_kill(tmp_path: Path) -> None:
    server = await Running.start(tmp_path, "--latency-ms", "20")
    repository = await (await server.project()).repository()
    base = await repository.commit("main", ZERO, {"/a": "1"})
    await repository.commit("feature", base, {"/b": "1"})
    policy = await repository.project.policy(repository, STATUS, {"statusName": "gate"})
    pull_request = await repository.pull_request()
    number = pull_request["pullRequestId"]
    status = {"state": "succeeded", "context": {"name": "gate"}}
    await repository.call("POST", f"pullRequests/{number}/iterations/1/statuses", status)
    server, repository = await _again(server, repository, tmp_path)
    try:
        assert (await repository.get_pull_request(number))["title"] == "A change"
        kept = await repository.project.call("GET", f"policy/configurations/{policy['id']}")
        assert kept.body["settings"] == policy["settings"]
        assert (await repository.push("main", base, add("/x", "1"))).status == 403
        assert (await repository.complete(pull_request)).status == 200
        await repository.until(number, lambda pr: pr["status"] == "completed")
        numbers = [push["pushId"] for push in (await repository.call("GET", "pushes")).value]
        assert numbers == [3, 2, 1]
    finally:
        await server.stop()


async def test_a_completion_that_was_accepted_is_done_after_a_kill(tmp_path: Path) -> None:
    server = await Running.start(tmp_path, "--latency-ms", "60000")
    repository = await (await server.project()).repository()
    base = await repository.commit("main", ZERO, {"/a": "1"})
    await repository.commit("feature", base, {"/b": "1"})
    pull_request = await repository.pull_request()
    assert (await repository.complete(pull_request)).status == 200
    server, repository = await _again(server, repository, tmp_path)
    try:
        done = await repository.until(pull_request["pullRequestId"], lambda pr: pr["status"] == "completed")
        assert await repository.tip("main") == done["lastMergeCommit"]["commitId"]
    finally:
        await server.stop()


async def test_a_ref_that_moved_without_its_record_is_recorded_at_the_next_start(tmp_path: Path) -> None:
    server = await Running.start(tmp_path)
    repository = await (await server.project()).repository()
    base = await repository.commit("main", ZERO, {"/a": "1"})
    bare = tmp_path / "repositories" / f"{repository.id}.git"
    # What a kill between git's write and the state's leaves behind.
    code, out = await git("--git-dir", str(bare), "update-ref", "refs/heads/unseen", base, cwd=tmp_path)
    assert code == 0, out
    server, repository = await _again(server, repository, tmp_path)
    try:
        newest = (await repository.call("GET", "pushes?searchCriteria.includeRefUpdates=true")).value[0]
        assert newest["refUpdates"][0]["name"] == "refs/heads/unseen"
    finally:
        await server.stop()


async def test_an_interrupt_ends_the_process_with_code_zero(tmp_path: Path) -> None:
    server = await Running.start(tmp_path)
    server.process.send_signal(signal.SIGINT)
    await server.process.wait()
    assert await server.stop() == 0


async def test_the_process_ends_by_itself_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    server = await Running.start(tmp_path, "--parent-pid", str(parent.pid))
    parent.kill()
    await parent.wait()
    assert await asyncio.wait_for(server.process.wait(), 10) == 0
    await server.session.close()
