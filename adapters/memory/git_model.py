"""A Git repository small enough to hold in memory: commits over whole trees, refs, pull requests."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.kernel.errors import Rejected, require
from domain.kernel.work import Partition
from domain.provided import (
    FileContent,
    ProvidedCheck,
    ProvidedComment,
    ProvidedHook,
    ProvidedPolicy,
    ProvidedPolicyResult,
    ProvidedReview,
)

type Tree = Mapping[str, bytes]

_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|/\.|\.lock(/|$)|^[/.]|[/.]$|^$")

_VERDICTS = {"succeeded": "approved", "failed": "rejected", "pending": "running"}


def _sha1(*parts: object) -> str:
    return hashlib.sha1("\n".join(str(part) for part in parts).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class MemoryCommit:
    """`sha` and `tree_hash` follow from the content alone, as in Git."""

    tree: Tree
    parents: tuple[str, ...]
    message: str
    author: str
    operation_id: str | None = None
    committer: str | None = None
    """None where it is the author."""

    @property
    def tree_hash(self) -> str:
        return _sha1(
            *(f"{path} {hashlib.sha256(data).hexdigest()}" for path, data in sorted(self.tree.items()))
        )

    @property
    def sha(self) -> str:
        return _sha1(
            self.tree_hash, *self.parents, self.author, self.message, self.operation_id, self.committer
        )


@dataclass
class MemoryPullRequest:
    number: int
    source: str
    target: str
    title: str
    description: str
    operation_id: str | None
    source_sha: str
    author: str = "Software Factory"
    status: str = "active"
    completes_itself: bool = False
    merged_by: str = "Software Factory"
    merge_operation_id: str | None = None
    merge_commit_sha: str | None = None
    closed_at: datetime | None = None
    conflicting: bool = False
    # A status counts for the source commit it was posted on, as with policies that are reset by a push.
    statuses: dict[str, tuple[str, ProvidedCheck]] = field(default_factory=dict)
    votes: dict[str, ProvidedReview] = field(default_factory=dict)
    comments: list[ProvidedComment] = field(default_factory=list)


@dataclass
class MemoryRepository:
    """One repository of one partition; every write to a ref is also a push with its moment."""

    partition: Partition
    external_id: str
    name: str
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, MemoryCommit] = field(default_factory=dict)
    pull_requests: dict[int, MemoryPullRequest] = field(default_factory=dict)
    policies: dict[str, dict[tuple[str, str], ProvidedPolicy]] = field(default_factory=dict)
    hooks: dict[str, ProvidedHook] = field(default_factory=dict)
    pushes: list[tuple[datetime, str]] = field(default_factory=list)

    def set_ref(self, branch: str, sha: str, now: datetime) -> None:
        self.refs[branch] = sha
        self.pushes.append((now, branch))
        for pull_request in self.pull_requests.values():
            if pull_request.status == "active" and pull_request.source == branch:
                pull_request.source_sha = sha

    def new_ref(self, branch: str, sha: str, now: datetime) -> None:
        require(_BAD_REF.search(branch) is None, f"{branch} is not a valid branch name")
        taken = any(
            f"{other}/".startswith(f"{branch}/") or branch.startswith(f"{other}/") for other in self.refs
        )
        require(not taken, f"branch {branch} conflicts with the name of another branch")
        self.set_ref(branch, sha, now)

    def add(self, commit: MemoryCommit) -> str:
        self.commits[commit.sha] = commit
        return commit.sha

    def ancestry(self, sha: str) -> Iterator[str]:
        """The commit and all that it grew from, each once, nearest first."""
        seen = {sha}
        queue = [sha]
        while queue:
            current = queue.pop(0)
            yield current
            for parent in self.commits[current].parents:
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)

    def contains(self, head: str, sha: str) -> bool:
        return sha in self.ancestry(head)

    def commit_of(self, operation_id: str, head: str) -> str | None:
        return next(
            (sha for sha in self.ancestry(head) if self.commits[sha].operation_id == operation_id), None
        )

    def merged_tree(self, source: str, target: str) -> Tree | None:
        """A three-way merge of whole files; None where both sides changed one differently."""
        of_target = set(self.ancestry(target))
        base_sha = next((sha for sha in self.ancestry(source) if sha in of_target), None)
        base = self.commits[base_sha].tree if base_sha is not None else {}
        ours, theirs = self.commits[target].tree, self.commits[source].tree
        merged: dict[str, bytes] = {}
        for path in {*ours, *theirs}:
            before, our, their = base.get(path), ours.get(path), theirs.get(path)
            if our != their and before not in (our, their):
                return None
            kept = our if their == before else their
            if kept is not None:
                merged[path] = kept
        return merged

    def policy_results(self, pull_request: MemoryPullRequest) -> tuple[ProvidedPolicyResult, ...]:
        results = []
        reported = self._reported(pull_request)
        for policy in self.policies.get(pull_request.target, {}).values():
            if policy.kind == "statusCheck":
                name = policy.setting
                verdict = _VERDICTS[reported[name].state] if name in reported else "queued"
            else:
                name = "Minimum number of reviewers"
                votes = [review.vote for review in pull_request.votes.values()]
                enough = sum(vote >= 5 for vote in votes) >= int(policy.setting)
                undecided = "approved" if enough else "running"
                verdict = "rejected" if any(vote < 0 for vote in votes) else undecided
            results.append(ProvidedPolicyResult(name, verdict, blocking=True))
        return tuple(results)

    def _reported(self, pull_request: MemoryPullRequest) -> dict[str, ProvidedCheck]:
        return {
            name: check
            for name, (sha, check) in pull_request.statuses.items()
            if sha == pull_request.source_sha
        }

    def checks(self, pull_request: MemoryPullRequest) -> tuple[ProvidedCheck, ...]:
        required = [
            policy.setting
            for policy in self.policies.get(pull_request.target, {}).values()
            if policy.kind == "statusCheck"
        ]
        found = self._reported(pull_request)
        names = sorted({*required, *found})
        return tuple(
            ProvidedCheck(
                name,
                found[name].state if name in found else "pending",
                required=name in required,
                description=found[name].description if name in found else "",
                target_url=found[name].target_url if name in found else None,
            )
            for name in names
        )


def changed(tree: Tree, changes: Sequence[FileContent]) -> Tree:
    """The tree with the changes made. Raises `Rejected` for a path that isn't as the change expects."""
    require(bool(changes), "a commit needs at least one change")
    result = dict(tree)
    for change in changes:
        path = "/" + change.path.lstrip("/")
        content = change.content
        if change.operation == "add":
            require(path not in result, f"path {path} already exists")
        elif change.operation == "rename":
            previous = "/" + (change.previous_path or "").lstrip("/")
            require(previous in result, f"path {previous} does not exist")
            require(path not in result, f"path {path} already exists")
            renamed = result.pop(previous)
            content = renamed if content is None else content
        elif change.operation in ("edit", "delete"):
            require(path in result, f"path {path} does not exist")
        else:
            raise Rejected(f"{change.operation} is not an operation on a file")
        if change.operation == "delete":
            del result[path]
        else:
            result[path] = content or b""
    return result
