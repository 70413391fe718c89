"""ReleaseLine: what was last approved of a module for an environment; the next release is compared to it."""

from datetime import datetime

from domain.devops.delivery.environments import EnvironmentName
from domain.devops.pipelines.semantic_version import SemanticVersion
from domain.devops.release import release
from domain.devops.source_control.git_names import CommitSha
from domain.kernel.aggregate import Aggregate
from domain.kernel.values import Identifier, ModuleId, Timestamp, derived_id
from domain.kernel.work import Partition


@release.aggregate(prefix="line", collection="release-lines")
class ReleaseLine(Aggregate):
    release_line_id: Identifier
    module_id: ModuleId
    environment: EnvironmentName
    repository_id: Identifier
    release_id: Identifier
    version: SemanticVersion
    commit_sha: CommitSha
    approved_at: Timestamp

    @staticmethod
    def id_for(partition: Partition, module_id: str, environment: str) -> str:
        """Follows from module and environment: that is what makes it the only one."""
        return derived_id("line", partition.tenant_id, partition.project_id, module_id, environment)

    def commit_in(self, repository_id: str) -> str | None:
        """The last approved commit; None in another repository, which the module may have moved to."""
        return self.commit_sha if repository_id == self.repository_id else None

    def move(
        self, repository_id: str, release_id: str, version: str, commit_sha: str, approved_at: datetime
    ) -> None:
        self.repository_id, self.release_id = repository_id, release_id
        self.version, self.commit_sha, self.approved_at = version, commit_sha, approved_at
