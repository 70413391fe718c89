"""Revisions as GitOps agents write them."""

import re

# `main@sha1:<sha>` and `sha1:<sha>`, before Flux 2.0 `main/<sha>`; Argo CD writes the commit alone.
_REVISION = re.compile(r"(?:.*[@/:])?([0-9a-f]{40}|[0-9a-f]{64})", re.DOTALL)


def commit_of(revision: object) -> str | None:
    """The commit that a revision names; None for what names none."""
    found = _REVISION.fullmatch(revision) if isinstance(revision, str) else None
    return found[1] if found is not None else None
