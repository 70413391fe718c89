"""The environment's branch of the GitOps repository: what is committed there is what is to run."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import yaml

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.release.arrangement import (
    Arrangement,
    SlotName,
    branch_of,
    changes,
    files,
    root_kustomization,
)
from domain.devops.release.deployment_manifest import DeploymentManifest, content
from domain.devops.release.deployment_target import DeploymentTarget
from domain.devops.release.manifest_resources import documents_in
from domain.devops.source_control.repository import Repository
from domain.kernel.errors import Conflict, Rejected, require
from domain.kernel.naming import dns_label
from domain.kernel.values import derived_id
from domain.kernel.work import Work
from domain.ports import BlobStore, GitOpsAgent, GitProvider
from domain.provided import EnvironmentHandle, FileContent, RepositoryHandle

_ROOT = "kustomization.yaml"

# Who is passed by others so often in a row is redelivered.
_TRIES = 5


async def gitops_repository(work: Work) -> Repository:
    """Raises `Rejected` where the project has none."""
    id = (await DeliveryPolicy.of(work)).gitops_repository_id
    if id is None:
        raise Rejected("the project has no GitOps repository: configure gitopsRepositoryId")
    return await work.get(Repository, id)


async def desired_files(
    target: DeploymentTarget, arrangement: Arrangement, work: Work, blobs: BlobStore
) -> dict[str, bytes]:
    """The module's files by path, of manifests whose checksums have been verified."""
    contents: dict[str, bytes] = {}
    for id in arrangement.manifest_ids:
        contents[id] = await content(await work.get(DeploymentManifest, id), work.partition, blobs)
    return files(target.module_id, arrangement, contents, await _gateway(target, work))


async def _gateway(target: DeploymentTarget, work: Work) -> str:
    """The environment's; where that is off the path by now, the one of what is there."""
    policy = await DeliveryPolicy.of(work)
    return next(
        (one.gateway for one in policy.environments if one.name == target.environment), target.gateway
    )


async def require_no_clash(
    target: DeploymentTarget, arrangement: Arrangement, work: Work, git: GitProvider, blobs: BlobStore
) -> None:
    """Raises `Rejected` where another module of the environment has an object of the same kind and name: the
    branch is built as one, so that neither of them would be applied any more."""
    repository = (await gitops_repository(work)).handle
    head = await git.branch_head(repository, branch_of(target.environment))
    if head is None:
        return
    folder = dns_label(target.module_id)
    own = await desired_files(target, arrangement, work, blobs)
    paths = [path for path in await git.file_paths(repository, head) if _is_manifest(path)]
    others = [path for path in paths if not path.startswith(f"{folder}/")]
    read = await asyncio.gather(*(git.file(repository, head, path) for path in others))
    theirs = {
        name: path.split("/")[0]
        for path, manifest in zip(others, read, strict=True)
        for name in _objects(path, manifest or b"")
    }
    for path in filter(_is_manifest, own):
        for kind, name in _objects(path, own[path]):
            require(
                (kind, name) not in theirs,
                f"module {theirs.get((kind, name))} has a {kind} {name} in {target.environment} already",
            )


def _is_manifest(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == 3 and parts[1] in SlotName and parts[2] == "manifest.yaml"


def _objects(path: str, manifest: bytes) -> list[tuple[str, str]]:
    """Kinds and names as they are in the environment; none of what somebody wrote there by hand that can't
    be read."""
    suffix = SlotName(path.split("/")[1]).suffix
    try:
        found = documents_in(manifest)
    except Rejected:
        return []
    return [(str(one["kind"]), str(one["metadata"]["name"]) + suffix) for one in found]


async def commit_arrangement(
    target: DeploymentTarget,
    arrangement: Arrangement,
    message: str,
    since: datetime,
    work: Work,
    git: GitProvider,
    blobs: BlobStore,
    agent: GitOpsAgent,
) -> str:
    """Have exactly this of the module on the environment's branch; answers the commit that has it. Nothing
    is committed where that is so already.

    All modules of the environment share its root: what was decided on by one head is looked at again where
    it came on top of another, or the module that came in between would be gone from there.
    """
    repository = (await gitops_repository(work)).handle
    branch = branch_of(target.environment)
    target.gateway = await _gateway(target, work)
    files_of_module = await desired_files(target, arrangement, work, blobs)
    author = work.actor.behind or work.actor.name
    for _ in range(_TRIES):
        head = await _head(target, repository, work, git, agent)
        needed = await _needed(target, files_of_module, head, repository, git)
        if not needed:
            return head
        # Of its own for each head: that of an earlier try would be found again, and nothing be done.
        operation_id = derived_id("commit", work.command_id, head)
        try:
            commit = await git.create_commit(
                repository,
                branch,
                message,
                needed,
                author=author,
                operation_id=operation_id,
                since=since,
                expected_head=head,
            )
        except Conflict:
            continue
        return commit.sha
    raise Conflict(f"others keep pushing to branch {branch}")


async def _needed(
    target: DeploymentTarget,
    desired: Mapping[str, bytes],
    head: str,
    repository: RepositoryHandle,
    git: GitProvider,
) -> tuple[FileContent, ...]:
    """What must change on top of a commit, with the root as it is to be there."""
    paths = await git.file_paths(repository, head)
    folder = dns_label(target.module_id)
    modules = {path.split("/")[0] for path in paths if path.count("/") == 1 and path.endswith(f"/{_ROOT}")}
    root = root_kustomization(modules | {folder} if desired else modules - {folder})
    desired = {**desired, _ROOT: root}
    known = [path for path in paths if path in desired]
    read = await asyncio.gather(*(git.file(repository, head, path) for path in known))
    existing: dict[str, bytes | None] = {**dict.fromkeys(paths), **dict(zip(known, read, strict=True))}
    return changes(desired, existing, target.module_id)


async def _head(
    target: DeploymentTarget, repository: RepositoryHandle, work: Work, git: GitProvider, agent: GitOpsAgent
) -> str:
    """The branch's head. It grows from the default branch the first time, and never again in the repository:
    the agent would take away every other module that had been on it."""
    branch = branch_of(target.environment)
    head = await git.branch_head(repository, branch)
    if head is not None:
        return head
    sync = await agent.sync(EnvironmentHandle(work.partition, target.environment))
    for before in (target.commit_sha, sync.applied_sha if sync is not None else None):
        if before is not None and await _is_there(repository, before, git):
            raise Rejected(
                f"branch {branch} of the GitOps repository is gone, which had commit {before}: bring it back,"
                " it is not only this module's"
            )
    default = (await gitops_repository(work)).default_branch
    start = await git.branch_head(repository, default)
    if start is None:
        raise Rejected(f"the GitOps repository has no branch {default}: initialize it")
    return await git.create_branch(repository, branch, start)


async def _is_there(repository: RepositoryHandle, commit_sha: str, git: GitProvider) -> bool:
    """Whether a commit is in the repository, which may be another one by now."""
    try:
        await git.file_paths(repository, commit_sha)
    except Rejected:
        return False
    return True


async def carries(
    commit_sha: str,
    target: DeploymentTarget,
    arrangement: Arrangement,
    work: Work,
    git: GitProvider,
    blobs: BlobStore,
) -> bool:
    """Whether a commit has exactly these files of the module, and has them applied."""
    repository = (await gitops_repository(work)).handle
    desired = await desired_files(target, arrangement, work, blobs)
    folder = f"{dns_label(target.module_id)}/"
    paths = await git.file_paths(repository, commit_sha)
    if {path for path in paths if path.startswith(folder)} != desired.keys():
        return False
    root, *read = await asyncio.gather(
        *(git.file(repository, commit_sha, path) for path in (_ROOT, *desired))
    )
    return read == list(desired.values()) and _lists(root, dns_label(target.module_id)) is bool(desired)


def _lists(root: bytes | None, folder: str) -> bool:
    """Whether the branch's own kustomization has the module's folder applied. Anybody may have written it."""
    try:
        found = yaml.safe_load(root or b"")
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    resources = found.get("resources") if isinstance(found, dict) else None
    return isinstance(resources, list) and folder in resources
