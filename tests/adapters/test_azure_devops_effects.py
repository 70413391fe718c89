"""What the adapter makes of the service's slowness: lagging lists, lost answers, twins, delayed merges."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOps, EntraToken, PersonalAccessToken
from domain.kernel.errors import Conflict, Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import FileContent, ProvidedCommit, RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts
from tests.adapters import scripted_service
from tests.adapters.scripted_service import HANDLE, HEAD, ScriptedService
from tests.azure_devops import AzureDevOpsEmulator, pull_request_path
from tests.git_hosts import HOOK_URL, EmulatorHost, a_minute_ago, head_of, hook_password, until

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
service, partition, repository = scripted_service.service, git_hosts.partition, git_hosts.repository
LAG = 0.6
"""Seconds that a listing stays behind: longer than everything that a test does meanwhile."""


@pytest.fixture
def git_host(emulator_host: EmulatorHost) -> EmulatorHost:
    """Here only the real adapter."""
    return emulator_host


async def commit(git: AzureDevOps, handle: RepositoryHandle, operation_id: str = "cmd-2") -> ProvidedCommit:
    return await git.create_commit(
        handle,
        "main",
        "Add a",
        [FileContent("a.txt", "add", b"a")],
        author="Ada",
        operation_id=operation_id,
        since=a_minute_ago(),
    )


class TestLostAnswers:
    async def test_a_commit_whose_delivery_died_after_the_push_is_found_by_the_next(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        first = await head_of(git_host, repository)
        # The push arrives; nothing that is asked afterwards is answered.
        await git_host.emulator.fault("slow", "GET", "/commits/[0-9a-f]{40}$", delay=2)
        dying = AzureDevOps(
            git_host.emulator.url_template,
            PersonalAccessToken(git_host.emulator.pat),
            HOOK_URL,
            hook_password,
            deadline=1.0,
        )
        call = asyncio.create_task(commit(dying, repository))
        await until(lambda: head_of(git_host, repository), lambda head: head != first)
        call.cancel()
        await dying.close()
        made = await commit(git_host.adapter, repository)
        assert made.sha == await head_of(git_host, repository)
        assert (await git_host.census(repository)).commits == 2

    async def test_a_write_that_never_arrived_is_sent_again(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        base = await head_of(git_host, repository)
        for path in ("/pushes$", "/refs$", "/pullrequests$", "/policy/configurations$", "/subscriptions$"):
            await git_host.emulator.fault("cut-before", "POST", path)
        git = git_host.adapter
        await git.create_branch(repository, "feature/a", base)
        await commit(git, repository)
        await git.open_pull_request(repository, "main", "feature/a", "Back", "", operation_id="cmd-3")
        await git.protect_branch(repository, "feature/a", ["ci/build"], 0)
        await git.register_hooks(repository, ["git.push"])
        census = await git_host.census(repository)
        assert (census.branches, census.commits, census.pull_requests) == (2, 2, 1)
        assert (census.policies, census.hooks) == (1, 1)


class TestLaggingLists:
    async def test_a_pull_request_that_is_not_listed_yet_is_waited_for(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        git = git_host.adapter
        await git.create_branch(repository, "feature/a", await head_of(git_host, repository))
        await commit(git, repository)
        await git_host.emulator.fault("lag", "GET", "/pullrequests$", times=-1, delay=LAG)
        opened = [
            await git.open_pull_request(repository, "main", "feature/a", "Back", "", operation_id="cmd-3")
            for _ in range(2)
        ]
        assert opened[0].number == opened[1].number
        with pytest.raises(Rejected, match=f"pull request {opened[0].number} .* already active"):
            await git.open_pull_request(repository, "main", "feature/a", "Back", "", operation_id="cmd-4")

    async def test_policies_and_hooks_that_are_not_listed_yet_are_not_made_twice(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        for method, path in (("GET", "/policy/configurations$"), ("POST", "/subscriptionsquery$")):
            await git_host.emulator.fault("lag", method, path, times=-1, delay=LAG)
        git = git_host.adapter
        twins = (git.protect_branch(repository, "main", ["ci/build"], 1) for _ in range(3))
        await asyncio.gather(*twins, *(git.register_hooks(repository, ["git.push"]) for _ in range(3)))
        await git_host.emulator.heal()
        census = await git_host.census(repository)
        assert (census.policies, census.hooks) == (2, 1)


class TestMerging:
    async def test_what_is_still_queued_at_the_deadline_is_merged_for_the_next_delivery(
        self, service: ScriptedService
    ) -> None:
        pull_request: dict[str, Any] = {
            "pullRequestId": 7,
            "status": "active",
            "title": "Add a",
            "mergeStatus": "succeeded",
            "sourceRefName": "refs/heads/a",
            "targetRefName": "refs/heads/main",
            "lastMergeSourceCommit": {"commitId": HEAD},
            "repository": {"project": {"id": "p"}},
        }

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.method == "PATCH":
                patched = await request.json()
                assert patched["lastMergeSourceCommit"] == {"commitId": HEAD}
                assert "bypassPolicy" not in patched["completionOptions"]
                pull_request.update(
                    mergeStatus="queued",
                    completionQueueTime="2026-01-01T00:00:00Z",
                    completionOptions=patched["completionOptions"],
                )
            is_one = request.path.endswith("/pullRequests/7")
            return web.json_response(pull_request if is_one else {"value": []})

        service.script = [answer]

        async def merge() -> Any:
            return await git.merge_pull_request(
                HANDLE, 7, expected_source_sha=HEAD, strategy="squash", operation_id="cmd-9"
            )

        git = service.adapter(deadline=0.5)
        for _ in range(2):
            with pytest.raises(Unavailable, match="pull request 7 is still being merged"):
                await merge()
        assert sum(request.method == "PATCH" for request in service.requests) == 1
        pull_request.update(status="completed", lastMergeCommit={"commitId": "b" * 40})
        merged = await merge()
        assert (merged.merge_commit_sha, merged.merge_operation_id) == ("b" * 40, "cmd-9")
        await git.close()

    @pytest.mark.parametrize(
        ("verdict", "sentence"),
        [
            ("rejectedByPolicy", "^policy has not passed: the build broke$"),
            ("failure", "^merge failed: the build broke$"),
        ],
    )
    async def test_a_merge_that_the_service_gives_up_is_refused(
        self, service: ScriptedService, verdict: str, sentence: str
    ) -> None:
        pull_request = {"pullRequestId": 7, "status": "active", "title": "", "mergeStatus": "succeeded"}
        given_up = {**pull_request, "mergeStatus": verdict, "mergeFailureMessage": "the build broke"}
        service.script = [web.json_response(one) for one in (pull_request, pull_request, given_up)]
        git = service.adapter()
        with pytest.raises(Rejected, match=sentence):
            await git.merge_pull_request(
                HANDLE, 7, expected_source_sha=HEAD, strategy="squash", operation_id="cmd-9"
            )
        await git.close()

    async def test_a_source_that_moves_after_the_merge_was_asked_for_is_a_conflict(
        self, service: ScriptedService
    ) -> None:
        pull_request = {"pullRequestId": 7, "status": "active", "title": "", "mergeStatus": "succeeded"}
        moved = {**pull_request, "mergeStatus": "queued", "lastMergeSourceCommit": {"commitId": "b" * 40}}
        service.script = [web.json_response(one) for one in (pull_request, pull_request, moved)]
        git = service.adapter(deadline=2)
        with pytest.raises(Conflict, match=f"source of pull request 7 is at {'b' * 40}"):
            await git.merge_pull_request(
                HANDLE, 7, expected_source_sha=HEAD, strategy="squash", operation_id="cmd-9"
            )
        await git.close()


class TestReading:
    async def test_policies_that_are_not_evaluated_yet_count_as_queued(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        git = git_host.adapter
        await git.create_branch(repository, "feature/a", await head_of(git_host, repository))
        await commit(git, repository)
        await git.protect_branch(repository, "feature/a", ["ci/build"], 0)
        opened = await git.open_pull_request(repository, "main", "feature/a", "Back", "", operation_id="c")
        # Protected a moment ago, so that the service has evaluated nothing yet.
        await git.protect_branch(repository, "feature/a", (), 0)
        await git.protect_branch(repository, "feature/a", ["ci/lint"], 0)
        found = await git.pull_request(repository, opened.number)
        assert found is not None
        assert [(one.name, one.status, one.blocking) for one in found.policies] == [
            ("ci/lint", "queued", True)
        ]
        assert [(one.name, one.state, one.required) for one in found.checks] == [("ci/lint", "pending", True)]

    async def test_what_the_service_remarks_is_no_comment(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        git = git_host.adapter
        await git.create_branch(repository, "feature/a", await head_of(git_host, repository))
        await commit(git, repository)
        opened = await git.open_pull_request(repository, "main", "feature/a", "Back", "", operation_id="c")
        remark = {"comments": [{"content": "Ada voted 10", "commentType": "system"}]}
        path = f"{pull_request_path(repository, opened.number)}/threads"
        await git_host.emulator.request("POST", path, remark)
        found = await git.pull_request(repository, opened.number)
        assert found is not None and found.comments == ()


async def test_a_bearer_token_opens_the_service_too(
    azure_devops: AzureDevOpsEmulator, partition: Partition
) -> None:
    class Source:
        async def get_token(self, scope: str) -> Any:
            expiry = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
            return type("Token", (), {"token": "local-bearer", "expires_on": expiry})

    git = AzureDevOps(azure_devops.url_template, EntraToken(Source()), HOOK_URL, hook_password)
    made = await git.create_repository(partition, "a", "main", initialize=True, operation_id="cmd-1")
    assert made.head_sha is not None
    await git.ping()
    await git.close()
    wrong = AzureDevOps(azure_devops.url_template, PersonalAccessToken("no"), HOOK_URL, hook_password)
    with pytest.raises(Unavailable, match=r"does not accept our credential \(401\)"):
        await wrong.branch_head(RepositoryHandle(partition, made.external_id), "main")
    await wrong.close()
