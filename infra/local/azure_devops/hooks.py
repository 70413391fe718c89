"""Service hook subscriptions over REST."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from infra.local.azure_devops import clock
from infra.local.azure_devops.deliveries import ENABLED, render_notification, save_subscription
from infra.local.azure_devops.errors import invalid_argument, not_found
from infra.local.azure_devops.events import EVENT_TYPES
from infra.local.azure_devops.projects import project_by_id
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

MASK = "********"
_SECRET = "basicAuthPassword"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_VERSIONS = {"pipelines": "5.1-preview.1"}
_FIXED = ("publisherId", "eventType", "consumerId", "consumerActionId", "resourceVersion")


def _render(call: Call, subscription: Json) -> Json:
    inputs = dict(subscription["consumerInputs"])
    if inputs.get(_SECRET):
        inputs[_SECRET] = MASK
    url = f"{call.emulator.base_url}/{subscription['org']}/_apis/hooks/subscriptions/{subscription['id']}"
    return {
        "id": subscription["id"],
        "url": url,
        "status": subscription["status"],
        **{name: subscription[name] for name in _FIXED},
        "publisherInputs": subscription["publisherInputs"],
        "consumerInputs": inputs,
        "createdBy": subscription["createdBy"],
        "createdDate": subscription["createdDate"],
        "modifiedDate": subscription["modifiedDate"],
        "probationRetries": subscription["probationRetries"],
        "lastProbationRetryDate": subscription.get("lastProbationRetryDate"),
    }


def _checked(call: Call) -> Json:
    body = call.object_body()
    expected = {"consumerId": "webHooks", "consumerActionId": "httpRequest"}
    for name, value in expected.items():
        if body.get(name) != value:
            raise invalid_argument(f"{name} must be '{value}'.")
    publisher_id, event_type = str(body.get("publisherId")), str(body.get("eventType"))
    if publisher_id not in EVENT_TYPES:
        raise invalid_argument(f"publisherId must be one of {', '.join(EVENT_TYPES)}.")
    if event_type not in EVENT_TYPES[publisher_id]:
        raise invalid_argument(f"The event type '{event_type}' of {publisher_id} is not known.")
    publisher, consumer = body.get("publisherInputs"), body.get("consumerInputs")
    if not isinstance(publisher, dict) or not isinstance(consumer, dict):
        raise invalid_argument("publisherInputs and consumerInputs must be objects.")
    url = urlsplit(str(consumer.get("url") or ""))
    # The service takes https only; on this machine a receiver is as private without.
    if not url.hostname or (url.scheme != "https" and url.hostname not in _LOOPBACK):
        raise invalid_argument("consumerInputs.url must be an https URL.")
    if publisher.get("projectId"):
        project_by_id(call.emulator, call.org, str(publisher["projectId"]))
    return {
        **{name: body[name] for name in _FIXED if name != "resourceVersion"},
        "resourceVersion": body.get("resourceVersion") or _VERSIONS.get(publisher_id, "1.0"),
        "publisherInputs": publisher,
        "consumerInputs": consumer,
    }


async def create_subscription(call: Call) -> Answer:
    moment = clock.now()
    subscription: Json = {
        **_checked(call),
        "id": str(uuid.uuid4()),
        "org": call.org,
        "status": ENABLED,
        "createdBy": call.identity.render(),
        "createdDate": moment,
        "modifiedDate": moment,
        "probationRetries": 0,
        "notifications": 0,
    }
    save_subscription(call.emulator, subscription)
    return Answer(200, _render(call, subscription))


def _subscription_of(call: Call) -> Json:
    found = call.emulator.state.get("subscription", call.org.lower(), call.params["subscription"].lower())
    if found is None:
        raise not_found(
            "SubscriptionNotFoundException",
            f"VS402903: The subscription {call.params['subscription']} was not found.",
        )
    return found


async def get_subscription(call: Call) -> Answer:
    return Answer(200, _render(call, _subscription_of(call)))


async def list_subscriptions(call: Call) -> Answer:
    found = call.emulator.state.list("subscription", call.org.lower(), call.lag)
    for name in ("publisherId", "eventType", "consumerId", "consumerActionId"):
        if wanted := call.query.get(name.lower()):
            found = [subscription for subscription in found if subscription[name] == wanted]
    return listing([_render(call, subscription) for subscription in found])


async def query_subscriptions(call: Call) -> Answer:
    """Filters on inputs, each a list of conditions that must all hold."""
    body = call.object_body()
    found = call.emulator.state.list("subscription", call.org.lower(), call.lag)
    for name in ("publisherId", "eventType", "consumerId", "consumerActionId"):
        if body.get(name):
            found = [subscription for subscription in found if subscription[name] == body[name]]
    for filters, inputs in (
        ("publisherInputFilters", "publisherInputs"),
        ("consumerInputFilters", "consumerInputs"),
    ):
        for given in body.get(filters) or []:
            found = [s for s in found if all(_holds(s[inputs], c) for c in given.get("conditions") or [])]
    return Answer(200, {**body, "results": [_render(call, subscription) for subscription in found]})


def _holds(inputs: Json, condition: Any) -> bool:
    same = (
        str(inputs.get(condition.get("inputId"), "")).lower() == str(condition.get("inputValue", "")).lower()
    )
    return same == (str(condition.get("operator", "equals")).lower() == "equals")


async def replace_subscription(call: Call) -> Answer:
    """A new configuration; the mask, sent back, keeps the secret, and a status may be set."""
    previous = _subscription_of(call)
    values = _checked(call)
    if values["consumerInputs"].get(_SECRET) == MASK:
        values["consumerInputs"][_SECRET] = previous["consumerInputs"].get(_SECRET)
    subscription = {**previous, **values, "modifiedDate": clock.now()}
    status = call.object_body().get("status")
    if status in (ENABLED, "disabledByUser"):
        subscription.update(status=status, probationRetries=0)
    save_subscription(call.emulator, subscription)
    return Answer(200, _render(call, subscription))


async def delete_subscription(call: Call) -> Answer:
    subscription = _subscription_of(call)
    with call.emulator.state.transaction():
        call.emulator.state.delete("subscription", call.org.lower(), subscription["id"])
        call.emulator.state.delete("notification", subscription["id"])
    return Answer(204)


async def list_notifications(call: Call) -> Answer:
    found = call.emulator.state.list("notification", _subscription_of(call)["id"])
    results = {"queued": "pending", "succeeded": "succeeded"}
    return listing(
        [
            {
                "id": notification["id"],
                "subscriptionId": notification["subscriptionId"],
                "eventId": notification["event"]["id"],
                "createdDate": notification["event"]["createdDate"],
                "status": "queued" if notification["status"] == "queued" else "completed",
                "result": results.get(notification["status"], "failed"),
            }
            for notification in reversed(found)
        ]
    )


async def list_deliveries(call: Call) -> Answer:
    return listing([render_notification(one) for one in call.emulator.state.list("notification")])


_SUBSCRIPTIONS = "/{org}/_apis/hooks/subscriptions"

ROUTES = [
    Route("POST", _SUBSCRIPTIONS, create_subscription),
    Route("GET", _SUBSCRIPTIONS, list_subscriptions),
    Route("GET", _SUBSCRIPTIONS + "/{subscription}", get_subscription),
    Route("PUT", _SUBSCRIPTIONS + "/{subscription}", replace_subscription),
    Route("DELETE", _SUBSCRIPTIONS + "/{subscription}", delete_subscription),
    Route("GET", _SUBSCRIPTIONS + "/{subscription}/notifications", list_notifications),
    Route("POST", "/{org}/_apis/hooks/subscriptionsquery", query_subscriptions),
    Route("GET", "/_local/deliveries", list_deliveries),
]
