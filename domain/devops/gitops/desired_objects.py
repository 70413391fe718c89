"""What is desired of an environment, object by object: its branch, built as its agent builds it."""

import asyncio

from domain.devops.release.arrangement import branch_of
from domain.devops.release.manifest_resources import Document, documents_in
from domain.kernel.errors import require
from domain.ports import GitProvider, ManifestRenderer
from domain.provided import RepositoryHandle

MOST_FILES = 500
MOST_BYTES = 20 * 1024 * 1024

_AT_ONCE = 8


async def desired_objects(
    repository: RepositoryHandle,
    environment: str,
    commit_sha: str,
    git: GitProvider,
    renderer: ManifestRenderer,
) -> list[Document]:
    """Raises `Rejected` for a branch that is too large, or that can't be built."""
    branch = branch_of(environment)
    paths = await git.file_paths(repository, commit_sha)
    require(
        len(paths) <= MOST_FILES,
        f"branch {branch} has {len(paths)} files: what runs is compared with at most {MOST_FILES}",
    )
    files: dict[str, bytes] = {}
    size = 0
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        contents = await asyncio.gather(*(git.file(repository, commit_sha, path) for path in some))
        for path, content in zip(some, contents, strict=True):
            files[f"{branch}/{path}"] = content or b""
        size += sum(len(content or b"") for content in contents)
        require(
            size <= MOST_BYTES,
            f"the files of branch {branch} are larger than {MOST_BYTES} bytes in all: what runs is not"
            " compared with so much",
        )
    return documents_in(await renderer.kustomize(files, branch))
