"""What every `PipelineProvider` keeps to about runs and what they leave."""

import asyncio
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.provided import ProvidedRun, RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts, pipeline_hosts
from tests.git_hosts import a_minute_ago, until_answered
from tests.pipeline_hosts import PipelineHost, read
from tests.pipeline_yaml import FAILING, GATED, PARAMETERS, PATH

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
host, emulator_pipelines = pipeline_hosts.host, pipeline_hosts.emulator_pipelines
partition, source, pipeline = git_hosts.partition, pipeline_hosts.source, pipeline_hosts.pipeline

TWINS = 3
NO_RUN = 987654


async def started(
    host: PipelineHost, handle: RepositoryHandle, pipeline: str, operation_id: str = "cmd-run", **options: str
) -> ProvidedRun:
    branch = options.get("branch", "main")
    return await host.pipelines.run_pipeline(
        handle, pipeline, branch, operation_id=operation_id, since=a_minute_ago()
    )


class TestStarting:
    async def test_a_repeat_finds_the_run_and_another_operation_starts_another(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        first = await started(host, source, pipeline)
        assert (await started(host, source, pipeline)).run_id == first.run_id
        assert (await started(host, source, pipeline, "cmd-next")).run_id != first.run_id
        assert (await host.census(source.partition)).runs == 2
        assert (first.pipeline_external_id, first.operation_id) == (pipeline, "cmd-run")
        assert (first.branch, first.reason) == ("main", "manual")
        assert first.commit_sha == await host.git.branch_head(source, "main")
        assert first.started_at > a_minute_ago() and first.build_number and first.requested_by

    async def test_one_whose_answer_was_lost_is_found(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        await host.lose_answer("run_pipeline")
        first = await until_answered(lambda: started(host, source, pipeline))
        assert (await started(host, source, pipeline)).run_id == first.run_id
        assert (await host.census(source.partition)).runs == 1

    async def test_twins_come_to_one(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        runs = await asyncio.gather(*(started(host, source, pipeline) for _ in range(TWINS)))
        assert len({run.run_id for run in runs}) == 1
        assert (await host.census(source.partition)).standing == 1

    async def test_what_does_not_exist_is_refused(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        with pytest.raises(Rejected, match=r"^branch nowhere does not exist$"):
            await started(host, source, pipeline, branch="nowhere")
        with pytest.raises(Rejected, match=r"^pipeline 99999 does not exist$"):
            await started(host, source, "99999")
        later = await host.pipelines.ensure_pipeline(source, "later", "/ci/later.yml", "main")
        with pytest.raises(Rejected, match=r"/ci/later\.yml"):
            await started(host, source, later)
        assert (await host.census(source.partition)).runs == 0

    async def test_a_yaml_that_is_invalid_or_does_not_know_the_parameter_is_refused(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        for yaml in ("stages: [", f"{PARAMETERS}name: no stages\n", "steps: [bash: echo]\n"):
            await host.push(source, PATH, yaml)
            with pytest.raises(Rejected):
                await started(host, source, pipeline)


class TestRuns:
    async def test_a_run_ends_with_its_stages_and_leaves_results_artifacts_and_a_log(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        here, pipelines = source.partition, host.pipelines
        run_id = (await started(host, source, pipeline)).run_id
        run = await host.finished(here, run_id)
        assert run == await pipelines.run(here, run_id)
        assert (run.state, run.result) == ("completed", "succeeded")
        assert run.finished_at is not None and run.finished_at >= run.started_at
        stages = [(one.name, one.state, one.result, one.attempt) for one in run.stages]
        assert stages == [("build", "completed", "succeeded", 1), ("package", "completed", "succeeded", 1)]
        assert [job.name for stage in run.stages for job in stage.jobs] == ["compile", "pack"]
        for _ in range(2):
            results = await pipelines.results(here, run_id)
            assert (results.tests_passed, results.tests_failed, results.coverage) == (2, 1, 75.0)
            assert results.suites == (("unit", 2, 1, 0),)
            assert list(await pipelines.artifact_names(here, run_id)) == ["packages"]
            content = io.BytesIO(await read(pipelines.artifact(here, run_id, "packages")))
            with zipfile.ZipFile(content) as archive:
                files = {one.split("/")[-1]: archive.read(one) for one in archive.namelist()}
            assert files == {"one.txt": b"one\n"}
            lines = (await read(pipelines.logs(here, run_id))).decode().splitlines()
            assert lines[0].startswith("== build / compile / ") and lines[0].endswith(" ==")
            assert any(line.endswith("hello from the build") for line in lines)

    async def test_after_a_failed_stage_the_next_is_skipped(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        await host.push(source, PATH, FAILING)
        run_id = (await started(host, source, pipeline)).run_id
        run = await host.finished(source.partition, run_id, "failed")
        assert [(one.name, one.result) for one in run.stages] == [("build", "failed"), ("package", "skipped")]
        assert run.result == "failed"
        results = await host.pipelines.results(source.partition, run_id)
        assert (results.tests_passed, results.tests_failed, results.coverage) == (0, 0, None)
        assert list(await host.pipelines.artifact_names(source.partition, run_id)) == []

    async def test_what_goes_on_or_happened_since_is_listed(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        here, pipelines = source.partition, host.pipelines
        await host.push(source, PATH, GATED)
        await host.gate(here, "production")
        run_id = (await started(host, source, pipeline)).run_id
        in_an_hour = datetime.now(UTC) + timedelta(hours=1)
        assert list(await pipelines.runs_since(here, [pipeline], in_an_hour)) == [run_id]
        approval = await host.at_gate(here, run_id)
        await pipelines.decide(here, approval, approved=False, comment="not today")
        await host.finished(here, run_id, "failed")
        assert list(await pipelines.runs_since(here, [pipeline], in_an_hour)) == []
        assert list(await pipelines.runs_since(here, [pipeline], a_minute_ago())) == [run_id]
        assert list(await pipelines.runs_since(here, [], a_minute_ago())) == []

    async def test_what_does_not_exist_or_is_another_projects_is_not_there(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        here = source.partition
        run_id = (await started(host, source, pipeline)).run_id
        other = Partition(here.tenant_id, "other")
        for place, number in ((here, NO_RUN), (other, run_id)):
            assert await host.pipelines.run(place, number) is None
            missing = f"^run {number} does not exist$"
            with pytest.raises(Rejected, match=missing):
                await host.pipelines.results(place, number)
            with pytest.raises(Rejected, match=missing):
                await host.pipelines.artifact_names(place, number)
            with pytest.raises(Rejected, match=missing):
                await host.pipelines.approvals(place, number)
            with pytest.raises(Rejected, match=missing):
                await read(host.pipelines.logs(place, number))
            with pytest.raises(Rejected, match=missing):
                await read(host.pipelines.artifact(place, number, "packages"))
        with pytest.raises(Rejected, match=f"^run {run_id} has no artifact nothing$"):
            await read(host.pipelines.artifact(here, run_id, "nothing"))


class TestApprovals:
    async def test_a_gate_is_decided_once_and_a_repeat_finds_the_decision(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        here, pipelines = source.partition, host.pipelines
        await host.push(source, PATH, GATED)
        await host.gate(here, "production")
        run_id = (await started(host, source, pipeline)).run_id
        approval = await host.at_gate(here, run_id)
        (waiting,) = await pipelines.approvals(here, run_id)
        assert (waiting.approval_id, waiting.run_id, waiting.status) == (approval, run_id, "pending")
        await host.lose_answer("decide")
        for _ in range(2):
            decided = await until_answered(
                lambda: pipelines.decide(here, approval, approved=True, comment="fine")
            )
            assert (decided.approval_id, decided.run_id, decided.status) == (approval, run_id, "approved")
        with pytest.raises(Rejected, match=f"^approval {approval} is approved already$"):
            await pipelines.decide(here, approval, approved=False, comment="no")
        assert [one.status for one in await pipelines.approvals(here, run_id)] == ["approved"]
        assert (await host.finished(here, run_id)).result == "succeeded"

    async def test_an_approval_that_does_not_exist_is_refused(
        self, host: PipelineHost, partition: Partition
    ) -> None:
        nowhere = "00000000-0000-4000-8000-000000000000"
        with pytest.raises(Rejected, match=f"^approval {nowhere} does not exist$"):
            await host.pipelines.decide(partition, nowhere, approved=True, comment="")
