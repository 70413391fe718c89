"""How a pipeline's YAML is decided on, checked by the provider, and gets onto the default branch."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from domain.devops.delivery.delivery_policy import FeedReference
from domain.devops.pipelines.module_type import ModuleType, module_type_of
from domain.devops.pipelines.pipeline_yaml import PipelineSource
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.devops.source_control.branch import Branch, branch_named
from domain.devops.source_control.git_names import FilePath
from domain.devops.source_control.pull_request import PullRequest
from domain.devops.source_control.repository import Repository
from domain.kernel.errors import Conflict, Rejected, require
from domain.kernel.naming import image_repository
from domain.kernel.repeats import searched_since
from domain.kernel.values import Model, derived_id, matching
from domain.kernel.work import Work
from domain.ports import GitProvider, PipelineProvider
from domain.provided import FileContent, ProvidedPreview

TemplateVersion = SemanticVersion
VersionPrefix = Annotated[
    str,
    Field(max_length=20),
    matching(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", "must be two numbers, like 1.0; a counter follows them"),
]


class Design(Model):
    """What a definition is generated from: the same design gives the same YAML."""

    module_type: ModuleType
    template_version: TemplateVersion
    target_feed: FeedReference
    version_prefix: VersionPrefix


class PipelineStage(Model):
    """A stage as the provider reads it from the YAML."""

    name: str
    display_name: str
    depends_on: tuple[str, ...]
    jobs: tuple[str, ...]


class PipelineVariable(Model):
    name: str
    value: str


class Proposal(Model):
    """A YAML that waits in a pull request."""

    design: Design
    pull_request_number: int


class Wishes(Model):
    """What a command asks for; what it leaves open stays as it is, or is the default."""

    module_type: ModuleType | None = None
    template_version: TemplateVersion | None = None
    target_feed: FeedReference | None = None
    version_prefix: VersionPrefix | None = None


@dataclass(frozen=True)
class Place:
    """Where a YAML belongs. `head` is the commit that everything is judged by."""

    repository: Repository
    branch: Branch
    path: FilePath
    head: str


async def place_of(work: Work, repository: Repository, path: FilePath, git: GitProvider) -> Place:
    repository.require_default_branch()
    branch = await branch_named(work, repository.repository_id, repository.default_branch)
    head = await git.branch_head(repository.handle, branch.name)
    if head is None:
        raise Conflict(f"branch {branch.name} is gone")
    return Place(repository, branch, path, head)


async def designed(
    wishes: Wishes,
    current: Design | None,
    default_feed: FeedReference,
    place: Place,
    git: GitProvider,
    provider: PipelineProvider,
) -> Design:
    """Raises `Rejected` for a template version that is not published, and where nothing tells the type."""
    version = wishes.template_version or (current.template_version if current else None)
    if version is None or wishes.template_version is not None:
        published = await provider.template_versions(place.repository.handle.partition)
        require(bool(published), f"{provider.templates_repository} has no published version")
        version = version or published[-1]
        require(
            version in published,
            f"template version {version} is not a published one; the newest is {published[-1]}",
        )
    module_type = wishes.module_type or (current.module_type if current else None)
    if module_type is None:
        module_type = module_type_of(await git.file_paths(place.repository.handle, place.head))
    if module_type is None:
        raise Rejected("the files do not tell the module's type: send GeneratePipeline with a moduleType")
    return Design(
        module_type=module_type,
        template_version=version,
        target_feed=wishes.target_feed or (current.target_feed if current else default_feed),
        version_prefix=wishes.version_prefix or (current.version_prefix if current else "1.0"),
    )


def variables_of(module_id: str, design: Design) -> tuple[PipelineVariable, ...]:
    return (
        PipelineVariable(name="moduleId", value=module_id),
        PipelineVariable(name="targetFeed", value=design.target_feed),
    )


def stages_of(preview: ProvidedPreview) -> tuple[PipelineStage, ...]:
    return tuple(
        PipelineStage(
            name=stage.name, display_name=stage.display_name, depends_on=stage.depends_on, jobs=stage.jobs
        )
        for stage in preview.stages
    )


def yaml_of(module_id: str, design: Design, place: Place, provider: PipelineProvider) -> str:
    repository = place.repository
    return PipelineSource(
        templates_repository=provider.templates_repository,
        template=design.module_type.template,
        template_version=design.template_version,
        default_branch=repository.default_branch,
        definition_path=place.path,
        version_prefix=design.version_prefix,
        variables={one.name: one.value for one in variables_of(module_id, design)},
        parameters={
            "moduleId": module_id,
            "feed": design.target_feed,
            "imageRepository": image_repository(repository.handle.partition, repository.name),
        },
    ).to_yaml()


async def require_closed(proposal: Proposal, place: Place, git: GitProvider) -> None:
    """What waits in a pull request is what its title says: something else can't wait in its place."""
    number, version = proposal.pull_request_number, proposal.design.template_version
    waiting = await git.pull_request(place.repository.handle, number)
    require(
        waiting is None or waiting.status != "active",
        f"pull request {number} waits with templates {version}: complete or abandon it first",
    )


async def put_in_place(
    work: Work, yaml: str, design: Design, place: Place, waiting: int | None, git: GitProvider
) -> str | int:
    """Have the YAML on the default branch; answers its commit, or the number of the pull request that it
    waits in. `waiting` is the pull request of an earlier command."""
    handle, content = place.repository.handle, yaml.encode()
    existing = await git.file(handle, place.head, place.path)
    if existing == content:
        return place.head
    change = FileContent(place.path, "add" if existing is None else "edit", content)
    title = f"Generate the pipeline from {design.module_type.template} {design.template_version}"

    async def commit_to(branch: str) -> str:
        created = await git.create_commit(
            handle,
            branch,
            title,
            [change],
            author=work.actor.name,
            operation_id=work.command_id,
            since=searched_since(place.branch.created_at, work.now),
        )
        return created.sha

    if not place.branch.is_protected:
        try:
            return await commit_to(place.branch.name)
        except Rejected as refused:
            if await git.branch_head(handle, place.branch.name) == place.head:
                raise
            raise Conflict(f"branch {place.branch.name} has moved on") from refused
    if waiting is not None:
        pull_request = await git.pull_request(handle, waiting)
        if pull_request is not None and pull_request.status == "active":
            return waiting
    source = f"pipelines/{place.path.partition('.')[0]}-{design.template_version}-{_mark(work)}"
    # A repeat goes on with the branch that it finds: the default branch may have moved on since.
    if await git.branch_head(handle, source) is None:
        await git.create_branch(handle, source, place.head)
    await commit_to(source)
    opened = await git.open_pull_request(
        handle,
        source,
        place.branch.name,
        title,
        f"The templates are those of version {design.template_version}.",
        operation_id=work.command_id,
    )
    await git.complete_when_allowed(handle, opened.number)
    repository_id = place.repository.repository_id
    if await work.find(PullRequest, PullRequest.id_for(repository_id, opened.number)) is None:
        record = PullRequest.of(repository_id, opened)
        work.add(record)
        record.open()
    return opened.number


def _mark(work: Work) -> str:
    """The command in a branch's name; its id may be anybody's, and end in what git takes no branch for."""
    return derived_id("branch", work.command_id)[-8:]
