"""What the adapter makes of the pipelines' service: answers lost and late, twins, publishers."""

from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOpsPipelines, runs
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts, pipeline_hosts
from tests.adapters import pipeline_service, scripted_service
from tests.adapters.pipeline_service import BUILD, HERE, listing, routed
from tests.adapters.scripted_service import HANDLE, HEAD, ScriptedService, refs, refusal
from tests.git_hosts import a_minute_ago
from tests.pipeline_hosts import EmulatorPipelines
from tests.pipeline_yaml import PATH

service, pipelines = scripted_service.service, pipeline_service.pipelines
azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
emulator_pipelines, source = pipeline_hosts.emulator_pipelines, pipeline_hosts.source
partition = git_hosts.partition
LAG = 0.6
"""Seconds that a listing stays behind: longer than everything that the test does meanwhile."""


@pytest.fixture
def host(emulator_pipelines: EmulatorPipelines) -> EmulatorPipelines:
    """Here only the real adapter."""
    return emulator_pipelines


async def start(pipelines: AzureDevOpsPipelines) -> int:
    run = await pipelines.run_pipeline(HANDLE, "3", "main", operation_id="cmd-1", since=a_minute_ago())
    return run.run_id


class TestStartingRuns:
    async def test_an_unknown_outcome_is_looked_for_until_the_listing_shows_it(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        service.script = [
            routed(
                {
                    "GET build/builds": [listing(), listing(), listing(BUILD)],
                    "POST pipelines/3/runs": [refusal(503)],
                    "GET build/builds/7": [web.json_response(BUILD)],
                    "GET build/builds/7/timeline": [web.Response(status=204)],
                }
            )
        ]
        assert await start(pipelines) == 7
        assert service.lines.count("POST pipelines/3/runs") == 1

    async def test_what_does_not_show_is_not_started_again_but_left_to_the_next_delivery(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runs, "_LONGEST_LAG", 0.2)
        service.script = [routed({"GET build/builds": [listing()], "POST pipelines/3/runs": [refusal(503)]})]
        with pytest.raises(Unavailable, match="503"):
            await start(pipelines)
        assert service.lines.count("POST pipelines/3/runs") == 1

    async def test_a_throttled_start_is_sent_again(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        throttled = refusal(429, message="TF400733: blocked", headers={"Retry-After": "0.1"})
        service.script = [
            routed(
                {
                    "GET build/builds": [listing(), listing(BUILD)],
                    "POST pipelines/3/runs": [throttled, web.json_response({"id": 7})],
                    "GET build/builds/7": [web.json_response(BUILD)],
                    "GET build/builds/7/timeline": [web.json_response({"records": []})],
                }
            )
        ]
        assert await start(pipelines) == 7

    async def test_of_twins_the_younger_is_taken_back(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        own = {**BUILD, "id": 9}
        service.script = [
            routed(
                {
                    "GET build/builds": [listing(), listing(BUILD), listing(own, BUILD)],
                    "POST pipelines/3/runs": [web.json_response({"id": 9})],
                    "PATCH build/builds/9": [web.json_response({})],
                    "GET build/builds/7": [web.json_response(BUILD)],
                    "GET build/builds/7/timeline": [web.json_response({"records": []})],
                }
            )
        ]
        assert await start(pipelines) == 7
        assert "PATCH build/builds/9" in service.lines

    async def test_a_listing_without_parameters_has_each_run_read(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        bare = {name: value for name, value in BUILD.items() if name != "templateParameters"}
        bare, pushed = {**bare, "reason": "manual"}, {**bare, "id": 8, "reason": "individualCI"}
        service.script = [
            routed(
                {
                    "GET build/builds": [listing(pushed, bare)],
                    "GET pipelines/3/runs/7": [web.json_response(BUILD)],
                    "GET build/builds/7": [web.json_response(BUILD)],
                    "GET build/builds/7/timeline": [web.json_response({"records": []})],
                }
            )
        ]
        assert await start(pipelines) == 7
        assert "GET pipelines/3/runs/8" not in service.lines

    async def test_an_invalid_yaml_is_refused_with_the_services_words(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        words = "/azure-pipelines.yml (Line: 3, Col: 1): Unexpected value 'stagess'"
        service.script = [
            routed(
                {
                    "GET build/builds": [listing()],
                    "POST pipelines/3/runs": [refusal(400, "PipelineValidationException", words)],
                    "POST pipelines/3/preview": [refusal(400, "PipelineValidationException", words)],
                    "GET git/repositories/0d1f/refs": [refs()],
                }
            )
        ]
        for call in (start(pipelines), pipelines.preview(HANDLE, "3", "main", "stagess: []")):
            with pytest.raises(Rejected) as caught:
                await call
            assert caught.value.sentence == words


class TestLaggingLists:
    async def test_what_is_not_listed_yet_is_not_made_twice(
        self, host: EmulatorPipelines, source: RepositoryHandle
    ) -> None:
        for path in ("/build/definitions$", "/build/builds$"):
            await host.emulator.fault("lag", "GET", path, times=-1, delay=LAG)
        await host.lose_answer("ensure_pipeline")
        await host.lose_answer("run_pipeline")
        made = [await host.adapter.ensure_pipeline(source, "shop-api", PATH, "main") for _ in range(2)]
        assert made[0] == made[1]
        started = [
            await host.adapter.run_pipeline(
                source, made[0], "main", operation_id="cmd-1", since=a_minute_ago()
            )
            for _ in range(2)
        ]
        assert started[0].run_id == started[1].run_id
        await host.emulator.heal()
        census = await host.census(source.partition)
        assert (census.pipelines, census.runs) == (1, 1)


class TestTemplates:
    async def test_versions_are_ordered_as_numbers_and_other_tags_are_none(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        tags = ["v1.10.0", "v1.9.0", "v2.0.0-rc.1", "v1.9", "vnext", "v01.0.0"]
        service.script = [listing(*({"name": f"refs/tags/{tag}", "objectId": HEAD} for tag in tags))]
        assert list(await pipelines.template_versions(HERE)) == ["1.9.0", "1.10.0"]
        (request,) = service.requests
        assert request.path == (
            "/tenant-a/ConnectSoft/_apis/git/repositories/ConnectSoft.AzurePipelines/refs"
        )

    def test_a_host_of_results_without_a_place_for_each_tenant_is_refused(
        self, service: ScriptedService
    ) -> None:
        with pytest.raises(ValueError, match=r"^test_results_url_template must contain \{tenantId\}"):
            AzureDevOpsPipelines(
                service.adapter().projects, test_results_url_template="https://x/{projectId}"
            )

    def test_a_templates_repository_without_a_project_is_refused(self, service: ScriptedService) -> None:
        with pytest.raises(ValueError, match="templates_repository must be project/repository"):
            AzureDevOpsPipelines(service.adapter().projects, templates_repository="templates")


class TestHooks:
    async def test_each_publisher_has_its_own_version_and_filters(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        made: list[dict[str, Any]] = []

        async def create(request: web.Request) -> web.StreamResponse:
            body = await request.json() | {"id": f"s{len(made)}", "status": "enabled"}
            made.append(body)
            return web.json_response(body)

        async def query(request: web.Request) -> web.StreamResponse:
            publisher = (await request.json())["publisherId"]
            return web.json_response({"results": [one for one in made if one["publisherId"] == publisher]})

        definition = {"id": 3, "name": "shop-api", "project": {"id": "p1"}}
        service.script = [
            routed(
                {
                    "GET build/definitions/3": [web.json_response(definition)],
                    "POST hooks/subscriptionsquery": [query],
                    "POST hooks/subscriptions": [create],
                }
            )
        ]
        types = ["build.complete", "ms.vss-pipelines.run-state-changed-event"]
        hooks = await pipelines.register_pipeline_hooks(HANDLE, "3", types)
        assert [hook.event_type for hook in hooks] == types
        by_type = {one["eventType"]: one for one in made}
        build, run = (by_type[one] for one in types)
        assert (build["publisherId"], build["resourceVersion"]) == ("tfs", "2.0")
        assert build["publisherInputs"] == {"projectId": "p1", "definitionName": "shop-api"}
        assert (run["publisherId"], run["resourceVersion"]) == ("pipelines", "5.1-preview.1")
        assert run["publisherInputs"] == {"projectId": "p1", "pipelineId": "3"}


async def test_another_tenant_is_another_place(
    service: ScriptedService, pipelines: AzureDevOpsPipelines
) -> None:
    service.script = [refusal(404)]
    assert await pipelines.run(Partition("tenant-b", "shop"), 7) is None
    assert {request.path.split("/")[1] for request in service.requests} == {"tenant-b"}
