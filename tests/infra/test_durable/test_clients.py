"""The SDK's client from within a function, and the management endpoints from outside."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.infra.test_durable.conftest import Shared
from tests.infra.test_durable.driving import Driver


async def test_a_function_starts_one_and_waits_for_its_end(driver: Driver) -> None:
    status, instance = await driver.client(
        "start_new", orchestration_function_name="chain", instance_id="by-client", client_input="x"
    )
    assert (status, instance) == (200, "by-client")
    assert await driver.client("wait", instance_id=instance) == (200, "xabc")
    _, found = await driver.client("get_status", instance_id=instance, show_input=True)
    assert (found["runtimeStatus"], found["output"], found["input"]) == ("Completed", "xabc", "x")
    _, missing = await driver.client("get_status", instance_id="nobody")
    assert missing is None


async def test_an_event_of_the_client_arrives_as_text(driver: Driver) -> None:
    instance = await driver.start("waiting")
    for name in ("first", "second"):
        answer = await driver.client(
            "raise_event", instance_id=instance, event_name=name, event_data={"is": name}
        )
        assert answer == (200, None)
    # The SDK encodes twice, so an orchestrator must take both: text here, the object from elsewhere.
    assert (await driver.end(instance))["output"] == ['{"is": "first"}', '{"is": "second"}']
    status, text = await driver.client("raise_event", instance_id=instance, event_name="late")
    assert (status, "is gone" in text) == (500, True)
    status, text = await driver.client("raise_event", instance_id="nobody", event_name="late")
    assert (status, "No instance" in text) == (500, True)


async def test_an_id_is_taken_while_its_instance_lives(driver: Driver) -> None:
    await driver.start("waiting", None, "taken")
    status, answer = await driver.post("orchestrators/waiting/taken")
    assert status == 409
    assert "already exists" in answer["Message"]
    await driver.client("terminate", instance_id="taken", reason="enough")
    assert (await driver.end("taken"))["output"] == "enough"
    assert await driver.run("chain", "x", "taken") == "xabc", "an ended one makes room"
    history = (await driver.status("taken", showHistory="true"))["historyEvents"]
    assert [each["EventType"] for each in history] == [
        "ExecutionStarted",
        *["TaskCompleted"] * 3,
        "ExecutionCompleted",
    ]


async def test_an_orchestrator_that_is_not_there_is_refused(driver: Driver) -> None:
    status, text = await driver.client("start_new", orchestration_function_name="missing")
    assert status == 500
    assert "The function 'missing' doesn't exist" in text


async def test_a_suspended_instance_goes_on_when_it_is_resumed(driver: Driver) -> None:
    instance = await driver.start("waiting")
    await driver.client("suspend", instance_id=instance, reason="wait")
    await driver.reaches(instance, lambda status: status["runtimeStatus"] == "Suspended")
    await driver.raise_event(instance, "first", 1)
    await driver.raise_event(instance, "second", 2)
    assert (await driver.status(instance))["runtimeStatus"] == "Suspended"
    await driver.client("resume", instance_id=instance, reason="go on")
    assert (await driver.end(instance))["output"] == [1, 2]


async def test_what_has_ended_can_be_started_again_and_purged(driver: Driver) -> None:
    assert await driver.run("chain", "x", "again") == "xabc"
    status, other = await driver.post("instances/again/restart")
    assert status == 202 and other != "again"
    assert (await driver.end(other))["output"] == "xabc"
    status, same = await driver.post("instances/again/restart", restartWithNewInstanceId="false")
    assert (status, same) == (202, "again")
    await driver.end("again")
    assert await driver.client("purge_instance_history", instance_id="again") == (200, 1)
    assert await driver.client("purge_instance_history", instance_id="again") == (200, 0)
    assert await driver.get("instances/again") == (404, None)
    live = await driver.start("waiting")
    async with driver.http.delete(f"/durabletask/instances/{live}") as answer:
        assert answer.status == 412
    assert (await driver.post(f"instances/{live}/rewind"))[0] == 501


async def test_instances_are_listed_by_prefix_status_and_time(driver: Driver) -> None:
    since = datetime.now(UTC)
    for number in range(3):
        await driver.run("chain", "x", f"listed-{number}")
    await driver.start("waiting", None, "listed-live")

    async def ids(**query: str) -> list[str]:
        _, found = await driver.get("instances/", **query)
        return sorted(each["instanceId"] for each in found)

    ended = [f"listed-{number}" for number in range(3)]
    assert await ids(instanceIdPrefix="listed-") == [*ended, "listed-live"]
    assert await ids(instanceIdPrefix="listed-", runtimeStatus="Completed,Failed") == ended
    assert await ids(createdTimeFrom=since.isoformat(), runtimeStatus="Completed") == ended
    later = (since + timedelta(hours=1)).isoformat()
    assert await ids(createdTimeFrom=later) == []
    found: list[Any] = []
    headers: dict[str, str] = {}
    while True:
        path = "/durabletask/instances?instanceIdPrefix=listed-&top=3"
        async with driver.http.get(path, headers=headers) as answer:
            found += [each["instanceId"] for each in await answer.json()]
            if not (token := answer.headers.get("x-ms-continuation-token")):
                break
            headers = {"x-ms-continuation-token": token}
    assert sorted(found) == [*ended, "listed-live"]


async def test_from_outside_the_endpoints_ask_for_their_key(driver: Driver, host: Shared) -> None:
    instance = await driver.start("waiting")
    async with driver.http.post("/api/client/check", json={"instance_id": instance}) as answer:
        assert answer.status == 202
        links = await answer.json()
    bare = f"/runtime/webhooks/durabletask/instances/{instance}"
    for path in (bare, f"{bare}?code=wrong"):
        async with driver.http.get(path) as answer:
            assert answer.status == 401
    async with driver.http.get(links["statusQueryGetUri"]) as answer:
        assert answer.status == 202
    for name in ("first", "second"):
        async with driver.http.post(
            links["sendEventPostUri"].replace("{eventName}", name), json=name
        ) as answer:
            assert answer.status == 202
    async with driver.http.post(links["terminatePostUri"].replace("{text}", "late")) as answer:
        assert answer.status in (202, 410)
    await driver.end(instance)


async def test_events_are_refused_in_words(driver: Driver) -> None:
    instance = await driver.start("waiting")
    async with driver.http.post(f"/durabletask/instances/{instance}/raiseEvent/first", data="x") as answer:
        assert answer.status == 400
    assert (await driver.post("orchestrators/waiting/has%23hash"))[0] == 400
    status, _ = await driver.post(f"instances/{instance}/raiseEvent/first", "x" * 500_000)
    assert status == 413
