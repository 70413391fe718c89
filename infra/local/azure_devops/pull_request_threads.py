"""Comment threads on a pull request."""

from __future__ import annotations

from typing import Any

from infra.local.azure_devops import clock
from infra.local.azure_devops.errors import invalid_argument, not_found
from infra.local.azure_devops.evaluation_schedule import schedule_evaluation
from infra.local.azure_devops.pull_request_store import key_of, pull_request_url, save_pull_request
from infra.local.azure_devops.pull_request_writes import ONE, locked
from infra.local.azure_devops.pull_requests import pull_request_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing
from infra.local.emulation.state import Json

_THREAD_STATUSES = ("unknown", "active", "fixed", "wontFix", "closed", "byDesign", "pending")


def _render_thread(call: Call, pull_request: Json, thread: Json) -> Json:
    return {
        **thread,
        "isDeleted": False,
        "_links": {
            "self": {"href": f"{pull_request_url(call.emulator, pull_request)}/threads/{thread['id']}"}
        },
    }


def _new_comment(call: Call, thread: Json, given: Any) -> Json:
    if not isinstance(given, dict) or not given.get("content"):
        raise invalid_argument("A comment must have content.")
    moment = clock.now()
    return {
        "id": len(thread["comments"]) + 1,
        "parentCommentId": int(given.get("parentCommentId", 0)),
        "author": call.identity.render(),
        "content": str(given["content"]),
        "publishedDate": moment,
        "lastUpdatedDate": moment,
        "commentType": str(given.get("commentType", "text")),
    }


def _thread_of(call: Call, pull_request: Json) -> Json:
    for thread in pull_request["threads"]:
        if str(thread["id"]) == call.params["thread"]:
            found: Json = thread
            return found
    raise not_found(
        "GitPullRequestCommentThreadNotFoundException",
        f"TF401211: The comment thread {call.params['thread']} does not exist.",
    )


def _checked_status(body: Json) -> str | None:
    status = body.get("status")
    if status is not None and status not in _THREAD_STATUSES:
        raise invalid_argument(f"'{status}' is not a thread status.")
    return str(status) if status is not None else None


async def create_thread(call: Call) -> Answer:
    pull_request, body = pull_request_of(call), call.object_body()
    moment = clock.now()
    thread: Json = {
        "id": len(pull_request["threads"]) + 1,
        "publishedDate": moment,
        "lastUpdatedDate": moment,
        "comments": [],
        "threadContext": body.get("threadContext"),
        "properties": body.get("properties") or {},
    }
    status = _checked_status(body)
    if status is not None:
        thread["status"] = status
    for comment in body.get("comments") or [None]:
        thread["comments"].append(_new_comment(call, thread, comment))
    pull_request["threads"].append(thread)
    _save_thread(call, pull_request)
    return Answer(200, _render_thread(call, pull_request, thread))


def _save_thread(call: Call, pull_request: Json) -> None:
    # Comments have an event type of their own, so hooks for updates stay silent.
    save_pull_request(call.emulator, pull_request)
    schedule_evaluation(call.emulator, key_of(pull_request))


async def list_threads(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    return listing([_render_thread(call, pull_request, thread) for thread in pull_request["threads"]])


async def get_thread(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    return Answer(200, _render_thread(call, pull_request, _thread_of(call, pull_request)))


async def update_thread(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    thread = _thread_of(call, pull_request)
    status = _checked_status(call.object_body())
    if status is not None:
        thread["status"] = status
    thread["lastUpdatedDate"] = clock.now()
    _save_thread(call, pull_request)
    return Answer(200, _render_thread(call, pull_request, thread))


async def create_comment(call: Call) -> Answer:
    pull_request = pull_request_of(call)
    thread = _thread_of(call, pull_request)
    comment = _new_comment(call, thread, call.object_body())
    thread["comments"].append(comment)
    _save_thread(call, pull_request)
    return Answer(200, comment)


ROUTES = [
    Route("GET", ONE + "/threads", list_threads),
    Route("POST", ONE + "/threads", locked(create_thread)),
    Route("GET", ONE + "/threads/{thread}", get_thread),
    Route("PATCH", ONE + "/threads/{thread}", locked(update_thread)),
    Route("POST", ONE + "/threads/{thread}/comments", locked(create_comment)),
]
