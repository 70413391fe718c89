"""The $cbs node: clients put a token before they attach; the emulator takes every one."""

from infra.local.service_bus.errors import NOT_IMPLEMENTED
from infra.local.service_bus.request import Answer, Request


def answer(request: Request) -> Answer:
    if request.operation not in ("put-token", "delete-token"):
        description = f"$cbs knows no operation {request.operation!r}"
        return Answer(501, description, condition=NOT_IMPLEMENTED, dashed=True)
    return Answer(202, "Accepted", dashed=True)
