"""The published templates: every one expands, and a Python service is really built, packed and pushed."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from tests.infra.container_registry_fixture import RunningRegistry, registry
from tests.infra.oci_client import OciClient
from tests.infra.test_azure_devops.client import ORG, ZERO, Json, Repository, Running, edit

__all__ = ["registry"]

TEMPLATES = ("dotnet-api", "dotnet-library", "python-service", "front-end")
SOURCE = """
def whole(text: str) -> int:
    if not text:
        return 0
    return int(text)
"""
TEST = """
import unittest
from billing import whole

class Whole(unittest.TestCase):
    def test_text_becomes_a_number(self) -> None:
        self.assertEqual(whole("7"), 7)

def test_more() -> None:
    assert whole("8") == 8
"""


def pipeline(template: str, version: str = "v1.1.0", image: str = "acme/shop/billing") -> str:
    return f"""
trigger: none
name: 1.0.$(Rev:r)
parameters:
- name: csOperationId
  type: string
  default: none
resources:
  repositories:
  - repository: templates
    type: git
    name: ConnectSoft/ConnectSoft.AzurePipelines
    ref: refs/tags/{version}
extends:
  template: {template}.yml@templates
  parameters:
    csOperationId: ${{{{ parameters.csOperationId }}}}
    moduleId: Acme.Billing
    feed: main
    imageRepository: {image}
"""


def contents(archive: zipfile.ZipFile, ending: str) -> bytes:
    """The one file whose name ends so."""
    (name,) = [name for name in archive.namelist() if name.endswith(ending)]
    return archive.read(name)


class Service:
    """A repository with a small Python module, and its pipeline."""

    def __init__(self, repository: Repository, commit: str, pipeline_id: int) -> None:
        self.repository, self.commit, self.id = repository, commit, pipeline_id
        self.project = repository.project

    @classmethod
    async def create(cls, server: Running, text: str) -> Service:
        project = await server.project()
        repository = await project.repository()
        files = {"/azure-pipelines.yml": text, "/src/billing.py": SOURCE, "/tests/test_billing.py": TEST}
        commit = await repository.commit("main", ZERO, files)
        body = {
            "name": "billing",
            "configuration": {
                "type": "yaml",
                "path": "azure-pipelines.yml",
                "repository": {"id": repository.id, "type": "azureReposGit"},
            },
        }
        made = await project.call("POST", "pipelines", body)
        assert made.status == 200, made
        return cls(repository, commit, made.body["id"])

    async def run(self, *skipped: str) -> Json:
        """A run to its end; these start a dozen processes, so they may take longer than a request."""
        body = {"templateParameters": {"csOperationId": "op-1"}, "stagesToSkip": skipped}
        started = await self.project.call("POST", f"pipelines/{self.id}/runs", body)
        assert started.status == 200, started
        path = f"build/builds/{started.body['id']}"
        async with asyncio.timeout(60):
            while (build := (await self.project.call("GET", path)).body)["status"] != "completed":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        found: Json = build
        return found

    async def log(self, build: Json) -> str:
        listed = await self.project.call("GET", f"build/builds/{build['id']}/logs")
        texts = []
        for log in listed.value:
            path = f"build/builds/{build['id']}/logs/{log['id']}"
            texts.append((await self.project.call("GET", path, accept="text/plain")).body.decode())
        return "\n".join(texts)

    async def artifact(self, build: Json, name: str) -> zipfile.ZipFile:
        path = f"build/builds/{build['id']}/artifacts?artifactName={name}&$format=zip"
        found = await self.project.call("GET", path, accept="application/zip")
        assert found.status == 200, found
        return zipfile.ZipFile(io.BytesIO(found.body))

    async def tests(self, build: Json) -> Json:
        path = f"testresults/resultsummarybybuild?buildId={build['id']}"
        found = await self.project.call("GET", path, version="7.1-preview.1")
        assert found.status == 200, found
        outcomes = found.body["aggregatedResultsAnalysis"]["resultsByOutcome"]
        return {name: outcome["count"] for name, outcome in outcomes.items() if outcome["count"]}


@pytest_asyncio.fixture(scope="module")
async def agent(
    registry: RunningRegistry, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """An emulator whose agents know the registry."""
    environment = {
        "CS_REGISTRY_URL": registry.url,
        "CS_REGISTRY_USER": registry.user,
        "CS_REGISTRY_PASSWORD": registry.password,
    }
    options = [f"--agent-environment={name}={value}" for name, value in environment.items()]
    running = await Running.start(tmp_path_factory.mktemp("agent"), "--latency-ms", "20", *options)
    yield running
    assert await running.stop() == 0


async def test_every_template_of_every_version_expands_to_build_and_package(agent: Running) -> None:
    service = await Service.create(agent, pipeline("python-service"))
    for version in ("v1.0.0", "v1.1.0"):
        for template in TEMPLATES:
            body = {"yamlOverride": pipeline(template, version)}
            reply = await service.project.call("POST", f"pipelines/{service.id}/preview", body)
            assert reply.status == 200, (version, template, reply.body)
            stages = yaml.safe_load(reply.body["finalYaml"])["stages"]
            assert [(stage["stage"], stage["dependsOn"]) for stage in stages] == [
                ("build", []),
                ("package", ["build"]),
            ]
            assert "${{" not in reply.body["finalYaml"]


async def test_the_templates_are_the_same_commits_in_every_organization(agent: Running) -> None:
    path = "ConnectSoft/_apis/git/repositories/ConnectSoft.AzurePipelines/refs"
    mine, theirs = [
        {ref["name"]: ref["objectId"] for ref in (await agent.call("GET", f"/{org}/{path}")).value}
        for org in (ORG, "globex")
    ]
    assert set(mine) == {"refs/heads/main", "refs/tags/v1.0.0", "refs/tags/v1.1.0"}
    assert mine == theirs
    assert mine["refs/tags/v1.0.0"] != mine["refs/tags/v1.1.0"] == mine["refs/heads/main"]


async def test_a_python_service_is_tested_packed_and_pushed(
    agent: Running, registry: RunningRegistry
) -> None:
    image = registry.repository()
    service = await Service.create(agent, pipeline("python-service", image=image))
    build = await service.run()
    assert build["result"] == "succeeded", await service.log(build)
    assert await service.tests(build) == {"Passed": 2}
    await _check_coverage(service, build)
    await _check_package(service, build)
    await _check_image(service, build, registry, image)


async def _check_coverage(service: Service, build: Json) -> None:
    found = await service.project.call(
        "GET", f"testresults/codecoverage?buildId={build['id']}", version="7.1-preview.1"
    )
    lines = next(s for s in found.body["coverageData"][0]["coverageStats"] if s["label"] == "Lines")
    # The empty text is not tested.
    assert (lines["covered"], lines["total"]) == (3, 4)


async def _check_package(service: Service, build: Json) -> None:
    artifact = await service.artifact(build, "packages")
    package = zipfile.ZipFile(io.BytesIO(contents(artifact, "Acme.Billing.1.0.1.nupkg")))
    assert {"Acme.Billing.nuspec", "[Content_Types].xml", "content/src/billing.py"} <= set(package.namelist())
    nuspec = package.read("Acme.Billing.nuspec").decode()
    assert "<version>1.0.1</version>" in nuspec
    assert service.commit in nuspec
    assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}


async def _check_image(service: Service, build: Json, registry: RunningRegistry, image: str) -> None:
    artifact = await service.artifact(build, "images")
    listed = json.loads(contents(artifact, "images.json"))
    digest = listed[0]["digest"]
    assert listed == [
        {
            "registry": registry.url.removeprefix("http://"),
            "repository": image,
            "tag": "1.0.1",
            "digest": digest,
        }
    ]
    async with OciClient(registry, image) as client:
        pulled = await client.send("GET", "manifests/1.0.1")
        assert pulled.headers["Docker-Content-Digest"] == digest
        assert pulled.body["annotations"]["org.opencontainers.image.revision"] == service.commit
        assert pulled.body["annotations"]["org.opencontainers.image.version"] == "1.0.1"


async def test_a_failing_test_fails_the_run_and_its_results_are_published(agent: Running) -> None:
    service = await Service.create(agent, pipeline("python-service"))
    broken = edit(
        "/tests/test_billing.py", TEST + "\n\ndef test_wrong() -> None:\n    assert whole('1') == 2\n"
    )
    assert (await service.repository.push("main", service.commit, broken)).status == 201
    build = await service.run()
    assert build["result"] == "failed"
    records = (await service.project.call("GET", f"build/builds/{build['id']}/timeline")).body["records"]
    assert next(record["result"] for record in records if record["name"] == "Test") == "failed"
    assert await service.tests(build) == {"Passed": 2, "Failed": 1}
    found = await service.project.call("GET", f"build/builds/{build['id']}/artifacts")
    assert found.value == []


async def test_the_same_commit_gives_the_same_package_and_image(
    agent: Running, registry: RunningRegistry
) -> None:
    text = pipeline("python-service", image=registry.repository()).replace("1.0.$(Rev:r)", "2.0.0")
    service = await Service.create(agent, text)
    found = []
    for _ in range(2):
        build = await service.run("build")
        assert build["result"] == "succeeded", await service.log(build)
        packages, images = await service.artifact(build, "packages"), await service.artifact(build, "images")
        found.append([contents(packages, ".nupkg"), contents(images, "images.json")])
    assert found[0] == found[1]
