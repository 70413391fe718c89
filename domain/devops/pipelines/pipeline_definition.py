"""PipelineDefinition: a module's generated CI/CD definition, aligned to the published templates.

Its YAML is committed to the repository; on a protected branch it goes in by pull request, and the merge of
that one completes it (the reaction to PullRequestMerged sends GeneratePipeline again).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from domain.devops.delivery.delivery_policy import DeliveryPolicy, FeedReference
from domain.devops.pipelines import pipelines
from domain.devops.pipelines.generation import (
    Design,
    PipelineStage,
    PipelineVariable,
    Proposal,
    TemplateVersion,
    VersionPrefix,
    Wishes,
    designed,
    place_of,
    put_in_place,
    require_closed,
    stages_of,
    variables_of,
    yaml_of,
)
from domain.devops.pipelines.module_type import ModuleType
from domain.devops.source_control.git_names import CommitSha, FilePath
from domain.devops.source_control.repository import Repository, WebhookRegistration, registrations_of
from domain.kernel.aggregate import Aggregate, UniqueKey
from domain.kernel.command import Command
from domain.kernel.errors import require
from domain.kernel.event import Event
from domain.kernel.values import Identifier, Model, ModuleId, Timestamp, derived_id
from domain.kernel.work import Work
from domain.ports import GitProvider, PipelineProvider
from domain.provided import ProvidedHook, ProvidedPreview

DEFINITION_PATH = "azure-pipelines.yml"

# The service hooks that tell of a pipeline's runs; `functions/webhooks.py` receives them.
HOOK_EVENTS = (
    "build.complete",
    "ms.vss-pipelines.run-state-changed-event",
    "ms.vss-pipelines.stage-state-changed-event",
    "ms.vss-pipelines.job-state-changed-event",
)


class PipelineStatus(StrEnum):
    """`Proposed` until its first YAML is on the default branch."""

    PROPOSED = "Proposed"
    ACTIVE = "Active"


class SupersededDefinition(Model):
    """What a regeneration has replaced."""

    template_version: TemplateVersion
    yaml_sha256: str
    commit_sha: CommitSha
    generated_at: Timestamp


class GeneratePipeline(Wishes, Command):
    """Have a pipeline for the module in this repository.

    What is not given stays as it is; for a new pipeline the module type is told by its files, the template
    version is the newest, the feed the delivery policy's, and the version prefix 1.0.
    """

    repository_id: Identifier
    merged_into: str | None = None
    """Only where this is the default branch: of a merge into another one nothing follows."""


@pipelines.event("Knowledge")
class PipelineGenerated(Event):
    """A YAML pipeline definition is generated."""

    pipeline_id: Identifier
    repository_id: Identifier
    module_id: ModuleId
    module_type: ModuleType
    definition_path: str
    template_version: str
    superseded_template_version: str | None
    target_feed: str
    commit_sha: str
    generated_at: Timestamp


@pipelines.aggregate(prefix="pipe", collection="pipelines", id_field="pipeline_id")
class PipelineDefinition(Aggregate):
    pipeline_id: Identifier
    repository_id: Identifier
    module_id: ModuleId
    module_type: ModuleType
    definition_path: FilePath
    template_version: TemplateVersion
    target_feed: FeedReference
    version_prefix: VersionPrefix
    status: PipelineStatus = PipelineStatus.PROPOSED
    generated_at: Timestamp | None = None
    stages: tuple[PipelineStage, ...] = ()
    variables: tuple[PipelineVariable, ...] = ()
    external_id: str
    yaml_sha256: str | None = None
    commit_sha: CommitSha | None = None
    proposal: Proposal | None = None
    superseded: tuple[SupersededDefinition, ...] = ()
    webhooks: tuple[WebhookRegistration, ...] = ()

    @staticmethod
    def id_for(repository_id: str, definition_path: str) -> str:
        """Follows from repository and path: that is what makes the path unique per repository."""
        return derived_id("pipe", repository_id, definition_path)

    def unique_keys(self) -> tuple[UniqueKey, ...]:
        return (external_key(self.external_id),)

    @property
    def design(self) -> Design:
        return Design(
            module_type=self.module_type,
            template_version=self.template_version,
            target_feed=self.target_feed,
            version_prefix=self.version_prefix,
        )

    @property
    def intended(self) -> Design:
        """What it is to become, where something waits for its merge."""
        return self.design if self.proposal is None else self.proposal.design

    @property
    def waits_in(self) -> int | None:
        """The number of the pull request that its YAML waits in."""
        return None if self.proposal is None else self.proposal.pull_request_number

    def is_generated_from(self, design: Design) -> bool:
        return self.status is PipelineStatus.ACTIVE and self.design == design

    def strangeness_of(self, yaml: bytes | None, commit_sha: str) -> tuple[str, ...]:
        """What is wrong with a YAML that a run came from: only what was generated keeps to the templates."""
        known = {self.yaml_sha256, *(prior.yaml_sha256 for prior in self.superseded)}
        if yaml is not None and hashlib.sha256(yaml).hexdigest() in known:
            return ()
        return (f"{self.definition_path} at {commit_sha[:10]} is not the generated one",)

    def require_runnable(self) -> None:
        waits = "" if self.proposal is None else f" in pull request {self.proposal.pull_request_number}"
        require(self.status is PipelineStatus.ACTIVE, f"pipeline {self.pipeline_id} waits{waits}")

    def propose(self, design: Design, number: int) -> None:
        self.proposal = Proposal(design=design, pull_request_number=number)

    def observe_hooks(self, hooks: Sequence[ProvidedHook]) -> None:
        self.webhooks = registrations_of(hooks)

    def generate(
        self, design: Design, preview: ProvidedPreview, yaml: bytes, commit_sha: str, at: datetime
    ) -> None:
        """The YAML is on the default branch: from now on this is the definition, and the prior one is not."""
        prior = None
        if self.generated_at is not None and self.yaml_sha256 is not None and self.commit_sha is not None:
            prior = SupersededDefinition(
                template_version=self.template_version,
                yaml_sha256=self.yaml_sha256,
                commit_sha=self.commit_sha,
                generated_at=self.generated_at,
            )
            self.superseded = (*self.superseded, prior)
        self.module_type, self.template_version = design.module_type, design.template_version
        self.target_feed, self.version_prefix = design.target_feed, design.version_prefix
        self.stages, self.variables = stages_of(preview), variables_of(self.module_id, design)
        self.yaml_sha256, self.commit_sha = hashlib.sha256(yaml).hexdigest(), commit_sha
        self.status, self.proposal, self.generated_at = PipelineStatus.ACTIVE, None, at
        self.record(
            PipelineGenerated(
                pipeline_id=self.pipeline_id,
                repository_id=self.repository_id,
                module_id=self.module_id,
                module_type=self.module_type,
                definition_path=self.definition_path,
                template_version=self.template_version,
                superseded_template_version=None if prior is None else prior.template_version,
                target_feed=self.target_feed,
                commit_sha=commit_sha,
                generated_at=at,
            )
        )


def external_key(external_id: str) -> UniqueKey:
    """By the provider's own id a service hook finds its pipeline."""
    return UniqueKey("pipeline-external-id", (external_id,), f"pipeline {external_id} is defined already")


@pipelines.handler
async def generate_pipeline(
    command: GeneratePipeline, work: Work, git: GitProvider, provider: PipelineProvider
) -> None:
    repository = await work.get(Repository, command.repository_id)
    if command.merged_into not in (None, repository.default_branch):
        return
    policy = await DeliveryPolicy.of(work)
    place = await place_of(work, repository, DEFINITION_PATH, git)
    id = PipelineDefinition.id_for(command.repository_id, place.path)
    definition = await work.find(PipelineDefinition, id)
    current = None if definition is None else definition.intended
    design = await designed(command, current, policy.target_feed, place, git, provider)
    if definition is not None and definition.is_generated_from(design):
        if command.merged_into is not None:
            return  # once per template version: a merge changes nothing
        # Who asks for it by name gets it back where somebody has changed or removed it.
        there = await git.file(repository.handle, place.head, place.path)
        if not definition.strangeness_of(there, place.head):
            return
    module_id = work.envelope.module_id or repository.module_id or f"module-{repository.name}"
    external_id = await provider.ensure_pipeline(
        repository.handle, repository.name, place.path, place.branch.name
    )
    if definition is None:
        definition = PipelineDefinition(
            pipeline_id=id,
            repository_id=command.repository_id,
            module_id=module_id,
            definition_path=place.path,
            external_id=external_id,
            **dict(design),
        )
        work.add(definition)
    elif definition.proposal is not None and definition.proposal.design != design:
        await require_closed(definition.proposal, place, git)
    definition.external_id = external_id  # another one, where somebody has deleted it at the provider
    yaml = yaml_of(definition.module_id, design, place, provider)
    preview = await provider.preview(repository.handle, external_id, place.branch.name, yaml)
    placed = await put_in_place(work, yaml, design, place, definition.waits_in, git)
    if isinstance(placed, int):
        definition.propose(design, placed)
        return
    hooks = await provider.register_pipeline_hooks(repository.handle, external_id, HOOK_EVENTS)
    definition.observe_hooks(hooks)
    definition.generate(design, preview, yaml.encode(), placed, work.now)
