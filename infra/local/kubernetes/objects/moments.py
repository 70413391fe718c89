"""The moments in objects, in Kubernetes' notation."""

from __future__ import annotations

from datetime import UTC, datetime


def now_text() -> str:
    """To the second, as the API server writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise_now_text() -> str:
    """To the microsecond: a rollout with scaled deadlines is over within a second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_since(text: str) -> float:
    """How long ago that was."""
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()
