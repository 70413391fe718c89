"""Builds over REST: listings, cancelling, timelines, logs, artifacts, results, retries."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.infra.test_azure_devops.run_ground import (
    Definition,
    bash,
    job,
    one_job,
    pipeline,
    stage,
)


async def test_a_build_tells_what_ran_where_and_for_whom(definition: Definition) -> None:
    ran = await definition.ran(one_job(bash("true")))
    build = ran.build
    assert (build["status"], build["result"], build["reason"]) == ("completed", "succeeded", "manual")
    assert (build["sourceBranch"], build["sourceVersion"]) == ("refs/heads/main", definition.commit)
    assert build["definition"]["id"] == definition.id
    assert build["repository"]["id"] == definition.repository.id
    assert build["requestedFor"]["displayName"] == "Local User"
    assert build["queueTime"] < build["startTime"] < build["finishTime"]
    day = build["queueTime"][:10].replace("-", "")
    assert build["buildNumber"] == f"{day}.1"
    again = await definition.ran(
        one_job(bash("true"), name="$(Date:yyMMdd)-$(Rev:rr)-$(who)", variables={"who": "me"})
    )
    assert again.build["buildNumber"] == f"{day[2:]}-01-me"
    missing = await definition.call("GET", "build/builds/999999")
    assert (missing.status, missing.type_key) == (404, "BuildNotFoundException")


async def test_builds_are_listed_by_definition_branch_time_state_and_page(definition: Definition) -> None:
    numbers = [(await definition.ran(one_job(bash(text)))).id for text in ("true", "false", "true")]
    other = definition.ground.definition(definition.repository, definition.commit)
    stranger = (await other.ran(one_job(bash("true")))).id

    async def listed(query: str) -> list[int]:
        found = await definition.call("GET", f"build/builds?{query}&queryOrder=queueTimeDescending")
        assert found.status == 200, found
        return [build["id"] for build in found.value]

    newest = numbers[::-1]
    assert await listed("") == [stranger, *newest]
    assert await listed(f"definitions={definition.id}") == newest
    assert await listed(f"definitions={definition.id}&resultFilter=failed") == [numbers[1]]
    assert await listed("statusFilter=inProgress,notStarted") == []
    assert await listed("branchName=refs/heads/other") == []
    assert await listed(f"buildIds={numbers[0]},{stranger}") == [stranger, numbers[0]]
    moment = (await definition.build(numbers[1]))["queueTime"]
    assert await listed(f"definitions={definition.id}&minTime={moment}") == newest[:2]
    assert await listed(f"definitions={definition.id}&maxTime={moment}") == newest[1:]
    pages, token = [], ""
    while True:
        found = await definition.call(
            "GET", f"build/builds?definitions={definition.id}&$top=2&queryOrder=queueTimeDescending{token}"
        )
        pages.append([build["id"] for build in found.value])
        if "x-ms-continuationtoken" not in found.headers:
            break
        token = f"&continuationToken={found.headers['x-ms-continuationtoken']}"
    assert pages == [newest[:2], newest[2:]]
    assert (await definition.call("GET", "build/builds?queryOrder=odd")).status == 400


async def test_a_listing_lags_behind_what_was_started(definition: Definition) -> None:
    ran = await definition.ran(one_job(bash("true")))
    rule = {"mode": "lag", "delay": 60, "times": 2}
    await definition.ground.local("POST", "faults", [rule])
    assert (await definition.call("GET", "build/builds")).value == []
    assert (await definition.call("GET", f"pipelines/{definition.id}/runs")).value == []
    assert [run["id"] for run in (await definition.call("GET", f"pipelines/{definition.id}/runs")).value] == [
        ran.id
    ]


async def test_cancelling_kills_what_runs_and_lets_only_cleaning_up_run(definition: Definition) -> None:
    plan = pipeline(
        stage(
            "build",
            job(
                "job",
                bash("echo $$; sleep 60", "long"),
                bash("echo", "next"),
                bash("echo", "clean", condition="always()"),
            ),
            job("later", bash("true"), depends_on=["job"]),
        ),
        stage("after", job("x", bash("true")), depends_on=["build"]),
    )
    number = definition.start(plan)

    def runs(records: list[dict[str, object]]) -> bool:
        return any(r["name"] == "long" and r["state"] == "inProgress" for r in records)

    records = await definition.until(number, runs)
    log_id = next(r for r in records if r["name"] == "long")["log"]["id"]
    path = f"build/builds/{number}/logs/{log_id}"
    async with asyncio.timeout(10):
        while len(lines := (await definition.call("GET", path)).body["value"]) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    process = int(lines[2].partition(" ")[2])
    os.kill(process, 0)
    answer = await definition.call("PATCH", f"build/builds/{number}", {"status": "cancelling"})
    assert (answer.status, answer.body["status"]) == (200, "cancelling")
    build = await definition.done(number)
    assert build["result"] == "canceled"
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    results = {r["name"]: r["result"] for r in await definition.records(number)}
    assert (results["long"], results["next"], results["clean"]) == ("canceled", "skipped", "succeeded")
    assert (results["job"], results["later"], results["after"]) == ("canceled", "canceled", "canceled")
    again = await definition.call("PATCH", f"build/builds/{number}", {"status": "cancelling"})
    assert again.status == 400


async def test_the_timeline_is_a_tree_of_stage_phase_job_and_tasks(definition: Definition) -> None:
    ran = await definition.ran(one_job(bash("true", "first"), bash("true", "second")))
    by_id = {record["id"]: record for record in ran.records}
    path, record = [], ran.record("Task", "second")
    while record["parentId"]:
        record = by_id[record["parentId"]]
        path.append((record["type"], record["identifier"]))
    assert path == [("Job", "build.job.__default"), ("Phase", "build.job"), ("Stage", "build")]
    tasks = sorted((r for r in ran.records if r["type"] == "Task"), key=lambda r: r["order"])
    assert [r["name"] for r in tasks] == ["Initialize job", "Checkout self", "first", "second"]
    assert all(r["state"] == "completed" and r["attempt"] == 1 for r in ran.records)


async def test_logs_are_text_or_lines(definition: Definition) -> None:
    ran = await definition.ran(one_job(bash("seq 3", "count")))
    number = ran.record("Task", "count")["log"]["id"]
    path = f"build/builds/{ran.id}/logs"
    logs = {log["id"]: log["lineCount"] for log in (await definition.call("GET", path)).value}
    assert logs[number] == 6
    text = (await definition.call("GET", f"{path}/{number}", accept="text/plain")).body.decode()
    assert [line.split(" ", 1)[1] for line in text.splitlines()[2:5]] == ["1", "2", "3"]
    some = (await definition.call("GET", f"{path}/{number}?startLine=3&endLine=4")).value
    assert [str(line).split(" ", 1)[1] for line in some] == ["1", "2"]
    assert (await definition.call("GET", f"{path}/99")).status == 404


async def test_a_failed_stage_is_tried_again_with_its_failed_jobs_alone(
    definition: Definition, tmp_path: object
) -> None:
    plan = pipeline(
        stage(
            "build",
            job("good", bash(f"echo x >> {tmp_path}/good")),
            job(
                "flaky",
                bash("[ $(System.JobAttempt) -gt 1 ] || exit 1; echo attempt $(System.StageAttempt)", "try"),
            ),
        ),
        stage("deploy", job("job", bash("true")), depends_on=["build"]),
    )
    first = await definition.ran(plan)
    assert (first.result, first.results("Stage")["deploy"]) == ("failed", "skipped")
    answer = await definition.call(
        "PATCH", f"build/builds/{first.id}/stages/build", {"state": "retry", "forceRetryAllJobs": False}
    )
    assert answer.status == 204
    build = await definition.done(first.id)
    assert build["result"] == "succeeded"
    records = await definition.records(first.id)
    attempts = {
        (r["type"], r["identifier"]): r["attempt"] for r in records if r["type"] in ("Stage", "Phase", "Job")
    }
    assert attempts == {
        ("Stage", "build"): 2,
        ("Stage", "deploy"): 1,
        ("Phase", "build.good"): 1,
        ("Phase", "build.flaky"): 2,
        ("Phase", "deploy.job"): 1,
        ("Job", "build.good.__default"): 1,
        ("Job", "build.flaky.__default"): 2,
        ("Job", "deploy.job.__default"): 1,
    }
    phase = next(r for r in records if r["identifier"] == "build.flaky")
    earlier = phase["previousAttempts"][0]["timelineId"]
    old = (await definition.call("GET", f"build/builds/{first.id}/timeline/{earlier}")).body["records"]
    assert {r["name"]: r["result"] for r in old}["try"] == "failed"
    with open(f"{tmp_path}/good") as file:  # noqa: ASYNC230
        assert file.read() == "x\n", "the job that succeeded did not run again"
    refused = await definition.call("PATCH", f"build/builds/{first.id}/stages/build", {"state": "retry"})
    assert refused.status == 400


async def test_stages_to_skip_are_passed_over(definition: Definition) -> None:
    plan = pipeline(
        stage("a", job("j", bash("true"))),
        stage("b", job("j", bash("true")), depends_on=["a"]),
        stage("c", job("j", bash("true")), depends_on=["b"]),
    )
    ran = await definition.ran(plan, stages_to_skip=["b"])
    assert ran.results("Stage") == {"a": "succeeded", "b": "skipped", "c": "succeeded"}
