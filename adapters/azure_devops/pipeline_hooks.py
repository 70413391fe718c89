"""Service hooks of a pipeline: its runs are told of by one publisher, its builds by another."""

from collections.abc import Sequence
from urllib.parse import quote

from adapters.azure_devops.client import Api
from adapters.azure_devops.hooks import Receiver, publisher_of, subscribe
from domain.kernel.errors import Rejected
from domain.provided import ProvidedHook


async def register_pipeline_hooks(
    api: Api, pipeline_id: str, event_types: Sequence[str], receiver: Receiver
) -> list[ProvidedHook]:
    definition = await api.find(f"build/definitions/{quote(pipeline_id, safe='')}")
    if definition is None:
        raise Rejected(f"pipeline {pipeline_id} does not exist")
    project = {"projectId": str(definition["project"]["id"])}
    inputs = {
        "pipelines": {**project, "pipelineId": str(definition["id"])},
        "tfs": {**project, "definitionName": str(definition["name"])},
    }
    kept = [
        hook
        for publisher, filters in inputs.items()
        for hook in await subscribe(
            api, filters, [one for one in event_types if publisher_of(one) == publisher], receiver
        )
    ]
    by_type = {hook.event_type: hook for hook in kept}
    return [by_type[event_type] for event_type in dict.fromkeys(event_types)]
