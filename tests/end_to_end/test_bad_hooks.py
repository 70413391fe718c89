"""Bad input at the webhook: what may be ours is accepted and parked, for any other answer loses events."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.end_to_end import bad_input
from tests.end_to_end.doors import Doors, Project, hook_headers

IDS: tuple[Any, ...] = (None, 1, [], {}, "", "/\\#?|", "x" * 500)
NUMBERS: tuple[Any, ...] = (None, "1", "x", -1, 0, 1.5, 10**30, True, [], {}, [1])
UPDATES: tuple[Any, ...] = (
    None,
    1,
    "x",
    {"a": 1},
    [None],
    [1],
    [{}],
    [{"name": 1}],
    [{"name": "refs/heads/"}],
)
KINDS: tuple[Any, ...] = (None, 1, [], {}, "", "build.complete", "x" * 5000, "a\nb")
RESOURCES: tuple[Any, ...] = (None, [], "x", 1, {}, {"repository": None}, {"repository": []})


def strange_hooks() -> Iterator[Any]:
    """JSON that no hook of Azure DevOps is, in every place that is looked at."""
    repository = {"id": "8a6c7d5e-0000-0000-0000-000000000000"}
    resources = [
        *RESOURCES,
        *({"repository": {"id": value}, "pullRequestId": 1} for value in IDS),
        *({"repository": repository, "pullRequestId": value} for value in NUMBERS),
        *({"repository": repository, "refUpdates": value} for value in UPDATES),
    ]
    for event in ("git.push", "git.pullrequest.updated"):
        yield from ({"eventType": event, "resource": resource} for resource in resources)
    yield from ({"eventType": kind} for kind in KINDS)
    for name in ("subscriptionId", "notificationId", "id"):
        yield from ({name: value} for value in (*IDS, True, 1e300, "\x00"))


async def test_a_hook_that_says_nothing_understood_is_accepted_and_parked(
    doors: Doors, project: Project, tried: Counter[str]
) -> None:
    path, headers = f"api/webhooks/azure-devops/{project.tenant}/{project.name}", hook_headers(project)
    bodies = [body for _, body in bad_input.unreadable()]
    bodies += [json.dumps(hook).encode() for hook in strange_hooks()]
    for body in bodies:
        # Anything else than 2xx would put the subscription on probation and lose what comes next.
        answer = await doors.request("POST", path, body=body, headers=headers)
        assert answer.status == 202, f"{body!r:.200}: {answer.status} {answer.text:.300}"
        again = await doors.request("POST", path, body=body, headers=headers)
        assert again.text == answer.text
        tried["webhook"] += 1


async def test_a_hook_that_is_not_ours_is_refused(
    doors: Doors, project: Project, tried: Counter[str]
) -> None:
    path = f"api/webhooks/azure-devops/{project.tenant}/{project.name}"
    for authorization in (
        "",
        "Basic",
        "Basic x",
        "Bearer x",
        "Basic é",
        "\udcff",
        *hook_headers(doors.project()).values(),
    ):
        answer = await doors.request("POST", path, body=b"{}", headers={"Authorization": authorization})
        assert answer.status == 401, f"{authorization}: {answer.status}"
        tried["webhook"] += 1
    large = b"x" * (1024 * 1024 + 1)
    assert (await doors.request("POST", path, body=large, headers=hook_headers(project))).status == 413
    for bad in bad_input.addresses():
        assert (await doors.request("POST", f"api/webhooks/azure-devops/{bad}/p", body=b"{}")).status == 422
        tried["webhook"] += 1
