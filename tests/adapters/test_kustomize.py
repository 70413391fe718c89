"""The tools that render manifests: what they are given, what they can't reach, and how they end."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters import kustomize
from adapters.kustomize import CommandLineRenderer
from domain.kernel.errors import Rejected, Unavailable
from tests.domain.devops.release.manifests import kustomization

CHART = {"chart/Chart.yaml": b"", "values/a.yaml": b"a: 1"}
HERE: dict[str, Any] = {"release": "shop", "namespace": "here", "values": (), "settings": {}}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the adapter makes its folders; none may stay."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def tool(tmp_path: Path) -> "Tool":
    return Tool(tmp_path)


class Tool:
    """A program in Helm's place."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "helm"

    def does(self, *lines: str, **how: Any) -> CommandLineRenderer:
        """A renderer that runs this."""
        code = "\n".join(("import json, os, socket, sys", *lines))
        self._path.write_text(f"#!{sys.executable} -I\n{code}\n")
        self._path.chmod(0o700)
        return CommandLineRenderer(helm=str(self._path), **how)


async def test_helm_is_told_the_chart_the_values_and_nothing_of_this_process(
    tool: Tool, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_APP", "x")
    renderer = tool.does(
        "files = [a.partition('=')[2] for a in sys.argv if a.startswith('--values')]",
        "print(json.dumps([sys.argv[1:], [open(f).read() for f in files], dict(os.environ)]))",
    )
    here = HERE | {"values": ["values/a.yaml"], "settings": {"image.tag": "1,2"}}
    arguments, values, environment = yaml.safe_load(await renderer.helm(CHART, "chart", **here))
    folder = Path(environment["HOME"]).parent
    assert folder.parent == temporary
    assert arguments == [
        "template",
        f"--values={folder}/files/values/a.yaml",
        f"--values={folder}/settings.json",
        "--namespace=here",
        "--",
        "shop",
        f"{folder}/files/chart",
    ]
    assert values == ["a: 1", '{"image": {"tag": "1,2"}}']
    assert "SECRET_OF_THE_APP" not in environment
    assert environment["PATH"] == environment["HOME"]


async def test_a_random_chart_is_refused(tool: Tool, temporary: Path) -> None:
    renderer = tool.does("print(os.urandom(8).hex())")
    with pytest.raises(Rejected, match="chart chart renders differently each time"):
        await renderer.helm(CHART, "chart", **HERE)


async def test_the_tools_words_come_without_warnings_and_without_its_folder(
    tool: Tool, temporary: Path
) -> None:
    renderer = tool.does(
        "sys.stderr.write(f'WARNING: old\\nError: can not read {sys.argv[-1]}:\\n  no such thing\\n')",
        "sys.exit(3)",
    )
    with pytest.raises(Rejected) as refused:
        await renderer.helm(CHART, "chart", **HERE)
    assert refused.value.sentence == "helm can't render: can not read chart: no such thing"


async def test_too_much_is_refused(tool: Tool, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kustomize, "MOST_OUTPUT", 1000)
    renderer = tool.does("while True: print('x' * 100)")
    with pytest.raises(Rejected, match="larger than 1000 bytes"):
        await renderer.helm(CHART, "chart", **HERE)


async def test_a_setting_below_a_setting_is_refused(tool: Tool) -> None:
    here = HERE | {"settings": {"image": "a", "image.tag": "b"}}
    with pytest.raises(Rejected, match=r"setting image\.tag is below another setting"):
        await tool.does("").helm(CHART, "chart", **here)


class Meeting:
    """Where running tools call in, and wait."""

    def __init__(self) -> None:
        self.there = 0
        self.came, self.left = asyncio.Event(), asyncio.Event()
        self.may_go = asyncio.Event()

    async def call_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.there += 1
        self.came.set()
        end = asyncio.create_task(reader.read())
        go = asyncio.create_task(self.may_go.wait())
        await asyncio.wait([end, go], return_when=asyncio.FIRST_COMPLETED)
        go.cancel()
        writer.close()
        await end
        self.there -= 1
        self.left.set()


@pytest.fixture
async def meeting(tmp_path: Path) -> AsyncIterator[Meeting]:
    meeting = Meeting()
    server = await asyncio.start_unix_server(meeting.call_in, tmp_path / "meeting")
    yield meeting
    meeting.may_go.set()
    server.close()


CALL_IN = (
    "line = socket.socket(socket.AF_UNIX)",
    "line.connect(os.path.join(os.path.dirname(__file__), 'meeting'))",
    "line.recv(1)",
)


async def test_a_tool_that_takes_too_long_is_ended(tool: Tool, meeting: Meeting, temporary: Path) -> None:
    renderer = tool.does(*CALL_IN, timeout=1.0)
    with pytest.raises(Unavailable, match="helm is unavailable: it took longer than 1 seconds"):
        await renderer.helm(CHART, "chart", **HERE)
    async with asyncio.timeout(10):
        await meeting.left.wait()


async def test_a_tool_that_nobody_waits_for_any_more_is_ended_with_all_that_it_started(
    tool: Tool, meeting: Meeting, temporary: Path
) -> None:
    renderer = tool.does("if os.fork(): os.wait()", *CALL_IN)
    task = asyncio.create_task(renderer.helm(CHART, "chart", **HERE))
    await meeting.came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        await meeting.left.wait()


async def test_a_tool_that_is_killed_is_to_be_run_again(tool: Tool, temporary: Path) -> None:
    renderer = tool.does("os.kill(os.getpid(), 9)")
    with pytest.raises(Unavailable, match="ended by signal 9"):
        await renderer.helm(CHART, "chart", **HERE)


async def test_only_two_run_at_once(tool: Tool, meeting: Meeting, temporary: Path) -> None:
    renderer = tool.does(*CALL_IN)
    tasks = [asyncio.create_task(renderer.helm(CHART, "chart", **HERE)) for _ in range(3)]
    while meeting.there < 2:
        meeting.came.clear()
        await meeting.came.wait()
    # That a third does not come can only be waited for.
    await asyncio.sleep(0.3)
    assert meeting.there == 2
    meeting.may_go.set()
    assert await asyncio.gather(*tasks) == [b"", b"", b""]


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", "a/./b", "a\\b", "a\nb", "", "a/", "a\x00"])
async def test_a_path_that_would_leave_the_folder_is_refused(path: str, temporary: Path) -> None:
    files = {path: b"", "top/kustomization.yaml": kustomization()}
    with pytest.raises(Rejected, match="is not a path below the root"):
        await CommandLineRenderer().kustomize(files, "top")


@pytest.mark.parametrize("paths", [("top/a", "top/a/b"), ("top/a/b", "top/a"), ("top/" + "x" * 300,)])
async def test_paths_that_can_not_be_together_are_refused(paths: tuple[str, ...], temporary: Path) -> None:
    files = dict.fromkeys(paths, b"") | {"top/kustomization.yaml": kustomization()}
    with pytest.raises(Rejected, match=r"can't be a file|too long for a file's name"):
        await CommandLineRenderer().kustomize(files, "top")


@pytest.mark.parametrize("reference", ["https://example.invalid/x.yaml", "https://github.com/a/b//c?ref=d"])
async def test_the_tool_reaches_no_network_by_itself(
    reference: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kustomize, "require_local", lambda files, directory: None)
    with pytest.raises(Rejected) as refused:
        await CommandLineRenderer().kustomize({"top/kustomization.yaml": kustomization(reference)}, "top")
    assert "127.0.0.1:9" in refused.value.sentence or "no 'git' program" in refused.value.sentence
