"""Continuous integration: a push to a branch starts the pipelines whose trigger takes it."""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Sequence

from infra.local.azure_devops import git_objects
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.git_store import ZERO
from infra.local.azure_devops.identities import Identity
from infra.local.azure_devops.pipelines.expansion import read_pipeline_trigger
from infra.local.azure_devops.pipelines.model import PipelineInvalid, Trigger
from infra.local.emulation.state import Json

_log = logging.getLogger(__name__)
_SKIP = re.compile(
    r"\[(?:skip (?:ci|azurepipelines|azpipelines|azp)|(?:ci|azurepipelines|azpipelines|azp) skip)\]"
    r"|\*\*\*NO_CI\*\*\*",
    re.IGNORECASE,
)


def starts_by_push(emulator: Emulator, repository: Json, push: Json) -> bool:
    """Whether any definition waits for pushes to this repository: most have none."""
    return any(update["name"].startswith("refs/heads/") for update in push["refUpdates"]) and bool(
        _definitions(emulator, repository)
    )


def _definitions(emulator: Emulator, repository: Json) -> list[Json]:
    return [
        definition
        for definition in emulator.state.list("pipeline")
        if definition["repositoryId"] == repository["id"] and definition["queueStatus"] == "enabled"
    ]


async def on_push(emulator: Emulator, repository: Json, push: Json) -> None:
    """Start what the push asks for; a pipeline that can't be read is passed over."""
    for update in push["refUpdates"]:
        name, old, new = update["name"], update["oldObjectId"], update["newObjectId"]
        if not name.startswith("refs/heads/") or new == ZERO:
            continue
        commit = (await git_objects.commits_by_id(emulator.git, repository["id"], [new]))[0]
        if _SKIP.search(commit.comment):
            continue
        changed = await _changed_paths(emulator, repository, old, new)
        for definition in _definitions(emulator, repository):
            try:
                await _start(emulator, definition, name, new, changed, _identity(push))
            except PipelineInvalid as error:
                _log.warning("no run of pipeline %s by push %s: %s", definition["id"], push["pushId"], error)


async def _start(
    emulator: Emulator,
    definition: Json,
    ref: str,
    version: str,
    changed: Sequence[str] | None,
    identity: Identity,
) -> None:
    from infra.local.azure_devops.pipelines.runs import start_run

    trigger = await read_pipeline_trigger(emulator, definition, ref=ref, version=version)
    if not takes(trigger, ref, changed):
        return
    await start_run(
        emulator,
        definition,
        ref=ref,
        version=version,
        parameters={},
        reason="individualCI",
        identity=identity,
    )


def _identity(push: Json) -> Identity:
    return Identity(push["pushedBy"]["displayName"], push["pushedBy"]["uniqueName"])


async def _changed_paths(emulator: Emulator, repository: Json, old: str, new: str) -> list[str] | None:
    """None for a new branch: what it changed can't be told, so path filters let it pass."""
    if old == ZERO:
        return None
    found = await git_objects.changes(emulator.git, repository["id"], old, new)
    moved = [change.original_path for change in found if change.original_path]
    return [change.path for change in found] + moved


def takes(trigger: Trigger, ref: str, changed: Sequence[str] | None) -> bool:
    """Whether a push to this branch that changed these files starts a run."""
    branch = ref.removeprefix("refs/heads/")
    if not trigger.enabled:
        return False
    if trigger.include_branches or trigger.exclude_branches:
        include = trigger.include_branches or ("*",)
        if not _any_branch(include, branch) or _any_branch(trigger.exclude_branches, branch):
            return False
    if changed is None or not (trigger.include_paths or trigger.exclude_paths):
        return True
    return any(_path_counts(trigger, path) for path in changed)


def _any_branch(patterns: Sequence[str], branch: str) -> bool:
    names = [pattern.removeprefix("refs/heads/") for pattern in patterns]
    return any(fnmatch.fnmatchcase(branch, name.replace("[", "[[]")) for name in names)


def _path_counts(trigger: Trigger, path: str) -> bool:
    """The longest pattern that matches decides; of two alike, the exclusion."""
    included = _longest(trigger.include_paths, path) if trigger.include_paths else 0
    excluded = _longest(trigger.exclude_paths, path)
    return included is not None and (excluded is None or included > excluded)


def _longest(patterns: Sequence[str], path: str) -> int | None:
    """A pattern is a file, a folder, or has wildcards: `*` within a folder, `**` across them."""
    matching = [len(pattern.strip("/")) for pattern in patterns if _path_matches(pattern.strip("/"), path)]
    return max(matching, default=None)


def _path_matches(pattern: str, path: str) -> bool:
    if pattern in ("", "*"):
        return True
    parts = [re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)]
    wild = {r"\*\*/": "(?:.*/)?", r"\*\*": ".*", r"\*": "[^/]*", r"\?": "[^/]"}
    expression = "".join(wild.get(part, part) for part in parts)
    return re.fullmatch(f"{expression}(?:/.*)?", path) is not None
