"""Durations as Go and so Kubernetes write them: 1h30m, 10m, 1.5s, 200ms."""

from __future__ import annotations

import re
from typing import Any

_WHOLE = re.compile(r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+")
_PART = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: Any) -> float | None:
    """How many seconds that is; None for what is no duration."""
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
