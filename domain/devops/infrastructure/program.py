"""Where a stack's program is, and what an engine is given of it."""

from domain.devops.delivery.deployment_policy import IaCEngine, InfrastructureSource, RelativePath
from domain.devops.source_control.git_names import CommitSha
from domain.devops.source_control.repository import Repository
from domain.kernel.errors import Rejected, require
from domain.kernel.values import Identifier, Model
from domain.kernel.work import Work
from domain.ports import GitProvider
from domain.provided import ProvidedProgram

# What `bicep build` makes of main.bicep.
COMPILED = "main.json"


class Program(Model):
    """A folder of a repository, at a commit once that has been looked up."""

    repository_id: Identifier
    directory: RelativePath
    commit_sha: CommitSha | None = None

    @classmethod
    def of(cls, source: InfrastructureSource) -> "Program":
        return cls(repository_id=source.repository_id, directory=source.directory)

    def at(self, commit_sha: str) -> "Program":
        return self.model_copy(update={"commit_sha": commit_sha})


def require_usable(source: InfrastructureSource) -> None:
    legacy = source.engine is IaCEngine.PULUMI or source.legacy
    require(legacy, f"stack {source.stack} is new: Bicep is only for stacks from before, author it in Pulumi")
    named = source.engine is IaCEngine.BICEP or "/" in source.stack
    require(named, f"stack {source.stack} must be named project/stack for Pulumi")


async def head_of(program: Program, work: Work, git: GitProvider) -> str:
    """The head of the repository's default branch. Raises `Rejected` where there is none."""
    repository = await work.find(Repository, program.repository_id)
    if repository is None:
        raise Rejected(f"repository {program.repository_id}, which holds the program, does not exist")
    head = await git.branch_head(repository.handle, repository.default_branch)
    if head is None:
        raise Rejected(f"repository {repository.name} has no branch {repository.default_branch} yet")
    return head


async def provided(program: Program, engine: IaCEngine, work: Work, git: GitProvider) -> ProvidedProgram:
    """What the engine takes. Raises `Rejected` where a Bicep program was not compiled."""
    assert program.commit_sha is not None, "a program is given at a commit"
    repository = await work.get(Repository, program.repository_id)
    template = None
    if engine is IaCEngine.BICEP:
        path = f"{program.directory}/{COMPILED}"
        template = await git.file(repository.handle, program.commit_sha, path)
        if template is None:
            raise Rejected(
                f"{path} is not in commit {program.commit_sha} of {repository.name}:"
                " compile main.bicep and commit what comes of it"
            )
    return ProvidedProgram(repository.remote_url, program.commit_sha, program.directory, template)
