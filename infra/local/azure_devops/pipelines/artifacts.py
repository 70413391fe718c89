"""Artifacts over REST."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from infra.local.azure_devops.errors import not_found
from infra.local.azure_devops.pipelines.artifact_store import (
    PIPELINE,
    find_artifact,
    list_artifacts,
    zipped,
)
from infra.local.azure_devops.pipelines.run_store import build_of, build_url
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json


def _render(call: Call, run: Json, artifact: Json) -> Json:
    url = f"{build_url(call.emulator, run)}/artifacts?artifactName={quote(artifact['name'])}&api-version=7.1"
    is_pipeline = artifact["kind"] == PIPELINE
    return {
        "id": artifact["id"],
        "name": artifact["name"],
        "source": artifact["source"],
        "resource": {
            "type": artifact["kind"],
            "data": artifact["digest"] if is_pipeline else f"#/{artifact['id']}/{artifact['name']}",
            "properties": {"artifactsize": str(artifact["size"]), "localpath": ""},
            "url": url,
            "downloadUrl": f"{url}&%24format=zip",
        },
    }


async def get_artifacts(call: Call) -> Answer | web.StreamResponse:
    """All of them; with artifactName that one, with `$format=zip` its content."""
    run = build_of(call)
    name = call.query.get("artifactname")
    if name is None:
        found = list_artifacts(call.emulator, run)
        return listing([_render(call, run, artifact) for artifact in found])
    artifact = find_artifact(call.emulator, run, name)
    if artifact is None:
        raise not_found("ArtifactNotFoundException", f"Artifact {name} was not found for build {run['id']}.")
    if call.query.get("$format", "").lower() != "zip":
        return Answer(200, _render(call, run, artifact))
    path = await zipped(call.emulator, run, artifact)
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(artifact['name'])}.zip",
    }
    return web.FileResponse(path, headers=headers)


ROUTES = [Route("GET", "/{org}/{project}/_apis/build/builds/{build}/artifacts", get_artifacts)]
