"""Statuses posted on a pull request or on one of its iterations."""

from __future__ import annotations

from infra.local.azure_devops import clock
from infra.local.azure_devops.errors import ApiError, invalid_argument
from infra.local.azure_devops.pull_request_iterations import iteration_of
from infra.local.azure_devops.pull_request_writes import ONE, commit_changed, locked
from infra.local.azure_devops.pull_requests import pull_request_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

_STATES = ("notSet", "pending", "succeeded", "failed", "error", "notApplicable", "partiallySucceeded")


def _new_status(call: Call, pull_request: Json, iteration: int) -> Json:
    body = call.object_body()
    context = body.get("context")
    if not isinstance(context, dict) or not context.get("name"):
        raise invalid_argument("A status must have a context with a name.")
    if body.get("state") not in _STATES:
        raise invalid_argument(f"'{body.get('state')}' is not a status state.")
    moment = clock.now()
    return {
        "id": len(pull_request["statuses"]) + 1,
        "iteration": iteration,
        "state": body["state"],
        "description": body.get("description"),
        "context": {"name": context["name"], "genre": context.get("genre")},
        "targetUrl": body.get("targetUrl"),
        "creationDate": moment,
        "updatedDate": moment,
        "createdBy": call.identity.render(),
    }


def _render_status(status: Json) -> Json:
    body = {name: value for name, value in status.items() if name not in ("iteration", "forIteration")}
    if status.get("forIteration"):
        body["iterationId"] = status["iteration"]
    return body


async def create_status(call: Call) -> Answer:
    """On an iteration, or on the pull request as a whole, which policies may forbid."""
    on_iteration = "iteration" in call.params
    if not on_iteration and call.emulator.options.refuse_pull_request_statuses:
        raise ApiError(
            403,
            "GitPullRequestStatusRejectedByPolicyException",
            "TF402460: A status cannot be posted on the pull request; post it on an iteration.",
        )
    pull_request = pull_request_of(call)
    given = call.object_body().get("iterationId")
    if given is not None and not on_iteration:
        call.params["iteration"] = str(given)
        on_iteration = True
    latest = pull_request["iterations"][-1]["id"]
    iteration = iteration_of(call, pull_request)["id"] if on_iteration else latest
    status = {**_new_status(call, pull_request, iteration), "forIteration": on_iteration}
    pull_request["statuses"].append(status)
    commit_changed(call, pull_request, "StatusUpdateNotification")
    return Answer(200, _render_status(status))


async def list_statuses(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    found = pull_request["statuses"]
    if "iteration" in call.params:
        iteration = iteration_of(call, pull_request)["id"]
        found = [s for s in found if s["iteration"] == iteration and s["forIteration"]]
    return listing([_render_status(status) for status in found])


ROUTES = [
    Route("GET", ONE + "/iterations/{iteration}/statuses", list_statuses),
    Route("POST", ONE + "/iterations/{iteration}/statuses", locked(create_status)),
    Route("GET", ONE + "/statuses", list_statuses),
    Route("POST", ONE + "/statuses", locked(create_status)),
]
