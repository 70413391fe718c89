"""The source controller: git repositories, pulled at their interval, after a change, and when asked."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.controllers import events
from infra.local.kubernetes.controllers.controller import Controller, Key
from infra.local.kubernetes.durations import seconds
from infra.local.kubernetes.flux.conditions import Conditions, is_asked_again, requested_at, with_handled
from infra.local.kubernetes.flux.git_mirror import GitFailed, GitMirror, Login
from infra.local.kubernetes.objects.moments import now_text
from infra.local.kubernetes.objects.store import Change
from infra.local.kubernetes.resources import GIT_REPOSITORY, SECRET

type Json = dict[str, Any]

_MANAGER = "source-controller"
_MOST_RETRY = 30.0


class NoLogin(Exception):
    """The secret that the source refers to is no good."""


class Sources(Controller):
    name = "sources"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._failures: dict[Key, int] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        """A new object or another specification, or a new token in the annotation; its status is ours."""
        if change.resource == GIT_REPOSITORY and change.type != "DELETED":
            before, after = change.before, change.object
            is_other = before is None or before["metadata"]["generation"] != after["metadata"]["generation"]
            is_asked = (
                before is not None and requested_at(before) != requested_at(after) and is_asked_again(after)
            )
            if is_other or is_asked:
                yield change.object["metadata"]["namespace"], change.object["metadata"]["name"]

    def all_keys(self) -> Iterable[Key]:
        for found in self.cluster.store.list(GIT_REPOSITORY):
            yield found["metadata"]["namespace"], found["metadata"]["name"]

    async def reconcile(self, key: Key) -> float | None:
        source = self.cluster.store.get(GIT_REPOSITORY, *key)
        if source is None or source["spec"].get("suspend"):
            return None
        conditions = Conditions(source)
        if not conditions.is_true("Ready"):
            conditions.set("Reconciling", "True", "Progressing", "reconciliation in progress")
            conditions.set("Ready", "Unknown", "Progressing", "reconciliation in progress")
            self._write(source, {**source["status"], "conditions": conditions.render()})
        spec = source["spec"]
        try:
            login = self._login(source)
            mirror = mirror_of(self.cluster, source)
            timeout = seconds(spec["timeout"]) or 60.0
            revision, _ = await mirror.pull(spec["url"], spec.get("ref") or {}, login, timeout)
        except (GitFailed, NoLogin) as error:
            return self._failed(key, source, conditions, error)
        self._failures.pop(key, None)
        self._stored(source, conditions, revision)
        return seconds(spec["interval"])

    def _login(self, source: Json) -> Login:
        reference = source["spec"].get("secretRef")
        if not reference:
            return Login()
        name = reference["name"]
        secret = self.cluster.store.get(SECRET, source["metadata"]["namespace"], name)
        if secret is None:
            where = f"{source['metadata']['namespace']}/{name}"
            raise NoLogin(f"failed to get secret '{where}': secrets \"{name}\" not found")
        data = {
            field: base64.b64decode(value).decode() for field, value in (secret.get("data") or {}).items()
        }
        if data.get("bearerToken"):
            return Login.bearer(data["bearerToken"])
        if "username" in data and "password" in data:
            return Login.basic(data["username"], data["password"])
        raise NoLogin(f"secret '{name}' has no username and password, and no bearerToken")

    def _stored(self, source: Json, conditions: Conditions, revision: str) -> None:
        said = f"stored artifact for revision '{revision}'"
        conditions.drop("Reconciling", "FetchFailed")
        conditions.set("Ready", "True", "Succeeded", said)
        conditions.set("ArtifactInStorage", "True", "Succeeded", said)
        metadata, status = source["metadata"], source["status"]
        held = status.get("artifact") or {}
        if held.get("revision") != revision:
            folder = f"gitrepository/{metadata['namespace']}/{metadata['name']}"
            path = f"{folder}/{revision.rpartition(':')[2]}.tar.gz"
            held = {
                "revision": revision,
                "path": path,
                "url": f"http://source-controller.flux-system.svc.cluster.local./{path}",
                "lastUpdateTime": now_text(),
            }
            events.record(self.cluster, source, "NewArtifact", said, source=_MANAGER)
        done = {**status, "artifact": held, "observedGeneration": metadata["generation"]}
        self._write(source, with_handled(source, {**done, "conditions": conditions.render()}))

    def _failed(self, key: Key, source: Json, conditions: Conditions, error: Exception) -> float:
        """The artifact stays what it was; the next try comes soon, then later and later."""
        reason = "AuthenticationFailed" if isinstance(error, NoLogin) else "GitOperationFailed"
        said = (
            str(error)
            if isinstance(error, NoLogin)
            else f"failed to checkout and determine revision: {error}"
        )
        conditions.set("FetchFailed", "True", reason, said)
        conditions.set("Ready", "False", reason, said)
        conditions.set("Reconciling", "True", "ProgressingWithRetry", "reconciliation in progress")
        events.record(self.cluster, source, reason, said, source=_MANAGER, kind="Warning")
        self._write(source, with_handled(source, {**source["status"], "conditions": conditions.render()}))
        self._failures[key] = tries = self._failures.get(key, 0) + 1
        longest = min(_MOST_RETRY, seconds(source["spec"]["interval"]) or _MOST_RETRY)
        return min(longest, self.cluster.options.pace * float(2 ** min(tries, 12)))

    def _write(self, source: Json, status: Json) -> None:
        if self.cluster.store.get(
            GIT_REPOSITORY, source["metadata"]["namespace"], source["metadata"]["name"]
        ):
            self.cluster.writes.set_status(GIT_REPOSITORY, source, status, _MANAGER)


def mirror_of(cluster: Cluster, source: Json) -> GitMirror:
    folder: Path = cluster.options.state / "git" / f"{source['metadata']['uid']}.git"
    return GitMirror(folder.absolute())
