"""Pushes as the service shows them, in answers and in hooks."""

from __future__ import annotations

from infra.local.azure_devops import git_objects
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.git_store import ZERO
from infra.local.azure_devops.repositories import api_url, render_repository
from infra.local.emulation.state import Json


async def pushed_commits(emulator: Emulator, push: Json, limit: int) -> list[git_objects.Commit]:
    """What the push brought, newest first."""
    ranges: list[str] = []
    for update in push["refUpdates"]:
        if update["newObjectId"] != ZERO and update["name"].startswith("refs/heads/"):
            ranges.append(update["newObjectId"])
            if update["oldObjectId"] != ZERO:
                ranges.append("^" + update["oldObjectId"])
    if not ranges:
        return []
    return await git_objects.log(emulator.git, push["repositoryId"], f"--max-count={limit}", *ranges)


def render_push(emulator: Emulator, repository: Json, push: Json, *, with_updates: bool) -> Json:
    url = api_url(emulator, repository)
    body: Json = {
        "pushId": push["pushId"],
        "date": push["date"],
        "pushedBy": push["pushedBy"],
        "repository": render_repository(emulator, repository),
        "url": f"{url}/pushes/{push['pushId']}",
    }
    if with_updates:
        body["refUpdates"] = push["refUpdates"]
    return body
