"""The app as the host indexes it: a plain FunctionApp with a Durable blueprint registered on it."""

# The Durable SDK's decorators carry no types.
# mypy: disable-error-code="untyped-decorator,no-any-return"
import asyncio
import json
import os
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
import orchestrators  # type: ignore[import-not-found]

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
blueprint = df.Blueprint()
attempts: dict[str, int] = {}

for orchestrator in orchestrators.ALL:
    blueprint.orchestration_trigger("context")(orchestrator)


def journal(entry: dict[str, object]) -> None:
    with Path(os.environ["JOURNAL"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


@blueprint.activity_trigger("given")
async def append(given: dict) -> str:  # type: ignore[type-arg]
    return str(given["text"]) + str(given["word"])


@blueprint.activity_trigger("number")
def double(number: int) -> int:
    journal({"activity": "double", "number": number})
    return 2 * number


@blueprint.activity_trigger("given")
async def flaky(given: dict) -> str:  # type: ignore[type-arg]
    attempt = attempts[given["key"]] = attempts.get(given["key"], 0) + 1
    if attempt <= given["failures"]:
        raise ValueError(f"attempt {attempt}")
    return f"attempt {attempt}"


@blueprint.activity_trigger("seconds", activity="slow")
async def slow_activity(seconds: float) -> str:
    journal({"activity": "slow", "event": "started"})
    await asyncio.sleep(seconds)
    journal({"activity": "slow", "event": "ended"})
    return "slept"


@blueprint.route("client/{operation}", methods=["POST"])
@blueprint.durable_client_input("client")
async def drive(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One operation of the SDK's client, with its arguments in the body."""
    given = req.get_json()
    operation = req.route_params["operation"]
    if operation == "wait":
        return await client.wait_for_completion_or_create_check_status_response(
            req, given["instance_id"], given.get("milliseconds", 10000), 20
        )
    if operation == "check":
        return client.create_check_status_response(req, given["instance_id"])
    try:
        answer = await getattr(client, operation)(**given)
    except Exception as error:
        return func.HttpResponse(str(error), status_code=500)
    if isinstance(answer, list):
        answer = [each.to_json() for each in answer]
    elif hasattr(answer, "to_json"):
        answer = answer.to_json() if answer else None
    elif hasattr(answer, "instances_deleted"):
        answer = answer.instances_deleted
    return func.HttpResponse(json.dumps(answer), mimetype="application/json")


app.register_functions(blueprint)
