"""Each way's run without a fault, made once in a process."""

from tests.crash.trial import DryRun, over_memory
from tests.crash.ways import Way

_dry_runs: dict[str, DryRun] = {}


async def dry_run_of(way: Way) -> DryRun:
    if way.name not in _dry_runs:
        _dry_runs[way.name] = await over_memory(way)
    return _dry_runs[way.name]


def named(one: object) -> str:
    """As a test's name says it."""
    return one.name if isinstance(one, Way) else getattr(one, "__name__", str(one)).replace("_", " ")
