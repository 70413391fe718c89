"""What a chart is rendered with: its value files, and single settings in the shape of one."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.kernel.errors import require


def require_chart(files: Mapping[str, bytes], chart: str, values: Sequence[str]) -> None:
    """Raises `Rejected` where the chart, or one of its value files, is not among the files."""
    require(f"{chart}/Chart.yaml" in files, f"{chart} has no Chart.yaml")
    for path in values:
        require(path in files, f"value file {path} is not there")


def nested(settings: Mapping[str, str]) -> dict[str, Any]:
    """`{"image.tag": "1"}` as `{"image": {"tag": "1"}}`. Raises `Rejected` where one is below another."""
    found: dict[str, Any] = {}
    for key, value in sorted(settings.items()):
        *parents, last = key.split(".")
        at = found
        for parent in parents:
            at = at.setdefault(parent, {})
            require(isinstance(at, dict), f"setting {key} is below another setting")
        at[last] = value
    return found
