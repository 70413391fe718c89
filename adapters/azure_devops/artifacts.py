"""Artifacts of a run: their names, and each as one zip."""

from collections.abc import AsyncGenerator

from adapters.azure_devops.client import Api
from adapters.azure_devops.errors import SERVICE
from adapters.azure_devops.run_view import build_path, require_run
from adapters.azure_devops.streams import download_url
from domain.kernel.errors import Rejected, Unavailable


async def artifact_names(api: Api, run_id: int) -> list[str]:
    await require_run(api, run_id)
    answer = await api.get(f"{build_path(run_id)}/artifacts")
    return sorted(str(artifact["name"]) for artifact in answer["value"])


async def open_artifact(api: Api, run_id: int, name: str) -> AsyncGenerator[bytes]:
    """Its zip. Its bytes may lie with another of the service's hosts, so the artifact says where."""
    await require_run(api, run_id)
    found = await api.find(f"{build_path(run_id)}/artifacts", {"artifactName": name})
    if found is None:
        raise Rejected(f"run {run_id} has no artifact {name}")
    url = (found.get("resource") or {}).get("downloadUrl")
    if not url:
        raise Unavailable(SERVICE, f"artifact {name} of run {run_id} has no download yet")
    return download_url(api, str(url), "application/zip")
