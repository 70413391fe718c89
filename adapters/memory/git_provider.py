"""The Git host in memory, with the laws of the real one; counterpart: `adapters.azure_devops`."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import override

from adapters.memory import git_history
from adapters.memory.git_host import STRATEGIES, MemoryGitHost
from adapters.memory.git_model import MemoryCommit, MemoryPullRequest, MemoryRepository, Tree, changed
from domain.kernel.errors import Conflict, Rejected, require
from domain.kernel.work import Partition
from domain.ports import GitProvider
from domain.provided import (
    FileContent,
    ProvidedCommit,
    ProvidedContributions,
    ProvidedHook,
    ProvidedPolicy,
    ProvidedPullRequest,
    ProvidedRepository,
    RepositoryHandle,
)


class MemoryGitProvider(MemoryGitHost, GitProvider):
    """The port over `MemoryGitHost`, which also has what tests play the outside with."""

    provider = "AzureDevOps"

    @override
    async def create_repository(
        self, partition: Partition, name: str, default_branch: str, *, initialize: bool, operation_id: str
    ) -> ProvidedRepository:
        async with self._call("create_repository"):
            key = f"{partition.tenant_id}|{partition.project_id}|{name.lower()}"
            handle = RepositoryHandle(partition, str(uuid.uuid5(uuid.NAMESPACE_URL, key)))
            repository = self._repositories.get(handle)
            if repository is None:
                repository = MemoryRepository(partition, handle.external_id, name)
                self._repositories[handle] = repository
                self.effects["repository"] += 1
            if initialize and default_branch not in repository.refs:
                readme = {"/README.md": f"# {name}\n".encode()}
                first = MemoryCommit(readme, (), f"Initialize {name}", "Software Factory", operation_id)
                repository.new_ref(default_branch, repository.add(first), self._now())
                self.effects["commit"] += 1
            url = f"https://git.invalid/{partition.tenant_id}/{partition.project_id}/_git/{repository.name}"
            return ProvidedRepository(handle.external_id, url, repository.refs.get(default_branch))

    @override
    async def protect_branch(
        self, repository: RepositoryHandle, branch: str, required_checks: Sequence[str], approvers: int
    ) -> Sequence[ProvidedPolicy]:
        async with self._call("protect_branch"):
            existing = self._repository(repository).policies.setdefault(branch, {})
            wanted = {("statusCheck", name): name for name in required_checks}
            if approvers > 0:
                wanted["minimumApprovers", ""] = str(approvers)
            for key in existing.keys() - wanted.keys():
                del existing[key]
            for key, setting in wanted.items():
                if key not in existing:
                    self.effects["policy"] += 1
                    existing[key] = ProvidedPolicy(str(self.effects["policy"]), key[0], setting)
                elif existing[key].setting != setting:
                    existing[key] = ProvidedPolicy(existing[key].policy_id, key[0], setting)
            return tuple(existing[key] for key in wanted)

    @override
    async def register_hooks(
        self, repository: RepositoryHandle, event_types: Sequence[str]
    ) -> Sequence[ProvidedHook]:
        async with self._call("register_hooks"):
            hooks = self._repository(repository).hooks
            for event_type in event_types:
                if event_type not in hooks:
                    self.effects["hook"] += 1
                    hooks[event_type] = ProvidedHook(f"hook-{self.effects['hook']}", event_type, "enabled")
            return tuple(hooks[event_type] for event_type in dict.fromkeys(event_types))

    @override
    async def branch_head(self, repository: RepositoryHandle, branch: str) -> str | None:
        async with self._call("branch_head"):
            return self._repository(repository).refs.get(branch)

    @override
    async def create_branch(self, repository: RepositoryHandle, branch: str, from_sha: str) -> str:
        async with self._call("create_branch"):
            found = self._repository(repository)
            require(from_sha in found.commits, f"commit {from_sha} does not exist")
            head = found.refs.get(branch)
            if head is None:
                found.new_ref(branch, from_sha, self._now())
                self.effects["branch"] += 1
                return from_sha
            contained = found.contains(head, from_sha)
            require(contained, f"branch {branch} exists at {head}, which does not contain {from_sha}")
            return head

    @override
    async def create_commit(
        self,
        repository: RepositoryHandle,
        branch: str,
        message: str,
        changes: Sequence[FileContent],
        *,
        author: str,
        operation_id: str,
        since: datetime,
        expected_head: str | None = None,
    ) -> ProvidedCommit:
        async with self._call("create_commit"):
            found = self._repository(repository)
            head = found.refs.get(branch)
            if head is None:
                raise Rejected(f"branch {branch} does not exist")
            sha = found.commit_of(operation_id, head)
            if sha is None:
                if expected_head not in (None, head):
                    raise Conflict(f"branch {branch} is at {head} by now")
                unprotected = not found.policies.get(branch)
                require(unprotected, f"branch {branch} is protected: it is updated by pull request only")
                tree = changed(found.commits[head].tree, changes)
                sha = found.add(MemoryCommit(tree, (head,), message, author, operation_id))
                found.set_ref(branch, sha, self._now())
                self.effects["commit"] += 1
            commit = found.commits[sha]
            return ProvidedCommit(sha, commit.tree_hash, commit.parents[0] if commit.parents else None)

    @override
    async def open_pull_request(
        self,
        repository: RepositoryHandle,
        source: str,
        target: str,
        title: str,
        description: str,
        *,
        operation_id: str,
    ) -> ProvidedPullRequest:
        async with self._call("open_pull_request"):
            found = self._repository(repository)
            between = [
                one for one in found.pull_requests.values() if (one.source, one.target) == (source, target)
            ]
            ours = next((one for one in between if one.operation_id == operation_id), None)
            if ours is not None:
                return self._view(found, ours)
            for branch in (source, target):
                require(branch in found.refs, f"branch {branch} does not exist")
            require(source != target, "source and target are the same branch")
            for other in between:
                inactive = other.status != "active"
                require(inactive, f"pull request {other.number} from {source} to {target} is already active")
            self._numbers += 1
            self.effects["pull_request"] += 1
            opened = MemoryPullRequest(
                self._numbers, source, target, title, description, operation_id, found.refs[source]
            )
            found.pull_requests[opened.number] = opened
            return self._view(found, opened)

    @override
    async def complete_when_allowed(self, repository: RepositoryHandle, number: int) -> None:
        async with self._call("complete_when_allowed"):
            found = self._repository(repository)
            self._pull_request(found, number).completes_itself = True
            self._complete_if_allowed(found, number)

    @override
    async def pull_request(self, repository: RepositoryHandle, number: int) -> ProvidedPullRequest | None:
        async with self._call("pull_request"):
            found = self._repositories.get(repository)
            pull_request = found.pull_requests.get(number) if found is not None else None
            return self._view(found, pull_request) if found is not None and pull_request is not None else None

    @override
    async def merge_pull_request(
        self,
        repository: RepositoryHandle,
        number: int,
        *,
        expected_source_sha: str,
        strategy: str,
        operation_id: str,
    ) -> ProvidedPullRequest:
        async with self._call("merge_pull_request"):
            found = self._repository(repository)
            pull_request = self._pull_request(found, number)
            if pull_request.status == "completed":
                return self._view(found, pull_request)
            require(strategy in STRATEGIES, f"{strategy} is not a merge strategy")
            require(pull_request.status == "active", f"pull request {number} is {pull_request.status}")
            if pull_request.source_sha != expected_source_sha:
                raise Conflict(f"the source of pull request {number} is at {pull_request.source_sha} now")
            results = found.policy_results(pull_request)
            unmet = [one.name for one in results if one.blocking and one.status != "approved"]
            require(not unmet, f"policy has not passed: {', '.join(unmet)}")
            self._merge(found, pull_request, strategy, operation_id)
            return self._view(found, pull_request)

    @override
    async def changed_since(
        self, repository: RepositoryHandle, since: datetime
    ) -> tuple[Sequence[int], Sequence[str]]:
        async with self._call("changed_since"):
            found = self._repository(repository)
            numbers = [
                one.number
                for one in found.pull_requests.values()
                if one.status == "active" or (one.closed_at is not None and one.closed_at >= since)
            ]
            branches = {branch for moment, branch in found.pushes if moment >= since}
            return tuple(sorted(numbers)), tuple(sorted(branches))

    @override
    async def file_paths(self, repository: RepositoryHandle, commit_sha: str) -> Sequence[str]:
        async with self._call("file_paths"):
            tree = self._tree(repository, commit_sha)
            return tuple(sorted(path.lstrip("/") for path in tree)[: git_history.MOST_PATHS])

    @override
    async def file(self, repository: RepositoryHandle, commit_sha: str, path: str) -> bytes | None:
        async with self._call("file"):
            return self._tree(repository, commit_sha).get("/" + path.lstrip("/"))

    @override
    async def merged_by(self, repository: RepositoryHandle, commit_sha: str) -> int | None:
        async with self._call("merged_by"):
            found = git_history.merged_by(self._repository(repository), commit_sha)
            return found.number if found is not None else None

    @override
    async def contributions(
        self, repository: RepositoryHandle, commit_sha: str, since_sha: str | None
    ) -> ProvidedContributions:
        async with self._call("contributions"):
            return git_history.contributions(self._repository(repository), commit_sha, since_sha)

    def _tree(self, handle: RepositoryHandle, sha: str) -> Tree:
        commit = self._repository(handle).commits.get(sha)
        if commit is None:
            raise Rejected(f"commit {sha} does not exist")
        return commit.tree

    @override
    async def ping(self) -> None:
        async with self._call("ping"):
            pass
