"""What can be read: aggregates, command outcomes, traces, health. Nothing here scans a table."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import azure.functions as func

from domain.catalogue import catalogue
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import FieldError, Invalid, NotFound, Unavailable
from domain.kernel.values import Identifier, Model, ProjectId, TenantId, validated
from domain.kernel.work import Loaded, Partition
from functions.answers import answered, json_answer
from functions.bootstrap import now, platform
from functions.causal_graph import causal_graph, mermaid
from functions.roles import needed

blueprint = func.Blueprint()

GET_AGGREGATE, LIST_AGGREGATES = needed("get_aggregate"), needed("list_aggregates")
GET_COMMAND, GET_TRACE = needed("get_command"), needed("get_trace")

DEFAULT_PAGE, LARGEST_PAGE = 50, 200
PING_TIMEOUT = 3.0


class _Tenant(Model):
    tenant_id: TenantId


class _Project(_Tenant):
    project_id: ProjectId


class _Id(Model):
    id: Identifier


def partition_of(request: func.HttpRequest) -> Partition:
    route = validated(_Project, dict(request.route_params))
    return Partition(route.tenant_id, route.project_id)


def _kind(request: func.HttpRequest) -> type[Aggregate]:
    collection = request.route_params["collection"]
    kind = catalogue().aggregates.get(collection)
    if kind is None:
        raise NotFound("collection", collection)
    return kind


def id_of(request: func.HttpRequest) -> str:
    return validated(_Id, dict(request.route_params)).id


def _view(loaded: Loaded[Aggregate]) -> dict[str, Any]:
    """The aggregate as it stands now, with the number of its facts."""
    return {**loaded.aggregate.shown(now()), "aggregateVersion": loaded.aggregate.aggregate_version}


async def _get_aggregate(request: func.HttpRequest) -> func.HttpResponse:
    caller = await platform().identity.of_request(request)
    kind, id, partition = _kind(request), id_of(request), partition_of(request)
    missing = NotFound(kind.kind, id)
    caller.require(GET_AGGREGATE, partition.tenant_id, missing)
    loaded = await platform().store.load(partition, kind, id)
    if loaded is None:
        raise missing
    return json_answer(_view(loaded))


async def _list_aggregates(request: func.HttpRequest) -> func.HttpResponse:
    caller = await platform().identity.of_request(request)
    partition = partition_of(request)
    caller.require(LIST_AGGREGATES, partition.tenant_id)
    size = request.params.get("size", str(DEFAULT_PAGE))
    if not (size.isascii() and size.isdigit() and 1 <= int(size[:6]) <= LARGEST_PAGE):
        raise Invalid([FieldError("size", f"must be a number from 1 to {LARGEST_PAGE}")])
    page = await platform().store.page(partition, _kind(request), int(size), request.params.get("after"))
    return json_answer({"items": [_view(loaded) for loaded in page.items], "next": page.next})


async def _get_command(request: func.HttpRequest) -> func.HttpResponse:
    caller = await platform().identity.of_request(request)
    id, partition = id_of(request), partition_of(request)
    missing = NotFound("command", id)
    caller.require(GET_COMMAND, partition.tenant_id, missing)
    journal = await platform().store.handled(partition, id)
    if journal is None:
        raise missing
    return json_answer(
        {**journal.outcome.reply, "command": journal.outcome.command, "published": not journal.pending}
    )


async def _get_trace(request: func.HttpRequest) -> func.HttpResponse:
    caller = await platform().identity.of_request(request)
    tenant, id = validated(_Tenant, dict(request.route_params)).tenant_id, id_of(request)
    missing = NotFound("trace", id)
    caller.require(GET_TRACE, tenant, missing)
    nodes = await platform().store.trace(tenant, id)
    if not nodes:
        raise missing
    graph = causal_graph(id, nodes)
    form = request.params.get("format", "json")
    if form == "mermaid":
        return func.HttpResponse(mermaid(graph), mimetype="text/plain")
    if form != "json":
        raise Invalid([FieldError("format", "must be json or mermaid")])
    return json_answer(graph)


async def _get_health(_: func.HttpRequest) -> func.HttpResponse:
    """Says which dependency is away; 503 as long as one is.

    Clusters and infrastructure engines are not asked: they are many, and one project's cluster that is away
    must not take the app out of its load balancer for all others. Each environment's view tells of its own.
    """
    pings = {
        "tableStorage": platform().store.ping(),
        "serviceBus": platform().broker.ping(),
        "azureDevOps": platform().git.ping(),
        "blobStorage": platform().blobs.ping(),
        "containerRegistry": platform().registry.ping(),
    }
    states = dict(zip(pings, await asyncio.gather(*map(_state, pings.values())), strict=True))
    away = [name for name, state in states.items() if state["status"] != "ok"]
    body = {"status": "degraded" if away else "ok", "away": away, "dependencies": states}
    return json_answer(body, 503 if away else 200)


async def _state(ping: Awaitable[None]) -> dict[str, str]:
    try:
        async with asyncio.timeout(PING_TIMEOUT):
            await ping
    except (Unavailable, TimeoutError) as error:
        return {"status": "away", "reason": str(error) or f"no answer within {PING_TIMEOUT:g} s"}
    return {"status": "ok"}


@blueprint.function_name("get_aggregate")
@blueprint.route(
    trigger_arg_name="request",
    route="tenants/{tenantId}/projects/{projectId}/{collection}/{id}",
    methods=["GET"],
)
async def get_aggregate(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_aggregate, request)


@blueprint.function_name("list_aggregates")
@blueprint.route(
    trigger_arg_name="request", route="tenants/{tenantId}/projects/{projectId}/{collection}", methods=["GET"]
)
async def list_aggregates(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_list_aggregates, request)


@blueprint.function_name("get_command")
@blueprint.route(
    trigger_arg_name="request", route="tenants/{tenantId}/projects/{projectId}/commands/{id}", methods=["GET"]
)
async def get_command(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_command, request)


@blueprint.function_name("get_trace")
@blueprint.route(trigger_arg_name="request", route="tenants/{tenantId}/traces/{id}", methods=["GET"])
async def get_trace(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_trace, request)


@blueprint.function_name("health")
@blueprint.route(trigger_arg_name="request", route="health", methods=["GET"])
async def health(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_health, request)
