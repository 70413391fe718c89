"""Definitions: created as pipelines, found and changed as build definitions, previewed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.infra.test_azure_devops.client import ZERO, Json, Project, Repository, edit
from tests.infra.test_azure_devops.pipeline_ground import configuration, define


async def test_a_pipeline_is_made_without_reading_its_yaml(project: Project, repository: Repository) -> None:
    made = await define(project, repository, "api", folder="team/a")
    assert made.status == 200
    assert (made.body["id"], made.body["revision"], made.body["folder"]) == (1, 1, "\\team\\a")
    found = await project.call("GET", "pipelines/1")
    assert found.body["configuration"] == {
        "type": "yaml",
        "path": "/azure-pipelines.yml",
        "repository": {"id": repository.id, "type": "azureReposGit"},
    }
    whole = (await project.call("GET", "build/definitions/1")).body
    assert (whole["name"], whole["path"], whole["queueStatus"]) == ("api", "\\team\\a", "enabled")
    assert whole["process"] == {"yamlFilename": "/azure-pipelines.yml", "type": 2}
    assert (whole["repository"]["id"], whole["repository"]["type"]) == (repository.id, "TfsGit")


async def test_ids_count_in_each_project(project: Project, repository: Repository) -> None:
    other = await project.server.project()
    assert [(await define(project, repository, name)).body["id"] for name in ("a", "b")] == [1, 2]
    assert (await define(other, await other.repository(), "a")).body["id"] == 1


async def test_a_name_is_taken_in_its_folder_whatever_its_case(
    project: Project, repository: Repository
) -> None:
    made = await asyncio.gather(*(define(project, repository, name) for name in ("api", "API", "Api")))
    assert sorted(reply.status for reply in made) == [200, 409, 409]
    refused = next(reply for reply in made if reply.status == 409)
    assert refused.type_key == "PipelineExistsException"
    assert (await define(project, repository, "api", folder="\\other")).status == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"configuration": {"type": "designerJson"}}, 400),
        ({"name": "a/b"}, 400),
        ({"configuration": {"type": "yaml", "path": "/a.yml", "repository": {"type": "gitHub"}}}, 400),
        (
            {
                "configuration": {
                    "type": "yaml",
                    "path": "/a.yml",
                    "repository": {
                        "id": "11111111-1111-1111-1111-111111111111",
                        "type": "azureReposGit",
                    },
                }
            },
            404,
        ),
    ],
)
async def test_a_pipeline_that_can_not_be_is_refused(
    project: Project, repository: Repository, change: Json, status: int
) -> None:
    assert (await define(project, repository, **change)).status == status


async def test_definitions_are_found_by_name_repository_file_and_folder(
    project: Project, repository: Repository
) -> None:
    other = await project.repository("other")
    await define(project, repository, "api")
    await define(
        project, repository, "api-nightly", configuration=configuration(repository, "ci/nightly.yml")
    )
    await define(project, other, "web", folder="team")

    async def names(query: str) -> list[str]:
        return [one["name"] for one in (await project.call("GET", f"build/definitions?{query}")).value]

    assert await names("") == ["api", "api-nightly", "web"]
    assert await names("name=API") == ["api"]
    assert await names("name=api*") == ["api", "api-nightly"]
    assert await names(f"repositoryId={repository.id}&repositoryType=TfsGit") == ["api", "api-nightly"]
    assert await names("yamlFilename=/ci/nightly.yml") == ["api-nightly"]
    assert await names("path=\\team") == ["web"]
    assert await names("definitionIds=1,3") == ["api", "web"]
    without_type = await project.call("GET", f"build/definitions?repositoryId={repository.id}")
    assert without_type.status == 400


async def test_listings_go_on_from_their_token(project: Project, repository: Repository) -> None:
    for number in range(5):
        await define(project, repository, f"p{number}")
    for path in ("build/definitions", "pipelines"):
        found: list[str] = []
        token: str | None = "0"
        while token is not None:
            reply = await project.call("GET", f"{path}?$top=2&continuationToken={token}")
            found += [one["name"] for one in reply.value]
            token = reply.headers.get("x-ms-continuationtoken")
        assert found == ["p0", "p1", "p2", "p3", "p4"]


async def test_a_new_definition_may_be_missing_from_listings_but_not_from_its_id(
    project: Project, repository: Repository
) -> None:
    rule = {"mode": "lag", "delay": 60, "times": 1, "match": {"pathRegex": "/build/definitions$"}}
    await project.server.local("POST", "faults", [rule])
    assert (await define(project, repository)).status == 200
    assert (await project.call("GET", "build/definitions/1")).status == 200
    assert (await project.call("GET", "build/definitions")).value == []
    assert len((await project.call("GET", "build/definitions")).value) == 1


async def test_a_definition_is_changed_at_its_revision_only(project: Project, repository: Repository) -> None:
    await define(project, repository)
    body = (await project.call("GET", "build/definitions/1")).body
    body["process"]["yamlFilename"] = "ci/other.yml"
    changed = await project.call("PUT", "build/definitions/1", {**body, "queueStatus": "disabled"})
    assert (changed.body["revision"], changed.body["queueStatus"]) == (2, "disabled")
    assert changed.body["process"]["yamlFilename"] == "/ci/other.yml"
    assert (await project.call("PUT", "build/definitions/1", body)).status == 409
    assert (await project.call("DELETE", "build/definitions/1")).status == 204
    assert (await project.call("GET", "build/definitions/1")).status == 404
    assert (await project.call("GET", "pipelines/1")).status == 404


async def test_a_preview_reads_the_branch_or_the_commit_that_is_asked_for(
    project: Project, repository: Repository
) -> None:
    first = await repository.commit("main", ZERO, {"/azure-pipelines.yml": "steps:\n- bash: one\n"})
    pushed = await repository.push("main", first, edit("/azure-pipelines.yml", "steps:\n- bash: two\n"))
    second = str(pushed.body["refUpdates"][0]["newObjectId"])
    await repository.push("topic", second, edit("/azure-pipelines.yml", "steps:\n- bash: three\n"))
    await define(project, repository)

    async def shown(path: str, **own: str) -> Any:
        body = {"previewRun": True, "resources": {"repositories": {"self": own}}}
        reply = await project.call("POST", f"pipelines/1/{path}", body)
        return reply.body.get("finalYaml") if reply.status == 200 else (reply.status, reply.type_key)

    for path in ("preview", "runs"):
        assert "bash: two" in await shown(path)
        assert "bash: three" in await shown(path, refName="refs/heads/topic")
        assert "bash: one" in await shown(path, refName="refs/heads/main", version=first)
        assert await shown(path, refName="refs/heads/no") == (400, "PipelineValidationException")
    assert (await project.call("GET", "pipelines/1/runs")).value == []
