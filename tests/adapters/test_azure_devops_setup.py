"""What the adapter sets up at the service: policies, hooks and URLs, in one piece whatever it finds."""

from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOps, PersonalAccessToken
from adapters.azure_devops.policies import APPROVERS, STATUS
from domain.kernel.work import Partition
from domain.provided import RepositoryHandle
from tests import azure_devops as emulator_fixtures
from tests import git_hosts
from tests.adapters import scripted_service
from tests.adapters.scripted_service import HEAD, ScriptedService, refs
from tests.azure_devops import project_path
from tests.git_hosts import HOOK_URL, EmulatorHost

azure_devops, emulator_host = emulator_fixtures.azure_devops, git_hosts.emulator_host
service, partition, repository = scripted_service.service, git_hosts.partition, git_hosts.repository


@pytest.fixture
def git_host(emulator_host: EmulatorHost) -> EmulatorHost:
    """Here only the real adapter."""
    return emulator_host


class TestPolicies:
    async def test_what_twins_left_is_cleaned_up_and_what_is_not_ours_stays(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        emulator, path = git_host.emulator, f"{project_path(repository.partition)}/policy/configurations"

        async def make(type_id: str, ref: str, enabled: bool = True, **settings: str | int) -> str:
            scope = {"repositoryId": repository.external_id, "refName": ref, "matchKind": "exact"}
            body = {
                "isEnabled": enabled,
                "isBlocking": True,
                "type": {"id": type_id},
                "settings": {**settings, "scope": [scope]},
            }
            return str((await emulator.request("POST", path, body))["id"])

        status: dict[str, Any] = {"statusGenre": "ci", "statusName": "build"}
        ours = await make(STATUS, "refs/heads/main", enabled=False, **status)
        await make(STATUS, "refs/heads/main", **status)
        await make(STATUS, "refs/heads/main", statusGenre="ci", statusName="lint")
        await make(APPROVERS, "refs/heads/main", minimumApproverCount=3)
        elsewhere = await make(STATUS, "refs/heads/release", **status)
        comments = await make("c6a1889d-b943-4856-b76f-9e46bb6b0df2", "refs/heads/main")

        (kept,) = await git_host.git.protect_branch(repository, "main", ["ci/build"], 0)
        assert (kept.policy_id, kept.setting) == (ours, "ci/build")
        found = {str(policy["id"]): policy for policy in await emulator.values(path)}
        assert found.keys() == {ours, elsewhere, comments}
        assert found[ours]["isEnabled"] and found[ours]["settings"]["invalidateOnSourceUpdate"]


class TestHooks:
    async def test_they_post_to_the_tenants_own_url(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        await git_host.git.register_hooks(repository, ["git.push"])
        tenant = repository.partition.tenant_id
        (hook,) = await git_host.emulator.values(f"{tenant}/_apis/hooks/subscriptions")
        assert hook["consumerInputs"]["url"] == f"http://127.0.0.1:9/{tenant}/shop/hooks"
        assert hook["consumerInputs"]["resourceDetailsToSend"] == "all"
        assert hook["consumerInputs"]["basicAuthUsername"] == "azure-devops"
        assert hook["publisherInputs"]["repository"] == repository.external_id
        assert hook["resourceVersion"] == "1.0"

    async def test_a_disabled_one_is_enabled_a_younger_twin_goes_and_other_urls_stay(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        emulator = git_host.emulator
        path = f"{repository.partition.tenant_id}/_apis/hooks/subscriptions"
        (ours,) = await git_host.git.register_hooks(repository, ["git.push"])
        body = await emulator.request("GET", f"{path}/{ours.subscription_id}")
        await emulator.request("POST", path, body)
        elsewhere = {**body, "consumerInputs": {**body["consumerInputs"], "url": "http://127.0.0.1:9/other"}}
        other = (await emulator.request("POST", path, elsewhere))["id"]
        disabled = {**body, "status": "disabledByUser"}
        await emulator.request("PUT", f"{path}/{ours.subscription_id}", disabled)

        (again,) = await git_host.git.register_hooks(repository, ["git.push"])
        assert (again.subscription_id, again.status) == (ours.subscription_id, "enabled")
        left = {hook["id"]: hook["status"] for hook in await emulator.values(path)}
        assert left == {ours.subscription_id: "enabled", other: "enabled"}

    async def test_a_rotated_password_reaches_the_subscription_that_is_there(
        self, git_host: EmulatorHost, repository: RepositoryHandle
    ) -> None:
        emulator = git_host.emulator
        (before,) = await git_host.git.register_hooks(repository, ["git.push"])
        path = f"{repository.partition.tenant_id}/_apis/hooks/subscriptions/{before.subscription_id}"
        old = await emulator.request("GET", path)

        rotated = AzureDevOps(
            emulator.url_template, PersonalAccessToken(emulator.pat), HOOK_URL, lambda _: "the next password"
        )
        (after,) = await rotated.register_hooks(repository, ["git.push"])
        await rotated.close()

        new = await emulator.request("GET", path)
        assert after.subscription_id == before.subscription_id
        assert old["consumerInputs"]["httpHeaders"] != new["consumerInputs"]["httpHeaders"]
        assert "password" not in new["consumerInputs"]["httpHeaders"]


async def test_the_organization_is_taken_out_of_the_remote_url(service: ScriptedService) -> None:
    made = {"id": "0d1f", "remoteUrl": "https://contoso@dev.azure.com/contoso/shop/_git/api"}
    service.script = [web.json_response(made, status=201), refs()]
    git = service.adapter()
    found = await git.create_repository(
        Partition("contoso", "shop"), "api", "main", initialize=True, operation_id="cmd-1"
    )
    await git.close()
    assert (found.remote_url, found.head_sha) == ("https://dev.azure.com/contoso/shop/_git/api", HEAD)
