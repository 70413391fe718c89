"""Commit: generated artifacts committed to a branch, with lineage back to the source artifact."""

import base64
import hashlib
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from domain.devops.source_control import source_control
from domain.devops.source_control.branch import branch_named
from domain.devops.source_control.git_names import (
    BranchName,
    CommitSha,
    FilePath,
    ShortBranchName,
    TreeHash,
    check_distinct_paths,
)
from domain.devops.source_control.repository import Repository
from domain.kernel.aggregate import Aggregate
from domain.kernel.command import Command
from domain.kernel.errors import require
from domain.kernel.event import Event
from domain.kernel.repeats import searched_since
from domain.kernel.values import NO_NUL, Identifier, Model, Person, matching
from domain.kernel.work import Work
from domain.ports import GitProvider
from domain.provided import FileContent

# Slashes are in: an artifact is often named by a path or a URI.
ArtifactReference = Annotated[
    str,
    Field(min_length=1, max_length=300),
    matching(r"[^\x00-\x20\x7f\\#?|]+", "must not contain spaces, control characters or any of \\ # ? |"),
]


class FileOperation(StrEnum):
    ADD = "add"
    EDIT = "edit"
    DELETE = "delete"
    RENAME = "rename"


class Encoding(StrEnum):
    UTF_8 = "utf-8"
    BASE64 = "base64"


class FileChange(Model):
    """One file of a commit: path and operation, and what proves its content."""

    path: FilePath
    operation: FileOperation
    previous_path: FilePath | None = None
    content_sha256: str | None = None
    size: int | None = None
    """bytes"""


class FileInput(Model):
    """One file as the command brings it; `content` is text, or base64 for anything else."""

    path: FilePath
    operation: FileOperation = FileOperation.ADD
    content: str | None = None
    encoding: Encoding = Encoding.UTF_8
    previous_path: FilePath | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needs_content = self.operation in (FileOperation.ADD, FileOperation.EDIT)
        if needs_content and self.content is None:
            raise ValueError(f"content is required to {self.operation} a file")
        if self.operation is FileOperation.DELETE and self.content is not None:
            raise ValueError("a deleted file has no content")
        if (self.operation is FileOperation.RENAME) != (self.previous_path is not None):
            raise ValueError("previousPath goes with rename, and rename with previousPath")
        if self.encoding is Encoding.BASE64 and self.content is not None:
            try:
                base64.b64decode(self.content, validate=True)
            except ValueError:  # also what is not ASCII
                raise ValueError("content is not valid base64") from None
        return self

    @property
    def data(self) -> bytes | None:
        if self.content is None:
            return None
        if self.encoding is Encoding.BASE64:
            return base64.b64decode(self.content, validate=True)
        return self.content.encode()

    def to_change(self) -> FileChange:
        data = self.data
        return FileChange(
            path=self.path,
            operation=self.operation,
            previous_path=self.previous_path,
            content_sha256=None if data is None else hashlib.sha256(data).hexdigest(),
            size=None if data is None else len(data),
        )


class CreateCommit(Command):
    """Commit files on top of a branch."""

    repository_id: Identifier
    branch: ShortBranchName
    message: Annotated[str, Field(max_length=4000), NO_NUL]
    artifact_id: ArtifactReference
    files: Annotated[tuple[FileInput, ...], Field(max_length=5000)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        check_distinct_paths(file.path for file in self.files)
        return self


@source_control.event("Knowledge", "Observability")
class CommitCreated(Event):
    """Generated artifacts are committed to a branch."""

    commit_id: Identifier
    repository_id: Identifier
    branch: str
    sha: str
    message: str
    artifact_id: str
    authored_by: Person
    tree_hash: str
    changed_files: int


@source_control.aggregate(prefix="commit", collection="commits")
class Commit(Aggregate):
    immutable: ClassVar = {"sha": "sha is immutable once committed"}

    commit_id: Identifier
    repository_id: Identifier
    branch: BranchName
    sha: CommitSha | None = None
    parent_sha: CommitSha | None = None
    message: str
    artifact_id: str
    authored_by: Person
    tree_hash: TreeHash | None = None
    file_changes: tuple[FileChange, ...]

    def require_complete(self) -> None:
        require(bool(self.message.strip()), "commit message must not be empty")
        require(len(self.file_changes) > 0, "a commit needs at least one file change")
        require(bool(self.artifact_id), "artifactId is required for lineage")

    def commit(self, sha: str, tree_hash: str, parent_sha: str | None) -> None:
        self.require_complete()
        self.sha, self.tree_hash, self.parent_sha = sha, tree_hash, parent_sha
        self.record(
            CommitCreated(
                commit_id=self.commit_id,
                repository_id=self.repository_id,
                branch=self.branch,
                sha=sha,
                message=self.message,
                artifact_id=self.artifact_id,
                authored_by=self.authored_by,
                tree_hash=tree_hash,
                changed_files=len(self.file_changes),
            )
        )


@source_control.handler
async def create_commit(command: CreateCommit, work: Work, git: GitProvider) -> None:
    repository = await work.get(Repository, command.repository_id)
    repository.require_default_branch()
    branch = await branch_named(work, command.repository_id, command.branch)
    branch.require_direct_commits()
    commit = Commit(
        commit_id=work.new_id(Commit),
        repository_id=command.repository_id,
        branch=command.branch,
        message=command.message,
        artifact_id=command.artifact_id,
        authored_by=work.actor.name,
        file_changes=tuple(file.to_change() for file in command.files),
    )
    commit.require_complete()
    created = await git.create_commit(
        repository.handle,
        command.branch,
        command.message,
        [FileContent(file.path, file.operation, file.data, file.previous_path) for file in command.files],
        author=work.actor.name,
        operation_id=work.command_id,
        since=searched_since(branch.created_at, work.now),
    )
    work.add(commit)
    commit.commit(created.sha, created.tree_hash, created.parent_sha)
