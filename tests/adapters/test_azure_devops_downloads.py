"""Downloads from Azure DevOps: begun patiently, never begun anew once a byte has come."""

from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOpsPipelines
from domain.kernel.errors import Unavailable
from tests.adapters import pipeline_service, scripted_service
from tests.adapters.pipeline_service import BUILD, HERE, half, record, routed, whole
from tests.adapters.scripted_service import HANDLE, HEAD, ScriptedService, refusal
from tests.pipeline_hosts import read

service, pipelines = scripted_service.service, pipeline_service.pipelines


class TestDownloads:
    def artifact(self, service: ScriptedService, url: str | None = None) -> dict[str, list[Any]]:
        artifact = {"name": "a", "resource": {"downloadUrl": url or f"{service.url}/x/_apis/zip?format=zip"}}
        return {
            "GET build/builds/7": [web.json_response(BUILD)],
            "GET build/builds/7/artifacts": [web.json_response(artifact)],
        }

    async def test_one_that_ends_halfway_is_unavailable_and_not_begun_again(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        service.script = [routed(self.artifact(service) | {"GET zip": [half]})]
        got = b""
        with pytest.raises(Unavailable, match="ended halfway"):
            async for part in pipelines.artifact(HERE, 7, "a"):
                got += part
        assert got == b"half"
        assert service.lines.count("GET zip") == 1

    async def test_one_that_does_not_begin_is_asked_for_again(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        throttled = refusal(429, headers={"Retry-After": "0.1"})
        routes = self.artifact(service) | {"GET zip": [refusal(503), throttled, whole(b"all of it")]}
        service.script = [routed(routes)]
        assert await read(pipelines.artifact(HERE, 7, "a")) == b"all of it"
        assert service.requests[-1].headers["Authorization"].startswith("Basic ")

    async def test_a_sign_in_page_is_no_artifact(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        page = whole(b"<html>Sign in</html>", "text/html")
        service.script = [routed(self.artifact(service) | {"GET zip": [page]})]
        with pytest.raises(Unavailable, match="does not accept our credential"):
            await read(pipelines.artifact(HERE, 7, "a"))

    @pytest.mark.parametrize(
        "url", ["https://evil.example/zip", "http://dev.azure.com/zip", "https://notvisualstudio.com/zip"]
    )
    async def test_our_credential_goes_to_no_foreign_host(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines, url: str
    ) -> None:
        service.script = [routed(self.artifact(service, url))]
        with pytest.raises(Unavailable, match="not its own"):
            await read(pipelines.artifact(HERE, 7, "a"))

    async def test_a_file_that_is_cut_is_read_again(self, service: ScriptedService) -> None:
        service.script = [routed({"GET git/repositories/0d1f/items": [half, whole(b"whole")]})]
        git = service.adapter()
        assert await git.file(HANDLE, HEAD, "a.bin") == b"whole"
        await git.close()

    async def test_a_log_that_is_not_kept_is_left_out(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        tasks = [record("Task", f"t{n}", "j", name=f"step {n}", order=n, log={"id": n}) for n in (1, 2)]
        records = [record("Stage", "s"), record("Phase", "p", "s"), record("Job", "j", "p"), *tasks]
        service.script = [
            routed(
                {
                    "GET build/builds/7": [web.json_response(BUILD)],
                    "GET build/builds/7/timeline": [web.json_response({"records": records})],
                    "GET build/builds/7/logs/1": [refusal(404)],
                    "GET build/builds/7/logs/2": [whole(b"hello", "text/plain")],
                }
            )
        ]
        log = await read(pipelines.logs(HERE, 7))
        assert log == b"== s / p / step 1 ==\n== s / p / step 2 ==\nhello\n"
