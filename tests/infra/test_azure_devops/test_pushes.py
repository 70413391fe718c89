"""Pushes over REST, and the commits, diffs and files that they make."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.infra.test_azure_devops.client import (
    ZERO,
    Json,
    Repository,
    add,
    edit,
    push_body,
)


async def test_of_two_pushes_on_the_same_tip_one_is_stale(repository: Repository) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1"})
    replies = await asyncio.gather(
        repository.push("main", base, add("/b", "1")), repository.push("main", base, add("/c", "1"))
    )
    assert sorted(reply.status for reply in replies) == [201, 409]
    stale = next(reply for reply in replies if reply.status == 409)
    assert stale.type_key == "GitReferenceStaleException"
    assert "TF401028" in stale.body["message"]


async def test_a_first_push_over_an_existing_branch_is_stale(repository: Repository) -> None:
    await repository.commit("main", ZERO, {"/a": "1"})
    assert (await repository.push("main", ZERO, add("/b", "1"))).status == 409


async def test_a_new_branch_starts_from_its_base(repository: Repository) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1"})
    await repository.commit("feature", base, {"/b": "2"})
    assert await repository.file("/a", "feature") == b"1"
    assert await repository.tip("main") == base


async def test_files_are_added_edited_renamed_and_deleted(repository: Repository) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1", "/dir/b": "2", "/c": "3", "/d": "4"})
    reply = await repository.push(
        "main",
        base,
        edit("/a", "11"),
        {"changeType": "rename", "sourceServerItem": "/dir/b", "item": {"path": "/moved/b"}},
        {"changeType": "delete", "item": {"path": "/c"}},
        {
            "changeType": "add",
            "item": {"path": '/ä "quoted" \\ name'},
            "newContent": {
                "content": base64.b64encode(b"\x00\xff").decode(),
                "contentType": "base64encoded",
            },
        },
    )
    assert reply.status == 201, reply
    listed = await repository.call("GET", "items?recursionLevel=full&versionDescriptor.version=main")
    files = {item["path"] for item in listed.value if item["gitObjectType"] == "blob"}
    assert files == {"/a", "/moved/b", "/d", '/ä "quoted" \\ name'}
    assert await repository.file("/a") == b"11"
    assert await repository.file("/moved/b") == b"2"
    assert await repository.file('/ä "quoted" \\ name') == b"\x00\xff"


@pytest.mark.parametrize(
    "change",
    [
        add("/a", "again"),
        add("/a/under-a-file", "x"),
        add("/dir", "over a folder"),
        edit("/missing", "x"),
        {"changeType": "delete", "item": {"path": "/missing"}},
        {"changeType": "rename", "sourceServerItem": "/missing", "item": {"path": "/n"}},
        {"changeType": "rename", "sourceServerItem": "/a", "item": {"path": "/dir/b"}},
        add("/../escape", "x"),
        add("/.git/config", "x"),
        {"changeType": "add", "item": {"path": "/x"}},
    ],
)
async def test_a_change_that_does_not_fit_the_tree_is_refused_and_nothing_moves(
    repository: Repository, change: Json
) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1", "/dir/b": "2"})
    reply = await repository.push("main", base, add("/fine", "x"), change)
    assert (reply.status, reply.type_key) == (400, "InvalidArgumentValueException")
    assert await repository.tip("main") == base


async def test_a_push_without_changes_or_on_an_unknown_base_is_refused(repository: Repository) -> None:
    assert (await repository.push("main", ZERO)).status == 400
    unknown = await repository.push("main", "1" * 40, add("/a", "1"))
    assert unknown.type_key == "GitObjectDoesNotExistException"


async def test_author_and_committer_may_be_given_so_that_a_commit_id_is_reproducible(
    repository: Repository,
) -> None:
    who = {"name": "Ann", "email": "ann@example.com", "date": "2024-02-03T04:05:06Z"}
    body = push_body("main", ZERO, add("/a", "1"), comment="by Ann")
    body["commits"][0].update(author=who, committer=who)
    first = (await repository.call("POST", "pushes", body)).body["commits"][0]
    body["refUpdates"][0]["name"] = "refs/heads/twin"
    second = (await repository.call("POST", "pushes", body)).body["commits"][0]
    assert first["commitId"] == second["commitId"]
    assert first["author"] == who


async def test_a_push_of_five_hundred_files_takes_seconds_at_most(repository: Repository) -> None:
    files = {f"/dir{i % 20}/file{i}.txt": f"content {i}" for i in range(500)}
    started = time.monotonic()
    base = await repository.commit("main", ZERO, files)
    await repository.push("main", base, *(edit(path, "new") for path in files))
    assert time.monotonic() - started < 5
    assert await repository.file("/dir7/file487.txt") == b"new"


async def test_long_comments_are_cut_in_listings_only(repository: Repository) -> None:
    comment = "Subject\n\n" + "x" * 200 + "\n\nCS-Operation-Id: 4711"
    commit = await repository.commit("main", ZERO, {"/a": "1"}, comment)
    listed = (await repository.call("GET", "commits?searchCriteria.itemVersion.version=main")).value[0]
    assert listed["commentTruncated"] is True
    assert len(listed["comment"]) == 100
    whole = (await repository.call("GET", f"commits/{commit}")).body
    assert whole["comment"] == comment
    assert "commentTruncated" not in whole


async def test_commits_are_listed_newest_first_by_branch_page_and_date(repository: Repository) -> None:
    tip, ids = ZERO, []
    for number in range(4):
        body = push_body("main", tip, add(f"/{number}", "x"), comment=str(number))
        who = {"name": "A", "email": "a@b", "date": f"2024-01-0{number + 1}T00:00:00Z"}
        body["commits"][0].update(author=who, committer=who)
        tip = (await repository.call("POST", "pushes", body)).body["refUpdates"][0]["newObjectId"]
        ids.append(tip)

    async def listed(criteria: str) -> list[str]:
        branch = "searchCriteria.itemVersion.version=main&searchCriteria.itemVersion.versionType=branch"
        query = f"commits?{branch}&{criteria}"
        return [commit["commitId"] for commit in (await repository.call("GET", query)).value]

    newest_first = ids[::-1]
    assert await listed("") == newest_first
    assert await listed("searchCriteria.$top=2&searchCriteria.$skip=1") == newest_first[1:3]
    assert await listed("searchCriteria.fromDate=2024-01-03T00:00:00Z") == newest_first[:2]


async def test_a_commit_tells_its_tree_parents_and_changes(repository: Repository) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1"})
    tip = await repository.commit("main", base, {"/b": "2"})
    commit = (await repository.call("GET", f"commits/{tip}")).body
    assert commit["parents"] == [base]
    assert len(commit["treeId"]) == 40
    changes = (await repository.call("GET", f"commits/{tip}/changes")).body
    assert changes["changeCounts"] == {"Add": 1}
    assert changes["changes"][0]["item"]["path"] == "/b"
    assert (await repository.call("GET", f"commits/{'1' * 40}")).status == 404


async def test_a_diff_counts_both_sides_from_the_common_commit(repository: Repository) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1"})
    await repository.commit("main", base, {"/main": "2"})
    feature = await repository.commit("feature", base, {"/f1": "1"})
    await repository.push("feature", feature, edit("/a", "2"))
    query = "diffs/commits?baseVersion=main&targetVersion=feature&diffCommonCommit=true"
    diff = (await repository.call("GET", query)).body
    assert (diff["aheadCount"], diff["behindCount"]) == (2, 1)
    assert diff["commonCommit"] == base
    assert {(c["item"]["path"], c["changeType"]) for c in diff["changes"]} == {("/f1", "add"), ("/a", "edit")}


async def test_items_answer_raw_or_json_and_404_for_what_is_not_there(repository: Repository) -> None:
    await repository.commit("main", ZERO, {"/dir/a.txt": "text"})
    found = await repository.call("GET", "items?path=/dir/a.txt&includeContent=true")
    assert (found.body["content"], found.body["path"]) == ("text", "/dir/a.txt")
    missing = await repository.call("GET", "items?path=/nothing")
    assert (missing.status, missing.type_key) == (404, "GitItemNotFoundException")
    version = await repository.call("GET", "items?path=/dir/a.txt&versionDescriptor.version=no-branch")
    assert (version.status, version.type_key) == (404, "GitUnresolvableToCommitException")


async def test_pushes_are_listed_since_a_date_and_by_ref(repository: Repository) -> None:
    base = await repository.commit("main", ZERO, {"/a": "1"})
    await repository.commit("other", base, {"/b": "1"})

    async def listed(criteria: str) -> list[Any]:
        found = await repository.call("GET", f"pushes?searchCriteria.includeRefUpdates=true&{criteria}")
        return [push["refUpdates"][0]["name"] for push in found.value]

    assert await listed("") == ["refs/heads/other", "refs/heads/main"]
    assert await listed("searchCriteria.refName=refs/heads/main") == ["refs/heads/main"]
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    assert await listed(f"searchCriteria.fromDate={soon}") == []
    push_id = (await repository.call("GET", "pushes")).value[0]["pushId"]
    one = (await repository.call("GET", f"pushes/{push_id}?includeRefUpdates=true&includeCommits=5")).body
    assert one["refUpdates"][0]["oldObjectId"] == ZERO
    assert [commit["comment"] for commit in one["commits"]] == ["change", "change"]
