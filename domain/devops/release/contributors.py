"""Who made what a release ships beyond the last approved one."""

from collections.abc import Iterable
from enum import StrEnum

from domain.devops.delivery.identities import Identity, People, identity_key
from domain.devops.pipelines.build_result import BuildResult
from domain.devops.release.release_line import ReleaseLine
from domain.devops.source_control.pull_request import PullRequest
from domain.devops.source_control.repository import Repository
from domain.kernel.values import Model
from domain.kernel.work import Work
from domain.ports import GitProvider


class Contribution(StrEnum):
    """Commit: as author, co-author or committer. Pull request: as who opened it; merge: as who completed it.
    Run: as who started the build at the provider."""

    COMMIT = "Commit"
    PULL_REQUEST = "PullRequest"
    MERGE = "Merge"
    RUN = "Run"


class Contributor(Model):
    """A person with a part in what is released."""

    identity: Identity
    contribution: Contribution


async def contributors_of(
    build: BuildResult, environment: str, people: People, work: Work, git: GitProvider
) -> tuple[Contributor, ...]:
    """What the provider knows, and who asked the platform for the pull requests: there it is the platform
    that opens them."""
    repository = await work.get(Repository, build.repository_id)
    line_id = ReleaseLine.id_for(work.partition, build.module_id, environment)
    line = await work.find(ReleaseLine, line_id)
    since = line.commit_in(repository.repository_id) if line is not None else None
    found = await git.contributions(repository.handle, build.commit_sha, since)
    openers = list(found.pull_request_authors)
    for number in found.pull_requests:
        pull_request = await work.find(PullRequest, PullRequest.id_for(repository.repository_id, number))
        if pull_request is not None:
            openers.append(pull_request.created_by)
    return (
        *_distinct(found.authors, Contribution.COMMIT, people),
        *_distinct(openers, Contribution.PULL_REQUEST, people),
        *_distinct(found.mergers, Contribution.MERGE, people),
        *_distinct([build.requested_by], Contribution.RUN, people),
    )


def _distinct(names: Iterable[str], contribution: Contribution, people: People) -> Iterable[Contributor]:
    """Each person once, in an order that does not depend on the provider's."""
    by_key = {people.canonical([name]): name for name in sorted(names) if identity_key(name).strip("@")}
    for key in sorted(by_key):
        yield Contributor(identity=people.identity(by_key[key]), contribution=contribution)
