"""Preview runs: the expanded YAML, and nothing started."""

from __future__ import annotations

from infra.local.azure_devops.errors import invalid_argument
from infra.local.azure_devops.pipelines.asked import asked_source, invalid_pipeline, object_in
from infra.local.azure_devops.pipelines.expansion import expand
from infra.local.azure_devops.pipelines.model import PipelineInvalid
from infra.local.azure_devops.routing import Answer, Call
from infra.local.emulation.state import Json


async def preview(call: Call, definition: Json, body: Json) -> Answer:
    override = body.get("yamlOverride")
    if override is not None and not isinstance(override, str):
        raise invalid_argument("yamlOverride must be a text.")
    parameters = object_in(body, "templateParameters")
    try:
        ref, version = await asked_source(call, definition, body)
        pipeline = await expand(
            call.emulator,
            definition,
            ref=ref,
            version=version,
            parameters=parameters,
            yaml_override=override or None,
        )
    except PipelineInvalid as error:
        raise invalid_pipeline(error) from error
    return Answer(200, {"finalYaml": pipeline.final_yaml})
