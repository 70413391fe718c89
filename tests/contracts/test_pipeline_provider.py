"""What every `PipelineProvider` keeps to about pipelines, previews, templates and hooks."""

import asyncio

import pytest

from domain.kernel.errors import Rejected
from domain.kernel.work import Partition
from domain.provided import RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts, pipeline_hosts
from tests.git_hosts import TWINS, until_answered
from tests.pipeline_hosts import PipelineHost
from tests.pipeline_yaml import PATH, YAML

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
host, emulator_pipelines = pipeline_hosts.host, pipeline_hosts.emulator_pipelines
partition, source, pipeline = git_hosts.partition, pipeline_hosts.source, pipeline_hosts.pipeline

EVENTS = (
    "ms.vss-pipelines.run-state-changed-event",
    "build.complete",
    "ms.vss-pipelines.stage-state-changed-event",
)


async def test_the_versions_of_the_templates_come_oldest_first(
    host: PipelineHost, partition: Partition
) -> None:
    for _ in range(2):
        assert list(await host.pipelines.template_versions(partition)) == ["1.0.0", "1.1.0"]


class TestPipelines:
    async def test_asking_twice_makes_one_also_before_its_yaml_is_there(
        self, host: PipelineHost, source: RepositoryHandle
    ) -> None:
        made = [
            await host.pipelines.ensure_pipeline(source, "shop-api", "/ci/later.yml", "main")
            for _ in range(2)
        ]
        assert made[0] == made[1]
        assert (await host.census(source.partition)).pipelines == 1

    async def test_one_whose_answer_was_lost_is_found(
        self, host: PipelineHost, source: RepositoryHandle
    ) -> None:
        await host.lose_answer("ensure_pipeline")
        made = await until_answered(lambda: host.pipelines.ensure_pipeline(source, "shop-api", PATH, "main"))
        assert made == await host.pipelines.ensure_pipeline(source, "shop-api", PATH, "main")
        assert (await host.census(source.partition)).pipelines == 1

    async def test_twins_make_one(self, host: PipelineHost, source: RepositoryHandle) -> None:
        twins = (host.pipelines.ensure_pipeline(source, "shop-api", PATH, "main") for _ in range(TWINS))
        assert len({*(await asyncio.gather(*twins))}) == 1
        assert (await host.census(source.partition)).pipelines == 1

    async def test_a_name_of_another_yaml_is_refused(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        for name in ("shop-api", "Shop-API"):
            with pytest.raises(
                Rejected, match=f"^the pipeline name {name} is taken by another YAML, {PATH}$"
            ):
                await host.pipelines.ensure_pipeline(source, name, "/other.yml", "main")
        other = await host.git.create_repository(
            source.partition, "other", "main", initialize=True, operation_id="cmd-other"
        )
        with pytest.raises(Rejected, match="is taken by another YAML"):
            await host.pipelines.ensure_pipeline(
                RepositoryHandle(source.partition, other.external_id), "shop-api", PATH, "main"
            )

    async def test_one_of_no_repository_is_refused(self, host: PipelineHost, partition: Partition) -> None:
        nowhere = RepositoryHandle(partition, "00000000-0000-4000-8000-000000000000")
        with pytest.raises(Rejected, match=f"^repository {nowhere.external_id} does not exist$"):
            await host.pipelines.ensure_pipeline(nowhere, "shop-api", PATH, "main")


class TestPreviews:
    async def test_a_preview_tells_the_stages_and_starts_nothing(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        for _ in range(2):
            found = await host.pipelines.preview(source, pipeline, "main", YAML)
            assert [(one.name, one.depends_on, one.jobs) for one in found.stages] == [
                ("build", (), ("compile",)),
                ("package", ("build",), ("pack",)),
            ]
            assert found.stages[0].display_name == "Build it"
            assert "compile" in found.final_yaml
        assert (await host.census(source.partition)).runs == 0

    async def test_what_cannot_be_run_or_does_not_exist_is_refused(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        for yaml in ("stages: [", "name: nothing else\n", "- a\n- list\n"):
            with pytest.raises(Rejected):
                await host.pipelines.preview(source, pipeline, "main", yaml)
        with pytest.raises(Rejected, match=r"^branch nowhere does not exist$"):
            await host.pipelines.preview(source, pipeline, "nowhere", YAML)
        with pytest.raises(Rejected, match=r"^pipeline 99999 does not exist$"):
            await host.pipelines.preview(source, "99999", "main", YAML)


class TestHooks:
    async def test_there_is_one_per_event_type_however_often_they_are_asked_for(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        made = [await host.pipelines.register_pipeline_hooks(source, pipeline, EVENTS) for _ in range(2)]
        assert list(made[0]) == list(made[1])
        assert [hook.event_type for hook in made[0]] == list(EVENTS)
        assert {hook.status for hook in made[0]} == {"enabled"}
        assert (await host.census(source.partition)).hooks == len(EVENTS)

    async def test_one_whose_answer_was_lost_is_found(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        await host.lose_answer("register_pipeline_hooks")
        await until_answered(lambda: host.pipelines.register_pipeline_hooks(source, pipeline, EVENTS))
        assert (await host.census(source.partition)).hooks == len(EVENTS)

    async def test_each_pipeline_has_its_own(
        self, host: PipelineHost, source: RepositoryHandle, pipeline: str
    ) -> None:
        other = await host.pipelines.ensure_pipeline(source, "nightly", PATH, "main")
        for id in (pipeline, other):
            await host.pipelines.register_pipeline_hooks(source, id, EVENTS[:2])
        assert (await host.census(source.partition)).hooks == 4

    async def test_a_pipeline_that_does_not_exist_is_refused(
        self, host: PipelineHost, source: RepositoryHandle
    ) -> None:
        with pytest.raises(Rejected, match=r"^pipeline 99999 does not exist$"):
            await host.pipelines.register_pipeline_hooks(source, "99999", EVENTS)
