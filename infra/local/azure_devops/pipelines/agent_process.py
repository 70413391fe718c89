"""A step's process: a group of its own, its output by the line, and an end that is certain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from infra.local.azure_devops.pipelines.cancellation import Cancellation

_CHUNK = 64 * 1024
# Lines are handled in the event loop: after so many, others have their turn.
_LINES_AT_ONCE = 200
_LONGEST_LINE = 256 * 1024
# Until a group that was told to stop is killed, and until output is given up that a left-over child holds.
_GRACE = 2.0

type OnLine = Callable[[str], None]


async def run_process(
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    on_line: OnLine,
    cancellation: Cancellation,
    on_error_line: OnLine | None = None,
) -> int | None:
    """The exit code, or None if the cancellation ended it. Without on_error_line stderr joins stdout."""
    output, output_end = os.pipe()
    readers = [asyncio.create_task(_read(output, on_line))]
    errors_end = output_end
    if on_error_line is not None:
        errors, errors_end = os.pipe()
        readers.append(asyncio.create_task(_read(errors, on_error_line)))
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=directory,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output_end,
            stderr=errors_end,
            start_new_session=True,
        )
    finally:
        # Only the children hold the writing ends now: their end is the output's end.
        for descriptor in {output_end, errors_end}:
            os.close(descriptor)
    try:
        code = await cancellation.unless_told(process.wait())
        if code is None:
            await _stop(process)
        # What a step left running in the background may hold its output open for ever.
        await asyncio.wait(readers, timeout=_GRACE)
        return code
    finally:
        if process.returncode is None:
            _signal(process.pid, signal.SIGKILL)
            await process.wait()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read(descriptor: int, on_line: OnLine) -> None:
    file = os.fdopen(descriptor, "rb", buffering=0)
    reader = asyncio.StreamReader(limit=_CHUNK)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    rest = b""
    try:
        while chunk := await reader.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for number, line in enumerate(lines):
                on_line(_text(line))
                if number % _LINES_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if len(rest) > _LONGEST_LINE:
                on_line(_text(rest))
                rest = b""
    finally:
        transport.close()
        if rest:
            on_line(_text(rest))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """The whole group: asked first, then killed with whoever ignored it."""
    _signal(process.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _GRACE)
    _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


LOOKUP = "VSTS_PROCESS_LOOKUP_ID"


def end_left_over(lookup: str) -> list[int]:
    """Kill what carries this mark in its environment, as the agent does after a job; answers the ids."""
    ended: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            marks = [
                v for v in (entry / "environ").read_bytes().split(b"\0") if v.startswith(LOOKUP.encode())
            ]
            if any(mark.decode("utf-8", "replace").partition("=")[2].startswith(lookup) for mark in marks):
                os.kill(int(entry.name), signal.SIGKILL)
                ended.append(int(entry.name))
    return ended
