"""How the adapter speaks HTTP: credentials, waits, retries and what it makes of refusals."""

import asyncio
import base64
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOps, EntraToken, PersonalAccessToken
from adapters.azure_devops.answers import read_answer
from adapters.azure_devops.errors import Kind, classify
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import RepositoryHandle
from tests.adapters import scripted_service
from tests.adapters.scripted_service import HANDLE, HEAD, HOOK_URL, ScriptedService, password, refs, refusal

service = scripted_service.service


class Tokens:
    """A token credential that counts; each token lives for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.scopes = seconds, list[str]()

    async def get_token(self, scope: str) -> Any:
        self.scopes.append(scope)
        return type("Token", (), {"token": f"t{len(self.scopes)}", "expires_on": time.time() + self.seconds})


class TestCredentials:
    async def test_a_personal_access_token_goes_as_basic_with_no_user(self, service: ScriptedService) -> None:
        service.script = [refs()]
        git = service.adapter()
        assert await git.branch_head(HANDLE, "main") == HEAD
        await git.close()
        (request,) = service.requests
        assert request.headers["Authorization"] == "Basic " + base64.b64encode(b":secret").decode()
        assert request.headers["X-TFS-FedAuthRedirect"] == "Suppress"
        assert request.path == "/tenant-a/shop/_apis/git/repositories/0d1f/refs"
        assert (request.query["api-version"], request.query["filter"]) == ("7.1", "heads/main")

    async def test_a_bearer_token_is_asked_for_once_and_again_shortly_before_it_expires(
        self, service: ScriptedService
    ) -> None:
        service.script = [refs()]
        lasting, short = Tokens(3600), Tokens(120)
        for tokens in (lasting, short):
            git = service.adapter(EntraToken(tokens))
            for _ in range(2):
                await git.branch_head(HANDLE, "main")
            await git.close()
        sent = [request.headers["Authorization"] for request in service.requests]
        assert sent == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]
        assert set(lasting.scopes + short.scopes) == {"499b84ac-1321-427f-aa17-267ca6975798/.default"}

    async def test_a_refused_bearer_token_is_not_used_again(self, service: ScriptedService) -> None:
        service.script = [refusal(401), refs()]
        tokens = Tokens(3600)
        git = service.adapter(EntraToken(tokens))
        with pytest.raises(Unavailable, match=r"does not accept our credential \(401\)"):
            await git.branch_head(HANDLE, "main")
        assert await git.branch_head(HANDLE, "main") == HEAD
        await git.close()
        assert len(tokens.scopes) == 2

    @pytest.mark.parametrize(
        "answer",
        [
            web.Response(status=302, headers={"Location": "https://login.example/"}),
            web.Response(status=203, text="<html>Sign in</html>", content_type="text/html"),
            web.Response(status=200, text="<html>Proxy</html>", content_type="text/html"),
        ],
        ids=["302", "203", "200"],
    )
    async def test_a_sign_in_page_is_a_refused_credential(
        self, service: ScriptedService, answer: web.Response
    ) -> None:
        service.script = [answer]
        git = service.adapter()
        with pytest.raises(Unavailable, match=f"does not accept our credential .*{answer.status}"):
            await git.branch_head(HANDLE, "main")
        await git.close()
        assert len(service.requests) == 1


class TestWaits:
    async def test_a_delayed_answer_that_says_retry_after_makes_the_next_call_wait(
        self, service: ScriptedService
    ) -> None:
        service.script = [refs(headers={"Retry-After": "0.4"}), refs()]
        git = service.adapter()
        started = time.monotonic()
        assert await git.branch_head(HANDLE, "main") == HEAD
        assert time.monotonic() - started < 0.3
        other = RepositoryHandle(Partition("tenant-b", "shop"), "0d1f")
        await git.branch_head(other, "main")
        assert time.monotonic() - started < 0.3, "another organization has a limit of its own"
        await git.branch_head(HANDLE, "main")
        assert time.monotonic() - started >= 0.4
        await git.close()

    async def test_a_throttled_request_is_sent_again_after_the_wait_also_a_post(
        self, service: ScriptedService
    ) -> None:
        throttled = refusal(429, message="TF400733: blocked", headers={"Retry-After": "0.3"})
        created = {"value": [{"success": True, "updateStatus": "succeeded"}]}
        service.script = [throttled, web.json_response(created)]
        git = service.adapter()
        started = time.monotonic()
        assert await git.create_branch(HANDLE, "feature/a", HEAD) == HEAD
        assert time.monotonic() - started >= 0.3
        await git.close()
        assert service.lines == ["POST git/repositories/0d1f/refs"] * 2

    async def test_a_read_is_tried_again_through_errors_of_the_server(self, service: ScriptedService) -> None:
        service.script = [refusal(503), refusal(500), refs()]
        git = service.adapter()
        assert await git.branch_head(HANDLE, "main") == HEAD
        await git.close()
        assert len(service.requests) == 3

    async def test_a_write_of_unknown_outcome_is_looked_for_before_it_is_sent_again(
        self, service: ScriptedService
    ) -> None:
        none, created = {"value": list[Any]()}, {"value": [{"success": True}]}
        service.script = [refusal(503), web.json_response(none), web.json_response(created)]
        git = service.adapter()
        assert await git.create_branch(HANDLE, "main", HEAD) == HEAD
        await git.close()
        assert [line.split()[0] for line in service.lines] == ["POST", "GET", "POST"]

    async def test_the_deadline_ends_it_with_the_last_reason(self, service: ScriptedService) -> None:
        service.script = [refusal(503, "GitServiceUnavailableException", "the circuit is open")]
        git = service.adapter(deadline=0.8)
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"^Azure DevOps is unavailable: .*503: the circuit is open"):
            await git.branch_head(HANDLE, "main")
        assert time.monotonic() - started < 1.0
        await git.close()

    async def test_a_wait_beyond_the_deadline_is_handed_on_at_once(self, service: ScriptedService) -> None:
        service.script = [refusal(429, headers={"Retry-After": "120"})]
        git = service.adapter(deadline=5)
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await git.branch_head(HANDLE, "main")
        assert caught.value.retry_after == 120
        # The next call doesn't even ask.
        with pytest.raises(Unavailable, match="slow down") as caught:
            await git.branch_head(HANDLE, "main")
        assert caught.value.retry_after is not None and 25 < caught.value.retry_after <= 30
        assert time.monotonic() - started < 1
        await git.close()
        assert len(service.requests) == 1

    async def test_an_answer_that_never_comes_is_unavailable(self, service: ScriptedService) -> None:
        async def hang(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(30)
            return refs()

        service.script = [hang, refs()]
        git = service.adapter(call_timeout=0.2)
        assert await git.branch_head(HANDLE, "main") == HEAD
        await git.close()

    async def test_nobody_there_is_unavailable(self) -> None:
        pat = PersonalAccessToken("secret")
        git = AzureDevOps("http://127.0.0.1:9/{tenantId}/{projectId}", pat, HOOK_URL, password, deadline=0.5)
        for call in (git.branch_head(HANDLE, "main"), git.create_branch(HANDLE, "a", HEAD), git.ping()):
            with pytest.raises(Unavailable, match="connect"):
                await call
        await git.close()

    def test_retry_after_is_seconds_or_a_date(self) -> None:
        assert read_answer(200, {"Retry-After": "7"}, b"{}").retry_after == 7
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
        found = read_answer(429, {"Retry-After": date}, b"").retry_after
        assert found is not None and 7 < found <= 9
        assert read_answer(429, {"Retry-After": "soon"}, b"").retry_after is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("type_key", "message", "kind"),
        [
            ("GitReferenceStaleException", "", Kind.REF_STALE),
            ("GitRefUpdateRejectedByPolicyException", "", Kind.REF_PROTECTED),
            ("GitPullRequestExistsException", "", Kind.PULL_REQUEST_EXISTS),
            ("GitPullRequestStaleException", "", Kind.PULL_REQUEST_STALE),
            ("GitPullRequestUpdateRejectedByPolicyException", "", Kind.POLICIES_UNMET),
            ("GitRepositoryNotFoundException", "", Kind.REPOSITORY_MISSING),
            ("", "TF400948: taken", Kind.REPOSITORY_EXISTS),
            ("", "TF401019: missing", Kind.REPOSITORY_MISSING),
            ("", "TF401028: moved", Kind.REF_STALE),
            ("", "TF401179: exists", Kind.PULL_REQUEST_EXISTS),
            ("", "TF401192: stale", Kind.PULL_REQUEST_STALE),
            ("", "TF402455: not permitted", Kind.REF_PROTECTED),
            ("SomethingNew", "TF401179: exists", Kind.PULL_REQUEST_EXISTS),
            ("GitReferenceStaleException", "TF401179: exists", Kind.REF_STALE),
            ("SomethingNew", "the reference is stale and protected", Kind.OTHER),
        ],
    )
    def test_a_refusal_is_told_by_type_key_then_by_number(
        self, type_key: str, message: str, kind: Kind
    ) -> None:
        assert classify(type_key, message) is kind

    @pytest.mark.parametrize("status", [400, 403, 409])
    async def test_what_is_wrong_with_the_request_is_rejected_with_the_services_words(
        self, service: ScriptedService, status: int
    ) -> None:
        service.script = [refusal(status, "SomethingNew", "TF401027: You need the permission.")]
        git = service.adapter()
        with pytest.raises(Rejected, match=r"^TF401027: You need the permission\.$"):
            await git.create_branch(HANDLE, "feature/a", HEAD)
        await git.close()
        assert len(service.requests) == 1

    async def test_any_other_refusal_may_pass(self, service: ScriptedService) -> None:
        service.script = [refusal(404, "ProjectDoesNotExistException", "TF200016: no such project")]
        git = service.adapter()
        with pytest.raises(Unavailable, match="TF200016"):
            await git.branch_head(HANDLE, "main")
        await git.close()


class TestConstruction:
    @pytest.mark.parametrize("setting", ["url_template", "hook_url_template"])
    @pytest.mark.parametrize("placeholder", ["{tenantId}", "{projectId}"])
    def test_without_a_place_for_each_tenant_and_project_it_is_refused(
        self, setting: str, placeholder: str
    ) -> None:
        good = "https://dev.azure.com/{tenantId}/{projectId}"
        urls = {"url_template": good, "hook_url_template": HOOK_URL}
        urls[setting] = urls[setting].replace(placeholder, "ours")
        with pytest.raises(ValueError, match=f"^{setting} must contain {placeholder}"):
            AzureDevOps(urls["url_template"], PersonalAccessToken("x"), urls["hook_url_template"], password)

    def test_importing_it_costs_no_client_library(self) -> None:
        code = "import sys, adapters.azure_devops; print({'aiohttp', 'azure'} & {*sys.modules})"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "set()"

    async def test_a_ping_asks_the_organization_once_one_is_known(self, service: ScriptedService) -> None:
        service.script = [web.Response(status=404), refs(), web.json_response({"instanceId": "1"})]
        git = service.adapter()
        await git.ping()
        await git.branch_head(HANDLE, "main")
        await git.ping()
        await git.close()
        assert [request.path for request in service.requests][::2] == ["/", "/tenant-a/_apis/connectionData"]
        assert service.requests[-1].query["api-version"] == "7.1-preview.1"
