"""Service hooks: who may call, what is the same notification, what it says, and what is parked."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.devops.source_control.branch import ObserveBranch
from domain.devops.source_control.pull_request_observation import ObservePullRequest
from domain.devops.source_control.repository import HOOK_EVENTS, Repository
from domain.kernel.command import Observation
from domain.kernel.context import OBSERVATIONS
from domain.kernel.errors import Unavailable
from domain.kernel.values import derived_id
from domain.kernel.work import Partition
from functions.answers import answered
from functions.bootstrap import hook_password
from functions.hook_payloads import azure_devops_observations, inbox_key
from functions.webhooks import BODY_LIMIT, authenticated, receive, received
from tests.functions.conftest import MemoryPlatform
from tests.functions.requests import request

HERE = Partition("acme", "booking")
SECRETS = (b"current", b"previous")
KEY = b"proof"
MOMENT = datetime(2026, 6, 11, 18, 22, 5, tzinfo=UTC)
REPOSITORY = {"id": "b1f3c2d4-0000-4000-8000-000000000001", "name": "booking"}
ID = Repository.id_for(HERE, REPOSITORY["id"])
# A push of two branches and a tag, one of them deleted.
PUSH = {
    "subscriptionId": "5a1b",
    "notificationId": 7,
    "id": "03c1",
    "eventType": "git.push",
    "resource": {
        "pushId": 14,
        "repository": REPOSITORY,
        "refUpdates": [
            {"name": "refs/heads/main", "oldObjectId": "a" * 40, "newObjectId": "b" * 40},
            {"name": "refs/heads/feature/x", "oldObjectId": "b" * 40, "newObjectId": "0" * 40},
            {"name": "refs/tags/v1", "oldObjectId": "0" * 40, "newObjectId": "b" * 40},
        ],
    },
}
UPDATED = {
    "subscriptionId": "5a1b",
    "notificationId": 8,
    "id": "03c2",
    "eventType": "git.pullrequest.updated",
    "resource": {"repository": REPOSITORY, "pullRequestId": 12, "status": "completed"},
}


def observations_of(hook: Mapping[str, Any], partition: Partition) -> list[Observation]:
    return [observation for observation, _ in azure_devops_observations(hook, partition)]


def basic(secret: bytes, partition: Partition = HERE, user: str = "azure-devops") -> str:
    credentials = f"{user}:{hook_password(secret, partition)}"
    return "Basic " + base64.b64encode(credentials.encode()).decode()


@pytest.mark.parametrize("secret", SECRETS)
def test_during_a_rotation_the_current_and_the_previous_secret_open(secret: bytes) -> None:
    assert authenticated(basic(secret), SECRETS, HERE)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !",
        basic(b"oldest"),
        basic(b"current", Partition("acme", "other")),
        basic(b"current", Partition("other", "booking")),
        basic(b"current", user="admin"),
        basic(b"current").removeprefix("Basic "),
        basic(b"current").replace("Basic", "Bearer"),
        basic(b"current") + " ",
        "Basic " + base64.b64encode(b"azure-devops:current").decode(),
        "\udcff",
    ],
)
def test_nothing_else_opens(header: str | None) -> None:
    assert not authenticated(header, SECRETS, HERE)


def test_every_secret_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In constant time: how many secrets were tried must not be told by the clock."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def recorded(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return bool(real(left, right))

    monkeypatch.setattr(hmac, "compare_digest", recorded)
    for header in (basic(b"current"), basic(b"previous"), basic(b"wrong"), None):
        compared.clear()
        authenticated(header, SECRETS, HERE)
        assert len(compared) == len(SECRETS)


def test_a_notification_is_told_by_its_subscription_and_number() -> None:
    raw = json.dumps(PUSH).encode()
    assert inbox_key(PUSH, raw) == ("notification", "5a1b", "7")
    assert inbox_key(PUSH | {"id": "else"}, raw) == inbox_key(PUSH, raw)
    assert inbox_key(PUSH | {"notificationId": 0}, raw) == ("notification", "5a1b", "0")


@pytest.mark.parametrize("lacking", ["subscriptionId", "notificationId"])
def test_older_payloads_are_told_by_their_id(lacking: str) -> None:
    old = {key: value for key, value in PUSH.items() if key != lacking}
    assert inbox_key(old, b"") == ("id", "03c1")


def test_what_has_no_id_is_told_by_its_bytes() -> None:
    assert inbox_key({}, b"one") == inbox_key({}, b"one")
    assert inbox_key({}, b"one") != inbox_key({}, b"two")
    assert inbox_key({}, b"one")[0] == "body"


def test_a_push_says_which_branches_moved() -> None:
    assert list(observations_of(PUSH, HERE)) == [
        ObserveBranch(repository_id=ID, name="main"),
        ObserveBranch(repository_id=ID, name="feature/x"),
    ]


@pytest.mark.parametrize("event", [event for event in HOOK_EVENTS if event.startswith("git.pullrequest.")])
def test_every_hook_of_a_pull_request_says_only_which_to_read(event: str) -> None:
    """Also `merged`, which is an attempt to build the merge commit, and no merge."""
    assert list(observations_of(UPDATED | {"eventType": event}, HERE)) == [
        ObservePullRequest(repository_id=ID, number=12)
    ]


def test_every_hook_that_is_registered_is_understood() -> None:
    resource = {"repository": REPOSITORY, "pullRequestId": 12, "refUpdates": [{"name": "refs/heads/main"}]}
    for event in HOOK_EVENTS:
        assert list(observations_of({"eventType": event, "resource": resource}, HERE)), event


def test_a_repository_of_another_tenant_is_another_repository() -> None:
    (here,) = observations_of(UPDATED, HERE)
    (there,) = observations_of(UPDATED, Partition("other", "booking"))
    assert isinstance(here, ObservePullRequest) and isinstance(there, ObservePullRequest)
    assert here.repository_id != there.repository_id


NOT_UNDERSTOOD: list[dict[str, Any]] = [
    {},
    {"eventType": "git.push"},
    {"eventType": "git.push", "resource": None},
    {"eventType": "git.push", "resource": []},
    PUSH | {"eventType": "build.complete"},
    PUSH | {"eventType": None},
    PUSH | {"resource": {"refUpdates": PUSH["resource"]["refUpdates"]}},  # type: ignore[index]
    PUSH | {"resource": {"repository": {}, "refUpdates": [{"name": "refs/heads/main"}]}},
    PUSH | {"resource": {"repository": {"id": 7}, "refUpdates": [{"name": "refs/heads/main"}]}},
    PUSH | {"resource": {"repository": REPOSITORY, "refUpdates": [{"name": "refs/tags/v1"}]}},
    PUSH | {"resource": {"repository": REPOSITORY, "refUpdates": 7}},
    PUSH | {"resource": {"repository": REPOSITORY}},
    UPDATED | {"resource": {"repository": REPOSITORY}},
    UPDATED | {"resource": {"repository": REPOSITORY, "pullRequestId": 0}},
    UPDATED | {"resource": {"repository": REPOSITORY, "pullRequestId": "x"}},
]


@pytest.mark.parametrize("hook", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_parked(hook: dict[str, Any]) -> None:
    journal = received(hook, json.dumps(hook).encode(), HERE, MOMENT, KEY)
    assert journal.outcome.reply["outcome"] == "parked"
    assert (journal.messages, journal.pending) == ((), False)


def test_what_is_understood_goes_to_the_observations_with_ids_that_repeat() -> None:
    raw = json.dumps(PUSH).encode()
    journal, again = (received(PUSH, raw, HERE, MOMENT, KEY) for _ in range(2))
    assert journal == again
    assert [message.destination for message in journal.messages] == [OBSERVATIONS, OBSERVATIONS]
    assert len({message.message_id for message in journal.messages}) == 2
    assert {message.properties["cs-actor"] for message in journal.messages} == {"azure-devops"}
    assert journal.outcome.command_id == derived_id(
        "hook", "acme", "booking", "azure-devops", "notification", "5a1b", "7"
    )
    assert journal.pending


def test_two_notifications_of_one_change_are_two_observations() -> None:
    """Each makes us look again: the second may have happened after the first was read."""
    first = received(UPDATED, b"", HERE, MOMENT, KEY)
    second = received(UPDATED | {"notificationId": 9}, b"", HERE, MOMENT, KEY)
    assert first.messages[0].message_id != second.messages[0].message_id


async def post(body: bytes, authorization: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": basic(b"current") if authorization is None else authorization}
    answer = await answered(receive, request(body=body, headers=headers))
    return answer.status_code, json.loads(answer.get_body())


async def test_a_hook_is_stored_as_it_came_and_sent_on_once(memory: MemoryPlatform) -> None:
    raw = json.dumps(PUSH, indent=1).encode()
    status, body = await post(raw)
    assert (status, body["outcome"]) == (202, "accepted")
    await memory.dispatcher.drain()
    assert await post(raw) == (status, body)
    assert await memory.store.raw(HERE, body["id"]) == raw.decode()
    assert [message.destination for message in memory.broker.published] == [OBSERVATIONS, OBSERVATIONS]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"a": 1e400}', b"[" * 100_000])
async def test_a_body_that_is_no_json_is_parked_as_it_came(memory: MemoryPlatform, body: bytes) -> None:
    status, answer = await post(body)
    assert (status, answer["outcome"]) == (202, "parked")
    raw = await memory.store.raw(HERE, answer["id"])
    assert raw is not None and raw.encode().decode("unicode_escape").encode("latin-1") == body
    assert memory.broker.published == []


async def test_who_is_not_let_in_is_told_nothing_and_stores_nothing(memory: MemoryPlatform) -> None:
    status, answer = await post(json.dumps(PUSH).encode(), "")
    assert status == 401
    assert "acme" not in json.dumps(answer)
    assert [partition async for partition in memory.store.partitions()] == []


async def test_the_size_is_capped_after_the_password(memory: MemoryPlatform) -> None:
    assert (await post(b" " * (BODY_LIMIT + 1)))[0] == 413
    assert (await post(b" " * BODY_LIMIT))[0] == 202
    assert (await post(b" " * (BODY_LIMIT + 1), ""))[0] == 401


async def test_without_the_broker_a_hook_is_accepted_all_the_same(memory: MemoryPlatform) -> None:
    memory.broker.away = True
    status, answer = await post(json.dumps(PUSH).encode())
    assert status == 202
    stored = await memory.store.handled(HERE, answer["id"])
    assert stored is not None and stored.pending


async def test_without_the_store_it_is_503_so_that_azure_devops_tries_again(
    memory: MemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("Table Storage", "timed out")

    monkeypatch.setattr(memory.store, "receive", away)
    assert (await post(json.dumps(PUSH).encode()))[0] == 503
