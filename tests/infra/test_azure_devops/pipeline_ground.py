"""Where the YAML of pipelines is tested: a repository with files, and previews of what they come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.infra.test_azure_devops.client import ZERO, Json, Project, Reply, Repository


def configuration(repository: Repository, path: str = "/azure-pipelines.yml") -> Json:
    return {"type": "yaml", "path": path, "repository": {"id": repository.id, "type": "azureReposGit"}}


async def define(project: Project, repository: Repository, name: str = "api", **fields: Any) -> Reply:
    body = {"name": name, "configuration": configuration(repository), **fields}
    return await project.call("POST", "pipelines", body)


class Preview:
    """One pipeline whose YAML a test gives with each preview."""

    def __init__(self, repository: Repository, commit: str, pipeline_id: int) -> None:
        self.repository, self.commit, self.id = repository, commit, pipeline_id
        self.project = repository.project

    @classmethod
    async def create(cls, project: Project, files: Mapping[str, str]) -> Preview:
        repository = await project.repository()
        commit = await repository.commit("main", ZERO, {"/azure-pipelines.yml": "steps: []\n", **files})
        made = await define(project, repository)
        assert made.status == 200, made
        return cls(repository, commit, made.body["id"])

    async def ask(self, text: str | None = None, **parameters: Any) -> Reply:
        body: Json = {"templateParameters": parameters}
        if text is not None:
            body["yamlOverride"] = text
        return await self.project.call("POST", f"pipelines/{self.id}/preview", body)

    async def final(self, text: str | None = None, **parameters: Any) -> Any:
        reply = await self.ask(text, **parameters)
        assert reply.status == 200, reply.body
        return yaml.safe_load(reply.body["finalYaml"])

    async def scripts(self, text: str, **parameters: Any) -> list[str]:
        """The bash steps of the first job."""
        steps = (await self.final(text, **parameters))["stages"][0]["jobs"][0]["steps"]
        return [step["bash"] for step in steps]

    async def refusal(self, text: str | None = None, **parameters: Any) -> str:
        reply = await self.ask(text, **parameters)
        assert (reply.status, reply.type_key) == (400, "PipelineValidationException"), reply.body
        return str(reply.body["message"])
