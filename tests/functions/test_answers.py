"""What is raised becomes the answer that says so, and nothing else does."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func
import pytest

from domain.kernel.errors import Conflict, FieldError, Invalid, NotFound, Rejected, Unavailable
from functions.answers import answered, invalid, json_answer, problem, retry_later
from tests.functions.requests import request


def body_of(answer: func.HttpResponse) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.get_body())
    return found


def raising(error: Exception) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    async def function(_: func.HttpRequest) -> func.HttpResponse:
        raise error

    return function


async def test_an_answer_goes_through_as_it_is() -> None:
    async def function(_: func.HttpRequest) -> func.HttpResponse:
        return json_answer({"name": "Zoë"}, 201, {"Location": "/there"})

    answer = await answered(function, request())
    assert answer.status_code == 201
    assert answer.get_body() == '{"name":"Zoë"}'.encode()
    assert (answer.mimetype, answer.headers["Location"]) == ("application/json", "/there")


async def test_invalid_is_422_and_names_every_field() -> None:
    error = Invalid([FieldError("name", "is required"), FieldError("files.0.path", "must be relative")])
    answer = await answered(raising(error), request())
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert body_of(answer) == {
        "type": "about:blank",
        "title": "The request is not valid",
        "status": 422,
        "detail": "name: is required; files.0.path: must be relative",
        "errors": [
            {"field": "name", "problem": "is required"},
            {"field": "files.0.path", "problem": "must be relative"},
        ],
    }


async def test_not_found_is_404_with_kind_and_id() -> None:
    answer = await answered(raising(NotFound("Repository", "repo-1")), request())
    assert (answer.status_code, body_of(answer)["detail"]) == (404, "Repository repo-1 does not exist")


@pytest.mark.parametrize(("asked", "told"), [(None, "1"), (0.0, "1"), (0.2, "1"), (1.6, "2"), (30.0, "30")])
async def test_unavailable_is_503_and_says_when_to_try_again(asked: float | None, told: str) -> None:
    answer = await answered(raising(Unavailable("Table Storage", "timed out", asked)), request())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, told)
    assert body_of(answer)["detail"] == "Table Storage is unavailable: timed out"


async def test_a_conflict_that_stays_is_503_too() -> None:
    answer = await answered(raising(Conflict("changed")), request())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("error", [ValueError("a bug"), Rejected("only the dispatcher takes these")])
async def test_a_bug_is_not_dressed_up(error: Exception) -> None:
    with pytest.raises(type(error)):
        await answered(raising(error), request())


def test_a_problem_carries_what_else_there_is_to_say() -> None:
    answer = problem(409, "Rejected", "no", headers={"X-Why": "y"}, commandId="cmd-1")
    assert body_of(answer)["commandId"] == "cmd-1"
    assert answer.headers["X-Why"] == "y"
    assert invalid([FieldError("body", "too large")], status=413).status_code == 413
    assert retry_later("away", 7).headers["Retry-After"] == "7"
