"""Merging two commits in a bare repository, in the four ways in which a pull request can be completed."""

from __future__ import annotations

from datetime import UTC, datetime

from infra.local.azure_devops import git_objects
from infra.local.azure_devops.git_objects import Signature
from infra.local.azure_devops.git_store import GitStore
from infra.local.azure_devops.identities import Identity

STRATEGIES = ("noFastForward", "squash", "rebase", "rebaseMerge")


async def merged_tree(git: GitStore, repository_id: str, ours: str, theirs: str) -> str | None:
    """The tree of a three-way merge, or None when it conflicts."""
    found = await git.run(
        repository_id,
        "merge-tree",
        "--write-tree",
        "--allow-unrelated-histories",
        ours,
        theirs,
        expect=(0, 1),
    )
    return found.text.splitlines()[0] if found.code == 0 else None


async def merge(
    git: GitStore,
    repository_id: str,
    target: str,
    source: str,
    *,
    strategy: str,
    comment: str,
    identity: Identity,
) -> str | None:
    """The commit that the target branch moves to, or None on conflicts."""
    now = datetime.now(UTC)
    merger = Signature(identity.name, identity.email, now)
    if strategy in ("noFastForward", "squash"):
        tree = await merged_tree(git, repository_id, target, source)
        if tree is None:
            return None
        parents = [target] if strategy == "squash" else [target, source]
        return await commit_tree(git, repository_id, tree, parents, comment, merger, merger)
    tip = await _rebase(git, repository_id, target, source, merger)
    if tip is None or strategy == "rebase" or tip == target:
        return tip
    tree = await merged_tree(git, repository_id, target, tip)
    assert tree is not None  # tip descends from target
    return await commit_tree(git, repository_id, tree, [target, tip], comment, merger, merger)


async def _rebase(
    git: GitStore, repository_id: str, target: str, source: str, committer: Signature
) -> str | None:
    if await git.is_ancestor(repository_id, target, source):
        return source
    picked = await git_objects.log(
        git, repository_id, "--reverse", "--topo-order", "--no-merges", f"{target}..{source}"
    )
    tip = target
    for commit in picked:
        # merge-tree takes no explicit base here, so a stand-in commit with the tip's tree and the picked
        # commit's parent makes that parent the merge base: the merge is then a cherry-pick.
        tip_tree = (await git.run(repository_id, "rev-parse", f"{tip}^{{tree}}")).text
        parents = list(commit.parents[:1])
        stand_in = await commit_tree(git, repository_id, tip_tree, parents, "base", committer, committer)
        tree = await merged_tree(git, repository_id, stand_in, commit.commit_id)
        if tree is None:
            return None
        if tree != tip_tree:
            tip = await commit_tree(git, repository_id, tree, [tip], commit.comment, commit.author, committer)
    return tip


async def commit_tree(
    git: GitStore,
    repository_id: str,
    tree: str,
    parents: list[str],
    comment: str,
    author: Signature,
    committer: Signature,
) -> str:
    arguments = [argument for parent in parents for argument in ("-p", parent)]
    environment = {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": f"{int(author.date.timestamp())} +0000",
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": f"{int(committer.date.timestamp())} +0000",
    }
    made = await git.run(
        repository_id,
        "commit-tree",
        tree,
        *arguments,
        "-F",
        "-",
        stdin=comment.encode(),
        environment=environment,
    )
    return made.text
