"""What every change of a part of a pull request does: hold the lock, save, tell hooks and policies."""

from __future__ import annotations

from infra.local.azure_devops import events
from infra.local.azure_devops.evaluation_schedule import schedule_evaluation
from infra.local.azure_devops.pull_request_store import key_of, save_pull_request
from infra.local.azure_devops.pull_requests import pull_request_of
from infra.local.azure_devops.routing import Answer, Call, Handler
from infra.local.emulation.state import Json

ONE = "/{org}[/{project}]/_apis/git/repositories/{repo}/pullrequests/{pr}"


def locked(handler: Handler) -> Handler:
    """The handler with the repository's lock held: a merge in progress keeps a copy that it will save."""

    async def run(call: Call) -> Answer:
        repository_id = pull_request_of(call)["repositoryId"]
        async with call.emulator.git.lock(repository_id):
            answer = await handler(call)
        assert isinstance(answer, Answer)
        return answer

    return run


def commit_changed(call: Call, pull_request: Json, notification_type: str) -> None:
    """Save, tell the hooks, and let the policies decide again."""
    with call.emulator.state.transaction():
        save_pull_request(call.emulator, pull_request)
        events.pull_request_updated(call.emulator, pull_request, notification_type)
    schedule_evaluation(call.emulator, key_of(pull_request))
