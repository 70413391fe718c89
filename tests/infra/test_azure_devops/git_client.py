"""The real git client, as a developer runs it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.infra.test_azure_devops.client import Repository


async def git(*arguments: str, cwd: Path) -> tuple[int, str]:
    """git as a developer runs it, without the developer's configuration."""
    process = await asyncio.create_subprocess_exec(
        "git",
        "-c",
        "user.name=Dev",
        "-c",
        "user.email=dev@example.com",
        "-c",
        "init.defaultBranch=main",
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(cwd),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        },
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def clone_url(repository: Repository, pat: str | None = None) -> str:
    url: str = repository.body["remoteUrl"]
    return url.replace("http://", f"http://dev:{pat or repository.server.pat}@")
