"""What stands between a release and its promotion, and the delivery policy that its project goes by."""

from typing import Any

import azure.functions as func

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.release.readiness import Condition, readiness_of
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.errors import NotFound
from domain.kernel.work import Lookup
from functions.answers import answered, json_answer
from functions.bootstrap import now, platform
from functions.roles import needed
from functions.views import id_of, partition_of

blueprint = func.Blueprint()

GET_READINESS, GET_DELIVERY_POLICY = needed("get_readiness"), needed("get_delivery_policy")


async def _get_readiness(request: func.HttpRequest) -> func.HttpResponse:
    """Every condition with its sentence; `unmet` are those that a promotion would be refused with."""
    caller = await platform().identity.of_request(request)
    id, partition = id_of(request), partition_of(request)
    missing = NotFound(ReleasePlan.kind, id)
    caller.require(GET_READINESS, partition.tenant_id, missing)
    lookup = Lookup(platform().store, partition)
    plan = await lookup.find(ReleasePlan, id)
    if plan is None:
        raise missing
    found = await readiness_of(plan, lookup, now())
    unmet = [_condition(one) for one in found if not one.met]
    return json_answer(
        {
            "releaseId": id,
            "promotable": not unmet,
            "unmet": unmet,
            "conditions": [_condition(one) for one in found],
        }
    )


def _condition(condition: Condition) -> dict[str, Any]:
    return {"name": condition.name, "met": condition.met, "sentence": condition.sentence}


async def _get_delivery_policy(request: func.HttpRequest) -> func.HttpResponse:
    """What the project goes by, also where nobody has configured anything: ConfigureDelivery takes the very
    document, and refuses it where somebody else was quicker."""
    caller = await platform().identity.of_request(request)
    partition = partition_of(request)
    caller.require(GET_DELIVERY_POLICY, partition.tenant_id)
    policy = await DeliveryPolicy.of(Lookup(platform().store, partition))
    return json_answer(policy.settings())


@blueprint.function_name("get_readiness")
@blueprint.route(
    trigger_arg_name="request",
    route="tenants/{tenantId}/projects/{projectId}/releases/{id}/readiness",
    methods=["GET"],
)
async def get_readiness(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_readiness, request)


@blueprint.function_name("get_delivery_policy")
@blueprint.route(
    trigger_arg_name="request",
    route="tenants/{tenantId}/projects/{projectId}/delivery-policy",
    methods=["GET"],
)
async def get_delivery_policy(request: func.HttpRequest) -> func.HttpResponse:
    return await answered(_get_delivery_policy, request)
