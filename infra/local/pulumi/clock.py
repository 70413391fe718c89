"""Moments in the three forms in which the service writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

NEVER = "0001-01-01T00:00:00Z"


def iso() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def spaced() -> str:
    """As in a deployment's `created` and `modified`."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def seconds() -> int:
    return int(time.time())
