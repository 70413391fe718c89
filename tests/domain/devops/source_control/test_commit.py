"""Commit: a message, at least one file change, a lineage; its sha never changes."""

import base64
import hashlib
from typing import Any

import pytest

from domain.devops.source_control.commit import Commit, CommitCreated, CreateCommit, FileInput, create_commit
from domain.devops.source_control.repository import Repository
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Invalid, NotFound, Rejected
from domain.kernel.values import validated
from tests.domain.devops.source_control.given import a_commit, a_feature, a_repository, file, head_of
from tests.domain.world import ACTOR, REDACTION, START, World


def to_commit(repository: Repository, *files: FileInput, **changes: Any) -> CreateCommit:
    fields: dict[str, Any] = {
        "repository_id": repository.id,
        "branch": "main",
        "message": "Generate the API",
        "artifact_id": "artifact://api/7",
        "files": files,
    }
    return CreateCommit.model_validate(fields | changes)


async def test_committing_tells_everything_of_the_commit(world: World) -> None:
    repository = await a_repository(world)
    parent = await head_of(world, repository)
    happened = await world.when(to_commit(repository, file("a.txt"), file("b.txt")))
    fact = happened.only(CommitCreated)
    head = await head_of(world, repository)
    tree = world.git.repository(repository.handle).commits[head].tree_hash
    assert happened.envelopes[0].payload == {
        "commitId": fact.commit_id,
        "repositoryId": repository.id,
        "branch": "main",
        "sha": head,
        "message": "Generate the API",
        "artifactId": "artifact://api/7",
        "authoredBy": ACTOR,
        "treeHash": tree,
        "changedFiles": 2,
    }
    commit = await world.read(Commit, fact.commit_id)
    assert (commit.sha, commit.parent_sha, commit.tree_hash) == (head, parent, tree)
    assert (commit.created_at, commit.aggregate_version) == (START, 1)


async def test_each_file_change_is_kept_with_what_proves_its_content(world: World) -> None:
    repository = await a_repository(world)
    text, data = "héllo\n", bytes(range(256))
    happened = await world.when(
        to_commit(
            repository,
            file("src/a.txt", text),
            file("b.bin", base64.b64encode(data).decode(), encoding="base64"),
            FileInput.model_validate(
                {"path": "docs/readme.md", "operation": "rename", "previousPath": "README.md"}
            ),
        )
    )
    commit = await world.read(Commit, happened.only(CommitCreated).commit_id)
    changes = {change.path: change for change in commit.file_changes}
    assert changes["src/a.txt"].content_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert changes["src/a.txt"].size == 7
    assert (changes["b.bin"].content_sha256, changes["b.bin"].size) == (hashlib.sha256(data).hexdigest(), 256)
    renamed = changes["docs/readme.md"]
    assert (renamed.operation, renamed.previous_path, renamed.size) == ("rename", "README.md", None)
    tree = world.git.repository(repository.handle).commits[await head_of(world, repository)].tree
    assert (tree["/src/a.txt"], tree["/b.bin"]) == (text.encode(), data)
    assert "/docs/readme.md" in tree
    assert "/README.md" not in tree


async def test_edits_and_deletes_come_to_the_tree(world: World) -> None:
    repository = await a_repository(world)
    await a_commit(world, repository, "main", file("a.txt", "one"), file("b.txt", "two"))
    delete = FileInput.model_validate({"path": "b.txt", "operation": "delete"})
    await world.when(to_commit(repository, file("a.txt", "ONE", operation="edit"), delete))
    tree = world.git.repository(repository.handle).commits[await head_of(world, repository)].tree
    assert tree["/a.txt"] == b"ONE"
    assert "/b.txt" not in tree


@pytest.mark.parametrize("message", ["", " ", "\n\t "])
async def test_a_commit_needs_a_message(world: World, message: str) -> None:
    repository = await a_repository(world)
    no = await world.refused(to_commit(repository, file("a.txt"), message=message))
    assert no == "commit message must not be empty"
    assert world.git.effects["commit"] == 1, "the repository's first one only"


async def test_a_commit_needs_a_file_change(world: World) -> None:
    repository = await a_repository(world)
    assert await world.refused(to_commit(repository)) == "a commit needs at least one file change"


def test_a_commit_needs_its_artifact_for_lineage() -> None:
    payload = {"repositoryId": "repo-1", "branch": "main", "message": "m", "files": [{"path": "a"}]}
    for artifact in ({}, {"artifactId": None}, {"artifactId": ""}, {"artifactId": "a b"}):
        with pytest.raises(Invalid) as refused:
            validated(CreateCommit, payload | artifact)
        assert "artifactId" in {error.field for error in refused.value.errors}


def test_an_aggregate_without_artifact_does_not_commit() -> None:
    commit = Commit.model_validate(
        {
            "commitId": "commit-1",
            "repositoryId": "repo-1",
            "branch": "main",
            "message": "m",
            "artifactId": "",
            "authoredBy": "ada",
            "fileChanges": [{"path": "a", "operation": "add"}],
        }
    )
    with pytest.raises(Rejected, match="artifactId is required for lineage"):
        commit.commit("a" * 40, "b" * 40, None)
    assert (commit.sha, commit.recorded) == (None, ())


async def test_the_sha_does_not_change_once_committed(world: World) -> None:
    repository = await a_repository(world)
    fact = await a_commit(world, repository, "main")
    commit = await world.read(Commit, fact.commit_id)
    with pytest.raises(Rejected) as no:
        commit.sha = "a" * 40
    assert no.value.sentence == "sha is immutable once committed"
    with pytest.raises(Rejected, match="sha is immutable once committed"):
        commit.commit("a" * 40, "b" * 40, None)
    assert (commit.sha, commit.recorded) == (fact.sha, ())


async def test_a_commit_to_a_branch_that_does_not_exist_is_not_found(world: World) -> None:
    repository = await a_repository(world)
    with pytest.raises(NotFound, match="branch feature/x does not exist"):
        await world.when(to_commit(repository, file("a.txt"), branch="feature/x"))


async def test_a_commit_to_a_repository_that_does_not_exist_is_not_found(world: World) -> None:
    repository = await a_repository(world)
    with pytest.raises(NotFound, match="Repository repo-9 does not exist"):
        await world.when(to_commit(repository, file("a.txt"), repository_id="repo-9"))


async def test_a_change_that_does_not_fit_the_tree_is_refused_with_the_providers_sentence(
    world: World,
) -> None:
    repository = await a_repository(world)
    no = await world.refused(to_commit(repository, file("nothing.txt", operation="edit")))
    assert no == "path /nothing.txt does not exist"


async def test_a_repeat_after_a_crash_finds_its_own_commit(world: World) -> None:
    repository = await a_feature(world)
    command = to_commit(repository, file("new.txt"))
    envelope = world.envelope(command)
    await create_commit(command, world.work(command, envelope), world.git)
    effects, head = dict(world.git.effects), await head_of(world, repository)
    world.clock.step(3600)
    fact = (await world.when(command, envelope)).only(CommitCreated)
    assert world.git.effects == effects
    assert fact.sha == head


async def test_two_commands_with_the_same_content_are_two_commits(world: World) -> None:
    repository = await a_repository(world)
    await a_commit(world, repository, "main", file("a.txt", "one"))
    edits = [to_commit(repository, file("a.txt", "two", operation="edit")) for _ in range(2)]
    shas = {(await world.when(edit)).only(CommitCreated).sha for edit in edits}
    assert len(shas) == 2


async def test_the_author_is_masked_before_the_fact_leaves_the_platform(world: World) -> None:
    repository = await a_repository(world)
    world.topics.published.clear()
    payload = to_commit(repository, file("a.txt")).model_dump(mode="json", by_alias=True)
    await world.send("CreateCommit", payload)
    (domain,), (integration,) = world.published("domain"), world.published("integration")
    assert Envelope.parse(domain.body).payload["authoredBy"] == ACTOR
    masked = f"*** ({REDACTION.digest(ACTOR, world.partition.tenant_id)})"
    assert Envelope.parse(integration.body).payload["authoredBy"] == masked
    assert ACTOR not in integration.body
    assert ACTOR not in integration.properties.values()


_FILES: list[tuple[dict[str, Any], str]] = [
    ({"path": "a"}, "content is required to add a file"),
    ({"path": "a", "operation": "edit"}, "content is required to edit a file"),
    ({"path": "a", "operation": "delete", "content": "x"}, "a deleted file has no content"),
    ({"path": "a", "operation": "rename"}, "previousPath goes with rename, and rename with previousPath"),
    (
        {"path": "a", "content": "x", "previousPath": "b"},
        "previousPath goes with rename, and rename with previousPath",
    ),
    ({"path": "a", "content": "x", "encoding": "base64"}, "content is not valid base64"),
    ({"path": "a", "content": "QUJ\nD", "encoding": "base64"}, "content is not valid base64"),
    ({"path": "a", "content": "é", "encoding": "base64"}, "content is not valid base64"),
]


@pytest.mark.parametrize(("wire", "sentence"), _FILES)
def test_a_file_that_does_not_make_sense_says_why(wire: dict[str, Any], sentence: str) -> None:
    payload = {"repositoryId": "r", "branch": "main", "message": "m", "artifactId": "a", "files": [wire]}
    with pytest.raises(Invalid) as refused:
        validated(CreateCommit, payload, at="payload")
    (error,) = refused.value.errors
    assert (error.field, error.problem) == ("payload.files.0", sentence)


def test_files_that_are_the_same_one_are_refused() -> None:
    files = [{"path": path, "content": "x"} for path in ("src/App.py", "src/app.py")]
    payload = {"repositoryId": "r", "branch": "main", "message": "m", "artifactId": "a", "files": files}
    with pytest.raises(Invalid, match="are the same file where case does not count"):
        validated(CreateCommit, payload)
