"""The `ManifestRenderer` port over the real tools, kubectl's kustomize and Helm; counterpart:
`adapters.memory.manifest_renderer`.

A tool sees a folder of its own with nothing but the files, no other program, and no network; and has no more
than so much memory and time of a processor: a few hundred bytes of YAML can stand for any number.
"""

import asyncio
import contextlib
import errno
import json
import os
import re
import resource
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import override

from adapters import rendering_tools
from adapters.helm_values import nested, require_chart
from adapters.kustomization_references import require_local
from domain.kernel.errors import Rejected, Unavailable, require
from domain.ports import ManifestRenderer

MOST_OUTPUT = 10 * 1024 * 1024
"""bytes"""
MOST_MEMORY = 768 * 1024 * 1024
"""bytes"""
MOST_COMPUTING = 30
"""seconds of a processor"""

_LONGEST_WORDS = 1000
# As Go's runtime says it.
_NO_MEMORY = (b"fatal error: runtime: out of memory", b"fatal error: runtime: cannot allocate memory")
_SETTINGS = "settings.json"
# Nothing listens on the discard port: what a tool would fetch in spite of all checks fails at once.
_NOWHERE = "http://127.0.0.1:9"


class CommandLineRenderer(ManifestRenderer):
    """`helm` is the path of Helm's program, or a name to look for; by default the optional package's."""

    def __init__(self, *, helm: str | None = None, timeout: float = 60.0, at_once: int = 2) -> None:
        """`timeout` is in seconds, for one run of a tool, the wait for its turn aside."""
        self._helm, self._timeout = helm, timeout
        self._turns = asyncio.Semaphore(at_once)

    @override
    async def kustomize(self, files: Mapping[str, bytes], directory: str) -> bytes:
        _require_safe((*files, directory))
        require_local(files, directory)
        tool = rendering_tools.kubectl()
        async with self._turns, _folder(files) as folder:
            at = str(folder / "files" / directory)
            return await self._run(
                folder, tool, "kustomize", at, "--load-restrictor", "LoadRestrictionsRootOnly"
            )

    @override
    async def helm(
        self,
        files: Mapping[str, bytes],
        chart: str,
        *,
        release: str,
        namespace: str,
        values: Sequence[str],
        settings: Mapping[str, str],
    ) -> bytes:
        _require_safe((*files, chart))
        require_chart(files, chart, values)
        tool = await asyncio.to_thread(rendering_tools.helm, self._helm)
        async with self._turns, _folder(files) as folder:
            given = [f"--values={folder / 'files' / path}" for path in values]
            # As a file: on the command line commas, dots and braces in a value would mean something.
            (folder / _SETTINGS).write_text(json.dumps(nested(settings)))
            given.append(f"--values={folder / _SETTINGS}")
            at = str(folder / "files" / chart)
            arguments = ("template", *given, f"--namespace={namespace}", "--", release, at)
            first = await self._run(folder, tool, *arguments)
            # Charts can draw random numbers: what is rendered is not what would be rendered again.
            again = await self._run(folder, tool, *arguments)
            require(first == again, f"chart {chart} renders differently each time: it must not be random")
            return first

    async def _run(self, folder: Path, tool: str, *arguments: str) -> bytes:
        before = _computed()
        process = await asyncio.create_subprocess_exec(
            tool,
            *arguments,
            cwd=folder,
            env=_environment(folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        _limit(process.pid)
        name = Path(tool).name
        try:
            async with asyncio.timeout(self._timeout):
                output, words = await asyncio.gather(_read(process.stdout), _read(process.stderr))
                code = await process.wait()
        except TimeoutError:
            raise Unavailable(name, f"it took longer than {self._timeout:g} seconds") from None
        finally:
            # It may have started others: they are all of its session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        # Killed, too, is who has computed for too long (the kernel's two clocks differ a little); a good
        # while earlier it was somebody else's doing.
        is_long = _computed() - before >= 0.5 * MOST_COMPUTING
        is_spent = is_long and code in (-signal.SIGKILL, -signal.SIGXCPU)
        require(
            not (is_spent or words.startswith(_NO_MEMORY)),
            f"{name} can't render: it takes more memory or time than anything may",
        )
        if code < 0:
            raise Unavailable(name, f"it was ended by signal {-code}")
        if code:
            raise Rejected(_said(name, words, folder))
        return output


def _computed() -> float:
    """Seconds of a processor that tools have taken which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _limit(pid: int) -> None:
    """What is beyond it fails in the tool itself. Only Linux can limit another process."""
    if sys.platform == "linux":
        # It may have ended already.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
            resource.prlimit(pid, resource.RLIMIT_CPU, (MOST_COMPUTING, MOST_COMPUTING))


def _require_safe(paths: Sequence[str]) -> None:
    for path in paths:
        parts = path.split("/")
        escapes = any(part in ("", ".", "..") for part in parts) or re.search(r"[\x00-\x1f\x7f\\]", path)
        require(not escapes, f"{path!r} is not a path below the root")


@contextlib.asynccontextmanager
async def _folder(files: Mapping[str, bytes]) -> AsyncIterator[Path]:
    """With the files in `files`, and an empty `home`."""
    with tempfile.TemporaryDirectory(prefix="render-") as name:
        folder = Path(name).resolve()
        await asyncio.to_thread(_write, folder, files)
        yield folder


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    (folder / "home").mkdir()
    for path, content in files.items():
        target = folder / "files" / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # Exclusive, so that nothing that is there already, least of all a link, is written through.
            with target.open("xb") as file:
                file.write(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise Rejected(f"{path} can't be a file: another is its folder, or is in it") from None
        except ValueError:
            raise Rejected(f"{path!r} can't be a file's name") from None
        except OSError as error:
            require(error.errno != errno.ENAMETOOLONG, f"{path} is too long for a file's name")
            raise


def _environment(folder: Path) -> dict[str, str]:
    """Without a PATH to find git by, nor anything of this process's own."""
    proxies = {f"{kind}_PROXY": _NOWHERE for kind in ("HTTP", "HTTPS", "ALL")}
    return {"HOME": str(folder / "home"), "PATH": str(folder / "home"), "LANG": "C.UTF-8", **proxies}


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    found = bytearray()
    while piece := await stream.read(64 * 1024):
        found += piece
        require(len(found) <= MOST_OUTPUT, f"what is rendered is larger than {MOST_OUTPUT} bytes")
    return bytes(found)


def _said(name: str, words: bytes, folder: Path) -> str:
    """The tool's own words, without the warnings before them and the folder that they were said in."""
    text = words.decode("utf-8", "replace").replace(f"{folder}/files/", "").replace(str(folder), "")
    marked = re.search(r"^error: ", text, re.IGNORECASE | re.MULTILINE)
    sentence = " ".join((text[marked.end() :] if marked else text).split())
    return f"{name} can't render: {sentence[:_LONGEST_WORDS] or 'it does not say why'}"
