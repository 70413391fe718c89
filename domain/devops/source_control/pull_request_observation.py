"""What happened to a pull request at the provider, by whomever, is taken over."""

from typing import Annotated

from pydantic import Field

from domain.devops.source_control import source_control
from domain.devops.source_control.pull_request import PullRequest
from domain.devops.source_control.repository import Repository
from domain.kernel.command import Observation
from domain.kernel.values import Identifier
from domain.kernel.work import Work
from domain.ports import GitProvider


class ObservePullRequest(Observation):
    """Something happened to the pull request: read it again.

    What a command of ours did (opened it, merged it) is that command's to record, and it may be about to:
    service hooks leave it alone. `adopt` records that too, in case the command crashed and was not repeated.
    """

    repository_id: Identifier
    number: Annotated[int, Field(gt=0)]
    adopt: bool = False


@source_control.handler
async def observe_pull_request(command: ObservePullRequest, work: Work, git: GitProvider) -> None:
    repository = await work.find(Repository, command.repository_id)
    if repository is None:
        return
    provided = await git.pull_request(repository.handle, command.number)
    if provided is None:
        return
    pull_request = await work.find(PullRequest, PullRequest.id_for(command.repository_id, command.number))
    if pull_request is None:
        if provided.operation_id is not None and not command.adopt:
            return
        pull_request = PullRequest.of(command.repository_id, provided)
        # Opened elsewhere, by whomever: it is in the repository's tree, and nobody's deed that we know of.
        work.follow(repository, initiator=None)
        work.add(pull_request)
        pull_request.open()
    pull_request.observe(provided, work.now, adopt=command.adopt)
