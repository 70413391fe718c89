"""The whole log of a run: each task's own, in the order of the YAML."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import Refusal
from adapters.azure_devops.paging import Json
from adapters.azure_devops.run_view import below, build_path, name_of, require_run, timeline
from adapters.azure_devops.streams import download


async def read_logs(api: Api, run_id: int) -> AsyncGenerator[bytes]:
    await require_run(api, run_id)
    for title, log_id in _tasks(await timeline(api, run_id)):
        api.renew()
        yield f"== {title} ==\n".encode()
        last = b"\n"
        try:
            async with aclosing(_log(api, run_id, log_id)) as parts:
                async for part in parts:
                    last = part
                    yield part
        except Refusal as refusal:
            if refusal.status != 404:  # kept no longer, or not there yet
                raise
        if not last.endswith(b"\n"):
            yield b"\n"


def _log(api: Api, run_id: int, log_id: int) -> AsyncGenerator[bytes]:
    return download(api, f"{build_path(run_id)}/logs/{log_id}", accept="text/plain")


def _tasks(records: list[Json]) -> Iterator[tuple[str, int]]:
    for stage in below(records, None, "Stage"):
        for phase in below(records, stage["id"], "Phase"):
            for job in below(records, phase["id"], "Job"):
                for task in below(records, job["id"], "Task"):
                    log = (task.get("log") or {}).get("id")
                    if log is not None:
                        yield f"{name_of(stage)} / {name_of(phase)} / {task['name']}", int(log)
