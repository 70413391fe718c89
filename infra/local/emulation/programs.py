"""Programs run to their end; who is cancelled meanwhile ends the program too."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    code: int
    output: bytes
    words: str
    """What it wrote as an error."""


async def run(*command: str, environment: Mapping[str, str], cwd: Path | None = None) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
    )
    try:
        output, words = await process.communicate()
    except asyncio.CancelledError:
        # Not killed: a git that is told to end removes its lock files. It may have ended just now.
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    return Ended(process.returncode or 0, output, words.decode("utf-8", "replace").strip())


def git_environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """For git: nothing from the user's own configuration; what is secret stays out of the command line."""
    configured = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings.items()):
        configured |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        **configured,
    }
