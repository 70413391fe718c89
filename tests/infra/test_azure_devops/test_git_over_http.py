"""The real git client against the emulator: the best oracle that there is."""

from __future__ import annotations

from pathlib import Path

from tests.infra.test_azure_devops.client import ZERO, Repository
from tests.infra.test_azure_devops.git_client import clone_url, git

MINIMUM_APPROVERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"


async def _clone(repository: Repository, workspace: Path) -> Path:
    code, out = await git("clone", "-q", clone_url(repository), "clone", cwd=workspace)
    assert code == 0, out
    return workspace / "clone"


async def _commit(clone: Path, name: str, content: str) -> None:
    (clone / name).write_text(content)
    assert (await git("add", name, cwd=clone))[0] == 0
    assert (await git("commit", "-q", "-m", f"add {name}", cwd=clone))[0] == 0


async def test_a_wrong_pat_cannot_clone(repository: Repository, workspace: Path) -> None:
    code, out = await git("clone", clone_url(repository, "wrong"), "clone", cwd=workspace)
    assert code != 0
    assert "Authentication failed" in out


async def test_a_push_to_a_free_branch_arrives_and_is_listed(repository: Repository, workspace: Path) -> None:
    await repository.commit("main", ZERO, {"/a.txt": "1"})
    clone = await _clone(repository, workspace)
    assert (clone / "a.txt").read_text() == "1"
    # Larger than git's post buffer, so that the pack arrives in chunks.
    await _commit(clone, "big.bin", "".join(f"{n * 2654435761 % 2**64:016x}" for n in range(200_000)))
    code, out = await git("push", "origin", "HEAD:refs/heads/work", cwd=clone)
    assert code == 0, out
    assert len(await repository.file("/big.bin", "work")) == 3_200_000
    newest = (await repository.call("GET", "pushes?searchCriteria.includeRefUpdates=true")).value[0]
    assert newest["refUpdates"][0]["name"] == "refs/heads/work"


async def test_a_push_to_a_protected_branch_is_refused_with_the_reason(
    repository: Repository, workspace: Path
) -> None:
    base = await repository.commit("main", ZERO, {"/a.txt": "1"})
    await repository.project.policy(repository, MINIMUM_APPROVERS, {"minimumApproverCount": 1})
    clone = await _clone(repository, workspace)
    await _commit(clone, "b.txt", "2")
    code, out = await git("push", "origin", "HEAD:main", "HEAD:free", cwd=clone)
    assert code != 0
    assert "TF402455: Pushes to this branch are not permitted" in out
    assert "[remote rejected] HEAD -> main" in out
    assert await repository.tip("main") == base
    assert await repository.tip("free") is not None, "the other branch of the same push is taken"
    code, out = await git("push", "origin", ":main", cwd=clone)
    assert code != 0
    assert await repository.tip("main") == base


async def test_a_push_to_the_refs_of_pull_requests_is_refused(
    repository: Repository, workspace: Path
) -> None:
    await repository.commit("main", ZERO, {"/a.txt": "1"})
    clone = await _clone(repository, workspace)
    code, out = await git("push", "origin", "HEAD:refs/pull/1/merge", cwd=clone)
    assert code != 0
    assert "TF401027" in out


async def test_a_clone_after_a_merge_holds_the_merged_files(repository: Repository, workspace: Path) -> None:
    base = await repository.commit("main", ZERO, {"/a.txt": "1"})
    await repository.commit("feature", base, {"/b.txt": "2"})
    pull_request = await repository.pull_request()
    await repository.complete(pull_request)
    done = await repository.until(pull_request["pullRequestId"], lambda pr: pr["status"] == "completed")
    clone = await _clone(repository, workspace)
    assert sorted(path.name for path in clone.iterdir() if path.name != ".git") == ["a.txt", "b.txt"]
    _, head = await git("rev-parse", "HEAD", cwd=clone)
    assert head.strip() == done["lastMergeCommit"]["commitId"]


async def test_an_empty_repository_can_be_cloned_and_pushed_to(
    repository: Repository, workspace: Path
) -> None:
    clone = await _clone(repository, workspace)
    await _commit(clone, "first.txt", "1")
    code, out = await git("push", "origin", "HEAD:main", cwd=clone)
    assert code == 0, out
    assert (await repository.call("GET", "")).body["defaultBranch"] == "refs/heads/main"
