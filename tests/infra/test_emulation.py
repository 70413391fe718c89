"""What the emulators share: programs that end with whoever runs them, and faults of known modes only."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from infra.local.emulation.faults import HOOK_MODES, REQUEST_MODES, Faults, InvalidRule
from infra.local.emulation.programs import run

_ENVIRONMENT = {"PATH": os.environ["PATH"]}


async def test_who_is_cancelled_ends_the_program_too(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    script = "echo $$ > told; exec sleep 60"
    running = asyncio.create_task(run("sh", "-c", script, environment=_ENVIRONMENT, cwd=tmp_path))
    pid = int(await asyncio.to_thread(told.read_text))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_ends_in_the_moment_of_the_cancelling_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    communicate = Process.communicate

    async def cancelled_at_its_end(process: Process) -> None:
        await communicate(process)
        await process.wait()
        with pytest.raises(ProcessLookupError):
            process.terminate()
        raise asyncio.CancelledError

    monkeypatch.setattr(Process, "communicate", cancelled_at_its_end)
    with pytest.raises(asyncio.CancelledError):
        await run("true", environment=_ENVIRONMENT)


def test_only_the_modes_that_an_emulator_knows_are_taken() -> None:
    faults = Faults(REQUEST_MODES, HOOK_MODES)
    faults.add({"rules": [{"mode": "429"}, {"mode": "drop-hook"}]})
    for refused in (
        [{"mode": "lag"}],
        ["429"],
        {"mode": "429"},
        [{"mode": "503", "match": {"pathRegex": "("}}],
    ):
        with pytest.raises(InvalidRule):
            faults.add(refused)
    assert faults.render()["count"] == 2
    with pytest.raises(InvalidRule, match="unknown fault"):
        Faults().add([{"mode": "drop-hook"}])
