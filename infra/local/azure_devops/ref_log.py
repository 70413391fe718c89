"""The one way in which a change of refs becomes a push: REST, git over HTTP and merges all end here.

Refs as last recorded are compared with refs as they are, so that a write whose record was lost with the
process is recorded at the next start.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.local.azure_devops import clock, events
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.git_store import ZERO
from infra.local.azure_devops.identities import Identity
from infra.local.azure_devops.pipelines.triggers import on_push, starts_by_push
from infra.local.azure_devops.pull_request_refresh import branches_moved
from infra.local.azure_devops.repositories import repository_by_id, save_repository
from infra.local.emulation.state import Json


async def record_push(
    emulator: Emulator, repository: Json, identity: Identity, also: Callable[[], None] = lambda: None
) -> Json | None:
    """Record what changed since the last push; None when nothing did. The caller holds the lock.

    also is written in the same transaction: whoever sees its effect sees the push.
    """
    state, repository_id = emulator.state, repository["id"]
    actual = await emulator.git.refs(repository_id)
    known = {ref["name"]: ref["objectId"] for ref in state.list("ref", repository_id)}
    updates = [
        {
            "repositoryId": repository_id,
            "name": name,
            "oldObjectId": known.get(name, ZERO),
            "newObjectId": actual.get(name, ZERO),
        }
        for name in sorted(known.keys() | actual.keys())
        if known.get(name) != actual.get(name)
    ]
    if not updates:
        with state.transaction():
            also()
        return None
    default = _first_default(repository, actual)
    if default is not None:
        await emulator.git.run(repository_id, "symbolic-ref", "HEAD", default)
        repository["defaultBranch"] = default
    with state.transaction():
        push: Json = {
            "pushId": state.next_number(f"push/{repository['org'].lower()}"),
            "date": clock.now(),
            "pushedBy": identity.render(),
            "repositoryId": repository_id,
            "refUpdates": updates,
        }
        state.put("push", repository_id, str(push["pushId"]), push)
        for update in updates:
            name, new = str(update["name"]), update["newObjectId"]
            if new == ZERO:
                state.delete("ref", repository_id, name)
            else:
                previous = state.get("ref", repository_id, name) or {"creator": identity.render()}
                state.put("ref", repository_id, name, {**previous, "name": name, "objectId": new})
        if default is not None:
            # Read again: it may have been renamed since the caller read it.
            save_repository(emulator, {**repository_by_id(emulator, repository_id), "defaultBranch": default})
        events.push_received(emulator, repository, push)
        also()
    branches_moved(emulator, repository, {str(update["name"]) for update in updates})
    if starts_by_push(emulator, repository, push):
        emulator.jobs.schedule(0, lambda: on_push(emulator, repository, push))
    return push


def _first_default(repository: Json, refs: dict[str, str]) -> str | None:
    heads = [name for name in refs if name.startswith("refs/heads/")]
    if repository.get("defaultBranch") or not heads:
        return None
    return "refs/heads/main" if "refs/heads/main" in heads else heads[0]
