"""Vulnerability scans of pushed images: when each is due, and what it is to find."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from infra.local.container_registry.registry import Registry
from infra.local.emulation.state import Json

# Stands for every image of a repository.
_ANY = "*"


@dataclass(frozen=True)
class Scan:
    """A scan that was done, at a moment in seconds since the epoch."""

    repository: str
    digest: str
    pushed: float
    done: float
    findings: list[Json]


def order(registry: Registry, repository: str, digest: str) -> None:
    """Scan a pushed image after the delay; another push of it changes only when it was pushed."""
    now = time.time()
    known = registry.state.get("scan", repository, digest)
    due = known["due"] if known else now + registry.options.scan_delay_ms / 1000
    document = {"repository": repository, "digest": digest, "pushed": now, "due": due}
    registry.state.put("scan", repository, digest, document)


def forget(registry: Registry, repository: str, digest: str) -> None:
    registry.state.delete("scan", repository, digest)


def inject(
    registry: Registry, repository: str, digest: str | None, findings: list[Json], never: bool
) -> None:
    """Decide what scans of an image, or of a whole repository, find from now on."""
    result = {
        "repository": repository,
        "digest": digest,
        "findings": findings,
        "never": never,
        "at": time.time(),
    }
    registry.state.put("scan-result", repository, digest or _ANY, result)


def clear(registry: Registry) -> None:
    with registry.state.transaction():
        for result in registry.state.list("scan-result"):
            registry.state.delete("scan-result", result["repository"])


def injected(registry: Registry) -> list[Json]:
    return registry.state.list("scan-result")


def done(registry: Registry, repository: str | None = None) -> list[Scan]:
    """The scans whose time has come; an image that was scanned is scanned again when results change."""
    found = (_done(registry, document) for document in registry.state.list("scan", repository))
    return [scan for scan in found if scan is not None]


def _done(registry: Registry, document: Json) -> Scan | None:
    repository, digest = document["repository"], document["digest"]
    result: dict[str, Any] = (
        registry.state.get("scan-result", repository, digest)
        or registry.state.get("scan-result", repository, _ANY)
        or {"findings": [], "never": False, "at": 0.0}
    )
    if result["never"] or document["due"] > time.time():
        return None
    when = max(document["due"], result["at"])
    return Scan(repository, digest, document["pushed"], when, result["findings"])
