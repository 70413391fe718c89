"""`make demo` as its user sees it: exit codes, the words, and what a killed run leaves behind."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 400.0


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "infra.local.demo", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
        start_new_session=True,
    )


async def finished(process: asyncio.subprocess.Process) -> tuple[int, str]:
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def children_of(pid: int) -> set[int]:
    """Direct children, by /proc: the demo's servers."""
    tasks = Path(f"/proc/{pid}/task")
    return {int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()}


@pytest.mark.timeout(200)
async def test_a_folder_of_the_users_is_delivered_and_proved(tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "README.md").write_text("# Mine\n")
    (tmp_path / "src" / "deep" / "ünïcode name.txt").write_text("é漢😀\r\nno newline at the end")
    (tmp_path / "logo.bin").write_bytes(bytes(range(256)) * 4096)
    (tmp_path / "empty").write_text("")
    for number in range(4):
        (tmp_path / f"large{number}.bin").write_bytes(os.urandom(1_500_000))

    code, output = await finished(await start("--source", str(tmp_path)))

    assert code == 0, output
    assert "holds all 8 files, byte for byte" in output
    assert output.count("CreateCommit over HTTP") == 2, "more than a command's worth goes in two"
    assert "required check ci/build has failed" in output
    assert output.index("RepositoryProvisioned") < output.index("PullRequestMerged")


EVERY_FACT = (
    *("RepositoryProvisioned", "BranchCreated", "CommitCreated", "PullRequestOpened", "PullRequestMerged"),
    *("PipelineGenerated", "PipelineRunStarted", "BuildCompleted"),
    *("PackagePublished", "ContainerImageBuilt", "ReleasePlanned", "ReleaseApproved"),
    *("DeploymentManifestRendered", "DeploymentPromoted", "InfrastructureProvisioned", "GitOpsSynced"),
)


@pytest.mark.timeout(420)
async def test_the_sample_service_comes_down_the_whole_path_and_a_bad_version_goes_back() -> None:
    code, output = await finished(await start())
    assert code == 0, output
    told = " ".join(output.split())
    assert "BuildCompleted: Succeeded, 5 tests passed, 0 failed, coverage" in told
    assert 'is refused: "approver must differ from the planning identity"' in told
    assert "readiness: nothing stands in the way of its promotion" in told
    assert "InfrastructureProvisioned: reservations/dev previewed and applied as previewed" in told
    for environment, strategy in (
        ("dev", "RollingUpdate"),
        ("test", "BlueGreen"),
        ("staging", "Canary"),
        ("prod", "BlueGreen"),
    ):
        assert re.search(rf"DeploymentPromoted: \S+ is in {environment} by {strategy}: ", told), told
    assert "is in test by BlueGreen: DeployGreen 0 % → SwitchTraffic → RetireBlue" in told
    in_order("PromoteDeployment by ada over HTTP: 202", "is in prod by", told=told)
    in_order(
        "the canary passed at 10 %; at 50 % it begins to answer with errors",
        "the promotion to staging Failed:",
        "error_rate{",
        "is 0.4, must be at most 0.05",
        "by itself: Git at",
        told=told,
    )
    for environment in ("dev", "prod", "staging"):
        assert f"GitOpsSynced: {environment} runs " in told
    assert re.search(r"a request to prod is answered by \S+: sha256:", told)
    # One tree with one root, from the first fact to the last; `↳` only follows.
    assert output.count("\ntrace-") == 1
    tree = output[output.index("\ntrace-") + 1 :]
    for fact in EVERY_FACT:
        assert re.search(rf"\b{fact}\b", tree), f"{fact} is not in the tree: {tree}"
    (root,) = (line for line in tree.splitlines() if re.match(r"[├└]── (?!↳)", line))
    assert "ProvisionRepository" in root


def in_order(*sentences: str, told: str) -> None:
    """Each is told, and after the one before it."""
    place = 0
    for sentence in sentences:
        found = told.find(sentence, place)
        assert found >= 0, f"{sentence!r} is not told there: {told[place:]}"
        place = found


@pytest.mark.timeout(300)
async def test_a_folder_that_says_nothing_of_its_deployment_is_told_why_it_is_not_promoted(
    tmp_path: Path,
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1.0.0"\n')
    (tmp_path / "mine.py").write_text("ANSWER = 42\n")
    (tmp_path / "tests").mkdir()
    test = "import mine\n\ndef test_answer():\n    assert mine.ANSWER == 42\n"
    (tmp_path / "tests" / "test_mine.py").write_text(test)

    code, output = await finished(await start("--source", str(tmp_path)))

    assert code == 0, output
    told = " ".join(output.split())
    assert "ApproveRelease by grace: ReleaseApproved" in told
    in_order("the platform itself does not promote it: ", "deploy/overlays/dev", told=told)
    assert "DeploymentPromoted" not in output


@pytest.mark.timeout(300)
async def test_a_folder_whose_own_tests_fail_stops_at_its_build(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1.0.0"\n')
    (tmp_path / "mine.py").write_text("ANSWER = 41\n")
    (tmp_path / "tests").mkdir()
    test = "import mine\n\ndef test_answer():\n    assert mine.ANSWER == 42\n\ndef test_it():\n    pass\n"
    (tmp_path / "tests" / "test_mine.py").write_text(test)

    code, output = await finished(await start("--source", str(tmp_path)))

    assert code == 0, output
    told = " ".join(output.split())
    assert "BuildCompleted: Failed, 1 tests passed, 1 failed" in told
    assert "PlanRelease over HTTP is refused:" in told
    assert "is Failed: a release references a successful build (1 tests failed)" in told
    assert "ReleasePlanned" not in output


async def test_a_folder_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    code, output = await finished(await start("--source", str(tmp_path / "nowhere")))
    assert code == 1
    assert "nowhere is not a folder" in " ".join(output.split())


@pytest.mark.timeout(200)
async def test_a_killed_demo_takes_its_servers_with_it(tmp_path: Path) -> None:
    process = await start()
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        while b"the laptop cloud is up" not in (line := await process.stdout.readline()):
            assert line, "the demo ended before it was up"
    servers = children_of(process.pid)
    assert len(servers) >= 4

    process.send_signal(signal.SIGKILL)
    await process.communicate()

    watches = [asyncio.create_task(gone(server)) for server in servers]
    async with asyncio.timeout(20):
        await asyncio.gather(*watches)


async def gone(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
