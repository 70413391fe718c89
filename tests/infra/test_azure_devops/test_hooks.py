"""Service hooks: what is sent, when, and what a failing receiver loses."""

from __future__ import annotations

import aiohttp

from tests.infra.test_azure_devops.client import ORG, ZERO, Json, Repository
from tests.infra.test_azure_devops.receiver import (
    Receiver,
    deliveries,
    subscribe,
    subscription_body,
)

UPDATED = "git.pullrequest.updated"
MERGED = "git.pullrequest.merged"


async def _opened(repository: Repository) -> Json:
    base = await repository.commit("main", ZERO, {"/a": "1"})
    await repository.commit("feature", base, {"/b": "2"})
    return await repository.pull_request()


async def test_a_push_is_announced_with_its_id_refs_and_commits(
    repository: Repository, receiver: Receiver
) -> None:
    subscription = await subscribe(repository, receiver, consumer={"httpHeaders": "X-Route: 7\nX-Other: a:b"})
    tip = await repository.commit("main", ZERO, {"/a": "1"}, comment="first")
    received = await receiver.next()
    assert received.headers["Authorization"] == aiohttp.encode_basic_auth("hook", "secret")
    assert (received.headers["X-Route"], received.headers["X-Other"]) == ("7", "a:b")
    body = received.body
    assert (body["subscriptionId"], body["notificationId"]) == (subscription["id"], 1)
    assert (body["eventType"], body["publisherId"], body["resourceVersion"]) == ("git.push", "tfs", "1.0")
    resource = body["resource"]
    assert resource["refUpdates"][0] == {
        "repositoryId": repository.id,
        "name": "refs/heads/main",
        "oldObjectId": ZERO,
        "newObjectId": tip,
    }
    assert resource["commits"][0]["comment"] == "first"
    assert resource["repository"]["id"] == repository.id
    pushes = (await repository.call("GET", "pushes")).value
    assert resource["pushId"] == pushes[0]["pushId"]
    await repository.commit("main", tip, {"/b": "1"})
    second = (await receiver.next()).body
    assert (second["notificationId"], second["id"] != body["id"]) == (2, True)


async def test_only_events_of_the_named_repository_and_branch_arrive(
    repository: Repository, receiver: Receiver
) -> None:
    other = await repository.project.repository("other")
    await subscribe(repository, receiver, publisher={"branch": "main"})
    await other.commit("main", ZERO, {"/a": "1"})
    tip = await repository.commit("dev", ZERO, {"/a": "1"})
    await repository.commit("main", tip, {"/b": "1"})
    received = (await receiver.next()).body["resource"]
    assert received["refUpdates"][0]["name"] == "refs/heads/main"
    assert received["repository"]["name"] == "api"
    assert receiver.arrived.empty()


async def test_minimal_resources_carry_only_what_is_needed_to_ask(
    repository: Repository, receiver: Receiver
) -> None:
    await subscribe(
        repository, receiver, consumer={"resourceDetailsToSend": "minimal", "messagesToSend": "none"}
    )
    await repository.commit("main", ZERO, {"/a": "1"})
    body = (await receiver.next()).body
    assert set(body["resource"]) == {"pushId", "url"}
    assert body["message"] is None


async def test_secrets_are_masked_and_the_mask_sent_back_keeps_them(
    repository: Repository, receiver: Receiver
) -> None:
    made = await subscribe(repository, receiver)
    path = f"/{ORG}/_apis/hooks/subscriptions"
    read = (await repository.server.call("GET", f"{path}/{made['id']}")).body
    listed = (await repository.server.call("GET", f"{path}?eventType=git.push")).value
    for shown in (made, read, *listed):
        assert shown["consumerInputs"]["basicAuthPassword"] == "********"
    read["consumerInputs"]["basicAuthUsername"] = "renamed"
    assert (await repository.server.call("PUT", f"{path}/{made['id']}", read)).status == 200
    await repository.commit("main", ZERO, {"/a": "1"})
    received = await receiver.next()
    assert received.headers["Authorization"] == aiohttp.encode_basic_auth("renamed", "secret")


async def test_subscriptions_are_not_unique_so_they_are_queried_before_they_are_made(
    repository: Repository, receiver: Receiver
) -> None:
    first, second = await subscribe(repository, receiver), await subscribe(repository, receiver)
    assert first["id"] != second["id"]
    condition = {"inputId": "repository", "operator": "equals", "inputValue": repository.id}
    query = {"publisherId": "tfs", "publisherInputFilters": [{"conditions": [condition]}]}
    path = f"/{ORG}/_apis/hooks/subscriptions"
    found = await repository.server.call("POST", f"{path}query", query)
    assert {s["id"] for s in found.body["results"]} == {first["id"], second["id"]}
    assert (await repository.server.call("DELETE", f"{path}/{first['id']}")).status == 204
    gone = await repository.server.call("GET", f"{path}/{first['id']}")
    assert (gone.status, gone.type_key) == (404, "SubscriptionNotFoundException")


async def test_a_subscription_that_could_never_deliver_is_refused(
    repository: Repository, receiver: Receiver
) -> None:
    for change in (
        {"eventType": "git.unknown"},
        {"publisherId": "other"},
        {"consumer": {"url": "http://example.com/hook"}},
    ):
        body = subscription_body(repository, receiver, **change)
        reply = await repository.server.call("POST", f"/{ORG}/_apis/hooks/subscriptions", body)
        assert (reply.status, reply.type_key) == (400, "InvalidArgumentValueException")


async def test_merged_fires_on_attempts_so_it_does_not_mean_merged(
    repository: Repository, receiver: Receiver
) -> None:
    await subscribe(repository, receiver, MERGED)
    pull_request = await _opened(repository)
    attempt = (await receiver.next()).body["resource"]
    assert (attempt["status"], attempt["mergeStatus"]) == ("active", "succeeded")
    await repository.complete(pull_request)
    done = (await receiver.next()).body["resource"]
    assert done["status"] == "completed"


async def test_updated_fires_for_votes_statuses_pushes_and_completion(
    repository: Repository, receiver: Receiver
) -> None:
    pull_request = await _opened(repository)
    number = pull_request["pullRequestId"]
    await subscribe(repository, receiver, UPDATED)
    reviewer = pull_request["createdBy"]["id"]
    await repository.call("PUT", f"pullRequests/{number}/reviewers/{reviewer}", {"vote": 5})
    assert (await receiver.next()).body["resource"]["reviewers"][0]["vote"] == 5
    status = {"state": "succeeded", "context": {"name": "x"}}
    await repository.call("POST", f"pullRequests/{number}/iterations/1/statuses", status)
    await receiver.next()
    source = pull_request["lastMergeSourceCommit"]["commitId"]
    moved = await repository.commit("feature", source, {"/c": "1"})
    pushed = (await receiver.next()).body["resource"]
    assert pushed["lastMergeSourceCommit"]["commitId"] == moved
    await repository.complete({**pull_request, "lastMergeSourceCommit": {"commitId": moved}})
    statuses = [received.body["resource"]["status"] for received in await receiver.take(2)]
    assert statuses[-1] == "completed"


async def test_the_resource_shows_the_pull_request_as_it_is_at_delivery(
    repository: Repository, receiver: Receiver
) -> None:
    await subscribe(repository, receiver, "git.pullrequest.created")
    await repository.server.local(
        "POST",
        "faults",
        [{"mode": "reorder-hooks", "delay": 1.0, "match": {"eventType": "git.pullrequest.created"}}],
    )
    pull_request = await _opened(repository)
    path = f"pullRequests/{pull_request['pullRequestId']}"
    await repository.call("PATCH", path, {"title": "Renamed meanwhile"})
    assert (await receiver.next()).body["resource"]["title"] == "Renamed meanwhile"


async def test_hooks_may_be_doubled_overtaken_lost_or_of_the_old_format(
    repository: Repository, receiver: Receiver
) -> None:
    subscription = await subscribe(repository, receiver)
    modes = ("duplicate-hook", "reorder-hooks", "drop-hook", "old-payload")
    await repository.server.local("POST", "faults", [{"mode": mode} for mode in modes])
    tip = ZERO
    for number in range(5):
        tip = await repository.commit("main", tip, {f"/{number}": "x"})
    received = [one.body for one in await receiver.take(5)]
    assert sorted(body.get("notificationId", 0) for body in received) == [0, 1, 1, 2, 5]
    twins = [body for body in received if body.get("notificationId") == 1]
    assert twins[0]["id"] == twins[1]["id"]
    old = next(body for body in received if "notificationId" not in body)
    assert "subscriptionId" not in old and old["id"]
    held = next(body for body in received if body.get("notificationId") == 2)
    assert received.index(held) > received.index(old), "a later one overtook the one that was held back"
    assert await deliveries(repository, subscription) == ["succeeded"] * 2 + ["dropped"] + ["succeeded"] * 2
    fired = (await repository.server.local("GET", "faults"))["value"]
    assert [rule["fired"] for rule in fired] == [1, 1, 1, 1]
