"""What tests ask of the emulator itself, outside the service's API: faults and counted requests."""

from __future__ import annotations

from infra.local.azure_devops.errors import invalid_argument
from infra.local.azure_devops.routing import Answer, Call, Route


async def _get_faults(call: Call) -> Answer:
    return Answer(200, call.emulator.faults.render())


async def _add_faults(call: Call) -> Answer:
    rules = call.body.get("rules") if isinstance(call.body, dict) else call.body
    if not isinstance(rules, list):
        raise invalid_argument("The body must be a list of rules.")
    call.emulator.faults.add(rules)
    return Answer(200, call.emulator.faults.render())


async def _clear_faults(call: Call) -> Answer:
    call.emulator.faults.clear()
    return Answer(204)


async def _get_requests(call: Call) -> Answer:
    return Answer(200, call.emulator.requests.render())


async def _clear_requests(call: Call) -> Answer:
    call.emulator.requests.clear()
    return Answer(204)


ROUTES = [
    Route("GET", "/_local/faults", _get_faults),
    Route("POST", "/_local/faults", _add_faults),
    Route("DELETE", "/_local/faults", _clear_faults),
    Route("GET", "/_local/requests", _get_requests),
    Route("DELETE", "/_local/requests", _clear_requests),
]
