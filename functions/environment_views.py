"""What runs where: an environment with its modules, what stops it, how it is kept; a manifest's content."""

from typing import Any

import azure.functions as func

from domain.devops.delivery.delivery_line import DeliveryLine
from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.environments import EnvironmentName
from domain.devops.gitops.gitops_sync_state import GitOpsSyncState
from domain.devops.release.deployment_manifest import DeploymentManifest, content
from domain.devops.release.deployment_target import DeploymentTarget
from domain.kernel.errors import NotFound, Rejected
from domain.kernel.values import Model, timestamp, validated
from domain.kernel.work import Lookup
from functions.answers import answered, json_answer, problem
from functions.bootstrap import now, platform
from functions.roles import needed
from functions.views import id_of, partition_of

blueprint = func.Blueprint()

GET_ENVIRONMENT, GET_MANIFEST_CONTENT = needed("get_environment"), needed("get_manifest_content")

PAGE = 100


class _Environment(Model):
    environment: EnvironmentName


async def _get_environment(request: func.HttpRequest) -> func.HttpResponse:
    """Everything about one environment that a person on call asks for."""
    caller = await platform().identity.of_request(request)
    partition = partition_of(request)
    name = validated(_Environment, dict(request.route_params)).environment
    missing = NotFound("environment", name)
    caller.require(GET_ENVIRONMENT, partition.tenant_id, missing)
    lookup, moment = Lookup(platform().store, partition), now()
    policy, wide = await DeliveryPolicy.of(lookup), await DeliveryPolicy.of(lookup.tenant_wide)
    environment = next((one for one in policy.environments if one.name == name), None)
    if environment is None:
        raise missing
    stops = [(await DeliveryLine.of(each)).stop_in(name) for each in (lookup, lookup.tenant_wide)]
    windows = (*environment.freezes, *policy.freezes, *wide.freezes)
    ends = [(window.name, end) for window in windows if (end := window.end_at(moment)) is not None]
    state = await lookup.find(GitOpsSyncState, GitOpsSyncState.id_for(partition, name))
    return json_answer(
        {
            "environment": name,
            "stops": [one.model_dump(mode="json", by_alias=True) for one in stops if one is not None],
            "freezes": [{"name": name, "endsAt": timestamp(end)} for name, end in ends],
            "sync": state.shown(moment) if state is not None else None,
            "modules": [_module(target) async for target in _targets(lookup) if target.environment == name],
        }
    )


async def _targets(lookup: Lookup) -> Any:
    after: str | None = None
    while True:
        page = await platform().store.page(lookup.partition, DeploymentTarget, PAGE, after)
        for loaded in page.items:
            yield loaded.aggregate
        if page.next is None:
            return
        after = page.next


def _module(target: DeploymentTarget) -> dict[str, Any]:
    names = {"module_id", "verified", "arrangement", "commit_sha", "hold", "promotion_id", "queue"}
    return target.model_dump(mode="json", by_alias=True, include=names)


async def _get_manifest_content(request: func.HttpRequest) -> func.HttpResponse:
    """The manifest as it was rendered; its checksum is verified on the way."""
    caller = await platform().identity.of_request(request)
    id, partition = id_of(request), partition_of(request)
    missing = NotFound(DeploymentManifest.kind, id)
    caller.require(GET_MANIFEST_CONTENT, partition.tenant_id, missing)
    loaded = await platform().store.load(partition, DeploymentManifest, id)
    if loaded is None:
        raise missing
    try:
        text = await content(loaded.aggregate, partition, platform().blobs)
    except Rejected as broken:
        return problem(409, "The manifest is not what it was", broken.sentence)
    etag = {"ETag": f'"{loaded.aggregate.checksum}"'}
    return func.HttpResponse(text, headers=etag, mimetype="application/yaml")


@blueprint.function_name("get_environment")
@blueprint.route(
    trigger_arg_name="request",
    route="tenants/{tenantId}/projects/{projectId}/environments/{environment}",
    methods=["GET"],
)
async def get_environment(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_environment, request)


@blueprint.function_name("get_manifest_content")
@blueprint.route(
    trigger_arg_name="request",
    route="tenants/{tenantId}/projects/{projectId}/manifests/{id}/content",
    methods=["GET"],
)
async def get_manifest_content(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_manifest_content, request)
