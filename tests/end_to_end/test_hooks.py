"""What happens at Azure DevOps comes in by its service hooks, once, and by the reconciler where they fail."""

import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from domain.kernel.values import derived_id
from tests.end_to_end.delivery import CHECK, Delivery
from tests.end_to_end.doors import Doors, Project, hook_headers
from tests.end_to_end.waiting import eventually

type View = dict[str, Any]


@pytest_asyncio.fixture
async def opened(doors: Doors, project: Project) -> AsyncIterator[Delivery]:
    """A delivery whose pull request is open."""
    delivery = Delivery(doors, project, over=("http",))
    fact = await delivery.open()
    await project.reacted([fact])
    yield delivery
    await doors.provider.no_faults()


def fault(delivery: Delivery, mode: str, times: int = -1, **match: str) -> dict[str, Any]:
    """What goes wrong with the hooks of this project alone."""
    receiver = f"/api/webhooks/azure-devops/{delivery.project.tenant}/{delivery.project.name}"
    return {"mode": mode, "times": times, "match": {"pathRegex": receiver, **match}}


async def seen(delivery: Delivery, holds: Callable[[View], bool]) -> View:
    """The pull request as the platform shows it, once it holds."""
    path = f"pull-requests/{delivery.pull_request_id}"
    answer = await eventually(
        lambda: delivery.project.get(path), lambda found: found.status == 200 and holds(found.json)
    )
    view: View = answer.json
    return view


async def branch_seen(delivery: Delivery, name: str, head: str) -> View:
    """A branch as the platform shows it, once it has that head."""
    answer = await eventually(
        lambda: delivery.project.get("branches?size=200"),
        lambda found: any(b["name"] == name and b["headCommitSha"] == head for b in found.json["items"]),
    )
    view: View = next(branch for branch in answer.json["items"] if branch["name"] == name)
    return view


def merged_facts(delivery: Delivery) -> list[str]:
    """Ids under which a merge was told of."""
    messages = delivery.doors.consumer.of(delivery.project.tenant, scope="domain")
    return sorted({m.message_id for m in messages if m.about["cs-event-type"] == "PullRequestMerged"})


async def until_merged(delivery: Delivery) -> None:
    await delivery.doors.consumer.until(
        delivery.project.tenant,
        lambda messages: any(m.about["cs-event-type"] == "PullRequestMerged" for m in messages),
    )


async def until_hooks_are_done(delivery: Delivery) -> list[dict[str, Any]]:
    """Wait until every notification was answered, and then for an observation behind all of theirs."""
    view = await delivery.project.view("repositories", delivery.provisioned["payload"]["repositoryId"])
    subscriptions = {hook["subscriptionId"] for hook in view["webhooks"]}
    deliveries = await eventually(
        lambda: delivery.doors.provider.deliveries(subscriptions),
        lambda found: all(one["status"] != "queued" for one in found),
    )
    head = await delivery.repository.push("feature/first", f"{uuid.uuid4()}.txt", "behind the others")
    await branch_seen(delivery, "feature/first", head)
    return deliveries


def state_of(view: View, check: str = CHECK) -> str | None:
    states: dict[str, str] = {found["name"]: found["state"] for found in view["checks"]}
    return states.get(check)


def votes_of(view: View) -> list[int]:
    return [review["vote"] for review in view["reviews"]]


async def test_a_reported_check_is_seen(opened: Delivery) -> None:
    await opened.repository.report_check(opened.number, CHECK, "failed")
    await seen(opened, lambda view: state_of(view) == "failed")
    await opened.repository.report_check(opened.number, CHECK, "succeeded")
    view = await seen(
        opened,
        lambda view: (
            state_of(view) == "succeeded"
            and {result["status"] for result in view["policyEvaluation"]["results"]} == {"approved"}
        ),
    )
    assert [check["required"] for check in view["checks"]] == [True]
    assert view["status"] == "Open"
    assert view["aggregateVersion"] == 1


async def test_a_vote_is_seen_and_taken_back(opened: Delivery) -> None:
    reviewer = str(uuid.uuid4())
    await opened.repository.vote(opened.number, reviewer, -10)
    await seen(opened, lambda view: votes_of(view) == [-10])
    await opened.repository.vote(opened.number, reviewer, 10)
    await seen(opened, lambda view: votes_of(view) == [10])


async def test_an_abandoned_pull_request_is_seen_and_not_merged(opened: Delivery) -> None:
    await opened.repository.abandon(opened.number)
    await seen(opened, lambda view: view["status"] == "Abandoned")
    refused = await opened.project.post("MergePullRequest", {"pullRequestId": opened.pull_request_id})
    assert refused.status == 409
    assert refused.json["detail"] == f"pull request {opened.number} is Abandoned"


async def test_a_push_moves_the_branch_and_its_pull_request(opened: Delivery) -> None:
    head = await opened.repository.push("feature/first", "by-hand.txt", "by hand")
    await branch_seen(opened, "feature/first", head)
    await seen(opened, lambda view: view["sourceCommitSha"] == head)


async def test_a_merge_by_hand_is_told_exactly_once(opened: Delivery) -> None:
    await opened.repository.report_check(opened.number, CHECK, "succeeded")
    sha = await opened.repository.complete(opened.number)
    await until_merged(opened)
    view = await seen(opened, lambda view: view["status"] == "Merged")
    assert view["mergeCommitSha"] == sha
    await until_hooks_are_done(opened)
    assert len(merged_facts(opened)) == 1
    assert (await seen(opened, lambda _: True))["aggregateVersion"] == 2
    refused = await opened.project.post("MergePullRequest", {"pullRequestId": opened.pull_request_id})
    assert (refused.status, refused.json["detail"]) == (409, f"pull request {opened.number} is Merged")


@pytest.mark.parametrize("mode", ["duplicate-hook", "old-payload", "reorder-hooks"])
async def test_hooks_that_come_twice_or_late_or_without_ids_change_nothing(
    opened: Delivery, mode: str
) -> None:
    if mode == "reorder-hooks":
        # Every other one is held back, so that later ones overtake it.
        rules = [fault(opened, mode, times=1, eventType="git.pullrequest.updated") for _ in range(3)]
    else:
        rules = [fault(opened, mode)]
    await opened.doors.provider.faults(*rules)
    await opened.repository.vote(opened.number, str(uuid.uuid4()), 5)
    await opened.repository.report_check(opened.number, CHECK, "failed")
    await opened.repository.report_check(opened.number, CHECK, "succeeded")
    sha = await opened.repository.complete(opened.number)
    await until_merged(opened)
    deliveries = await until_hooks_are_done(opened)
    assert mode in {one["fault"] for one in deliveries}
    assert {one["status"] for one in deliveries} == {"succeeded"}
    assert len(merged_facts(opened)) == 1
    view = await seen(opened, lambda view: view["status"] == "Merged" and state_of(view) == "succeeded")
    assert (view["aggregateVersion"], view["mergeCommitSha"], votes_of(view)) == (2, sha, [5])


async def test_lost_hooks_are_made_good_by_the_reconciler(opened: Delivery) -> None:
    await opened.doors.provider.faults(fault(opened, "drop-hook"))
    await opened.repository.vote(opened.number, str(uuid.uuid4()), 10)
    await opened.repository.report_check(opened.number, CHECK, "succeeded")
    sha = await opened.repository.complete(opened.number)
    head = (await opened.repository.branches())["main"]
    before = await opened.project.view("pull-requests", opened.pull_request_id)
    assert (before["status"], before["reviews"], state_of(before)) == ("Open", [], "pending")
    await opened.doors.fire("reconciler")
    await until_merged(opened)
    view = await seen(opened, lambda view: view["status"] == "Merged")
    assert (view["mergeCommitSha"], state_of(view), votes_of(view)) == (sha, "succeeded", [10])
    await branch_seen(opened, "main", head)
    await opened.doors.fire("reconciler")
    await opened.doors.provider.no_faults()
    await until_hooks_are_done(opened)
    assert len(merged_facts(opened)) == 1


async def test_a_pull_request_opened_by_hand_is_taken_in(opened: Delivery) -> None:
    """By its hook; and where that is lost, by the reconciler."""
    repository = opened.repository
    head = (await repository.branches())["main"]
    for branch, lost in (("by-hand-1", False), ("by-hand-2", True)):
        payload = {"repositoryId": opened.provisioned["payload"]["repositoryId"]}
        await opened.project.post("CreateBranch", payload | {"name": branch, "fromCommitSha": head})
        await repository.push(branch, f"{branch}.txt", "by hand")
        if lost:
            await opened.doors.provider.faults(fault(opened, "drop-hook"))
        number = await repository.open(branch, "main", f"Opened by hand from {branch}")
        if lost:
            await opened.doors.fire("reconciler")
        messages = await opened.doors.consumer.until(
            opened.project.tenant,
            lambda messages, branch=branch: any(  # type: ignore[misc]
                m.envelope.payload.get("sourceBranch") == branch for m in messages
            ),
        )
        (fact,) = {
            m.message_id: m.envelope.payload
            for m in messages
            if m.about["cs-scope"] == "domain" and m.envelope.payload.get("sourceBranch") == branch
        }.values()
        assert fact["number"] == number
        view = await opened.project.view("pull-requests", fact["pullRequestId"])
        assert view["title"] == f"Opened by hand from {branch}"


async def test_hook_subscriptions_that_are_gone_are_registered_again(opened: Delivery) -> None:
    tenant = opened.project.tenant
    provider = opened.doors.provider

    async def subscriptions() -> dict[str, str]:
        found = (await provider.call("GET", f"{tenant}/_apis/hooks/subscriptions"))["value"]
        return {hook["eventType"]: hook["id"] for hook in found}

    before = await subscriptions()
    assert len(before) == 4
    for id in before.values():
        await provider.call("DELETE", f"{tenant}/_apis/hooks/subscriptions/{id}")
    await opened.doors.fire("reconciler")
    after = await eventually(subscriptions, lambda found: len(found) == 4)
    assert not set(after.values()) & set(before.values())
    await opened.repository.report_check(opened.number, CHECK, "failed")
    await seen(opened, lambda view: state_of(view) == "failed")


async def test_a_hook_with_a_wrong_password_changes_nothing(opened: Delivery) -> None:
    await opened.doors.provider.faults(fault(opened, "drop-hook"))
    await opened.repository.vote(opened.number, str(uuid.uuid4()), 10)
    project = opened.project
    hook = {
        "subscriptionId": str(uuid.uuid4()),
        "notificationId": 1,
        "eventType": "git.pullrequest.updated",
        "resource": {"repository": {"id": opened.external_id}, "pullRequestId": opened.number},
    }
    path = f"api/webhooks/azure-devops/{project.tenant}/{project.name}"
    for user, password in (("azure-devops", "laptop-cloud"), ("azure-devops", ""), ("", "")):
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        answer = await opened.doors.request(
            "POST", path, body=json.dumps(hook).encode(), headers={"Authorization": f"Basic {credentials}"}
        )
        assert answer.status == 401
    hook_id = derived_id(
        "hook", project.tenant, project.name, "azure-devops", "notification", hook["subscriptionId"], "1"
    )
    assert (await project.get(f"commands/{hook_id}")).status == 404
    assert votes_of(await project.view("pull-requests", opened.pull_request_id)) == []
    headers = hook_headers(project)
    answer = await opened.doors.request("POST", path, body=json.dumps(hook).encode(), headers=headers)
    assert (answer.status, answer.json["id"]) == (202, hook_id)
    await seen(opened, lambda view: votes_of(view) == [10])
