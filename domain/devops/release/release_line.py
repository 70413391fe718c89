"""ReleaseLine: what was last approved of a module for an environment; the next release is compared to it."""

from pydantic import ConfigDict

from domain.devops.delivery.environments import EnvironmentName
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.devops.release import release
from domain.devops.source_control.git_names import CommitSha
from domain.kernel.aggregate import Aggregate
from domain.kernel.values import Identifier, Model, ModuleId, Timestamp, derived_id
from domain.kernel.work import Partition


class LastApproved(Model):
    repository_id: Identifier
    release_id: Identifier
    version: SemanticVersion
    commit_sha: CommitSha
    approved_at: Timestamp


@release.aggregate(prefix="line", collection="release-lines")
class ReleaseLine(LastApproved, Aggregate):
    model_config = ConfigDict(frozen=False)

    release_line_id: Identifier
    module_id: ModuleId
    environment: EnvironmentName

    @staticmethod
    def id_for(partition: Partition, module_id: str, environment: str) -> str:
        """Follows from module and environment: that is what makes it the only one."""
        return derived_id("line", partition.tenant_id, partition.project_id, module_id, environment)

    def commit_in(self, repository_id: str) -> str | None:
        """The last approved commit; None in another repository, which the module may have moved to."""
        return self.commit_sha if repository_id == self.repository_id else None

    def move(self, approved: LastApproved) -> None:
        for field in LastApproved.model_fields:
            setattr(self, field, getattr(approved, field))
