"""Logs: written line by line while a task runs, read over REST at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import not_found
from infra.local.azure_devops.pipelines.run_store import build_of, build_url, run_directory, scope_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

_LONGEST_LINE = 1024 * 1024


class TaskLog:
    """One log file. Every line passes the mask before it is written."""

    def __init__(self, emulator: Emulator, run: Json, mask: Callable[[str], str]) -> None:
        self._emulator, self._scope, self._mask = emulator, scope_of(run), mask
        self.id = emulator.state.next_number(f"log/{self._scope}")
        path = log_path(emulator, run, self.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", errors="replace")
        self._lines, self._flushing = 0, False
        self._created = clock.now()
        self._record()

    def write(self, text: str) -> None:
        """One line, or several; each gets the moment before it."""
        moment = clock.now()
        for line in self._mask(text[:_LONGEST_LINE]).split("\n"):
            self._file.write(f"{moment} {line}\n")
            self._lines += 1
        if not self._flushing:
            # Once for all lines that came together.
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        self._file.close()
        self._record()

    def _record(self) -> None:
        body = {
            "id": self.id,
            "lineCount": self._lines,
            "createdOn": self._created,
            "lastChangedOn": clock.now(),
        }
        self._emulator.state.put("log", self._scope, str(self.id), body)


def log_path(emulator: Emulator, run: Json, log_id: int) -> Path:
    return run_directory(emulator, "logs", run) / f"{log_id}.log"


async def list_logs(call: Call) -> Answer:
    run = build_of(call)
    url = build_url(call.emulator, run)
    found = call.emulator.state.list("log", scope_of(run))
    return listing([{**log, "type": "Container", "url": f"{url}/logs/{log['id']}"} for log in found])


async def get_log(call: Call) -> Answer | web.StreamResponse:
    """Text, or with `Accept: application/json` the lines as a list; startLine counts from 1."""
    run = build_of(call)
    log = call.emulator.state.get("log", scope_of(run), call.params["log"])
    if log is None:
        raise not_found("BuildLogNotFoundException", f"The log {call.params['log']} could not be found.")
    path = log_path(call.emulator, run, log["id"])
    as_json = "application/json" in call.request.headers.get("Accept", "")
    ranged = "startline" in call.query or "endline" in call.query
    if not as_json and not ranged:
        return web.FileResponse(path, headers={"Content-Type": "text/plain; charset=utf-8"})
    first = call.number("startLine", default=1)
    last = call.number("endLine", default=0)
    lines = await asyncio.to_thread(_lines, path, max(first, 1), last)
    if as_json:
        return Answer(200, {"count": len(lines), "value": lines})
    return web.Response(text="".join(f"{line}\n" for line in lines))


def _lines(path: Path, first: int, last: int) -> list[str]:
    found: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if last and number > last:
                break
            if number >= first:
                found.append(line.rstrip("\n"))
    return found


_LOGS = "/{org}/{project}/_apis/build/builds/{build}/logs"

ROUTES = [Route("GET", _LOGS, list_logs), Route("GET", _LOGS + "/{log}", get_log)]
