"""What the adapter asks Pulumi of, where it may reach, and what it makes of faults."""

import json
from collections.abc import AsyncIterator
from itertools import combinations
from typing import Any

import pytest
from aiohttp import web

from adapters.entra import FixedAuthorization
from adapters.infrastructure_engines import InfrastructureEngines
from adapters.memory.infrastructure_engine import MemoryInfrastructureEngine
from adapters.pulumi import PulumiDeployments, events
from adapters.pulumi.places import Organizations
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import ProvidedProgram, StackHandle
from tests import infrastructure_fixtures as engines
from tests.adapters import scripted_service
from tests.adapters.scripted_service import ScriptedService
from tests.infrastructure_engines import ORGANIZATIONS, PulumiSite, ended

service = scripted_service.service
pulumi, programs, pulumi_site = engines.pulumi, engines.programs, engines.pulumi_site

STACK = StackHandle(Partition("acme", "shop"), "dev", "Pulumi", "booking/dev")
PROGRAM = ProvidedProgram("https://git.invalid/shop", "a" * 40, "infra/booking")
PATH = "/api/stacks/acme-shop/booking/dev"


@pytest.fixture
async def port(service: ScriptedService) -> AsyncIterator[PulumiDeployments]:
    made = PulumiDeployments(
        FixedAuthorization("token pul-1"),
        ORGANIZATIONS,
        url=service.url,
        git_user="build",
        git_password="sesame",
        deadline=1,
        call_timeout=0.5,
    )
    yield made
    await made.close()


@pytest.mark.parametrize(
    "name",
    ["dev", "a/b/c", "../other/dev", "booking/..", "booking/.", "./dev", "booking/d?v", "booking/", ""],
)
async def test_no_name_leads_out_of_the_organization(
    service: ScriptedService, port: PulumiDeployments, name: str
) -> None:
    stack = StackHandle(STACK.partition, "dev", "Pulumi", name)
    with pytest.raises(Rejected, match="must be named project/stack"):
        await port.stack(stack)
    with pytest.raises(Rejected, match="must be named project/stack"):
        await port.begin(stack, "update", PROGRAM, operation_id="op-1")
    assert service.requests == []


def test_each_project_has_an_organization_of_its_own() -> None:
    places = Organizations(ORGANIZATIONS)
    assert places.of(Partition("acme", "proj-shop")) == "acme-proj-shop"
    partitions = [
        *(Partition("a-b", "c"), Partition("a", "b-c"), Partition("A", "b-c"), Partition("a", "B-c")),
        *(Partition("a.b", "c"), Partition("a_b", "c"), Partition("a", "b"), Partition("ab", "c")),
    ]
    partitions += [Partition(*places.of(one).split("-", 1)) for one in partitions if "-" in places.of(one)]
    for one, other in combinations(dict.fromkeys(partitions), 2):
        assert places.of(one).lower() != places.of(other).lower(), (one, other)


@pytest.mark.parametrize(
    "template", ["acme", "{tenantId}", "{tenantId}{projectId}", "{tenantId}x{projectId}"]
)
def test_a_template_that_could_not_keep_projects_apart_is_no_setting(template: str) -> None:
    with pytest.raises(ValueError, match="the organization must"):
        Organizations(template)


async def test_a_deployment_is_asked_for_as_pulumi_takes_it(
    service: ScriptedService, port: PulumiDeployments
) -> None:
    bodies: list[Any] = []

    async def taken(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"id": "d-1", "version": 1, "consoleUrl": ""}, status=202)

    service.script = [web.json_response({"version": 7}), web.json_response({"deployments": []}), taken]
    assert await port.begin(STACK, "update", PROGRAM, operation_id="op-1") == "d-1"
    assert [f"{one.method} {one.path}" for one in service.requests] == [
        f"GET {PATH}",
        f"GET {PATH}/deployments",
        f"POST {PATH}/deployments",
    ]
    assert service.requests[0].headers["Authorization"] == "token pul-1"
    assert service.requests[0].headers["Accept"] == "application/vnd.pulumi+8"
    assert bodies == [
        {
            "operation": "update",
            "inheritSettings": True,
            "sourceContext": {
                "git": {
                    "repoURL": PROGRAM.remote_url,
                    "commit": PROGRAM.commit_sha,
                    "repoDir": "infra/booking",
                    "gitAuth": {"basicAuth": {"userName": "build", "password": {"secret": "sesame"}}},
                }
            },
            "operationContext": {
                "environmentVariables": {
                    "CS_OPERATION_ID": "op-1",
                    "CS_BASE_VERSION": "7",
                    "PULUMI_OPTION_REFRESH": "true",
                },
                "options": {"skipIntermediateDeployments": False, "remediateIfDriftDetected": False},
            },
        }
    ]


async def test_a_refused_request_is_the_sentence_to_show(
    service: ScriptedService, port: PulumiDeployments
) -> None:
    refused = web.json_response({"code": 400, "message": "Bad Request: no such commit"}, status=400)
    service.script = [web.json_response({"version": 7}), web.json_response({"deployments": []}), refused]
    with pytest.raises(Rejected, match="Pulumi takes no such program: Bad Request: no such commit"):
        await port.begin(STACK, "preview", PROGRAM, operation_id="op-1")


async def test_an_organization_that_is_closed_to_us_is_a_no(
    service: ScriptedService, port: PulumiDeployments
) -> None:
    missing = web.json_response({"code": 404, "message": "Not Found"}, status=404)
    service.script = [missing]
    with pytest.raises(Rejected, match="Pulumi makes no stack booking/dev: Not Found"):
        await port.stack(STACK)


async def test_a_credential_that_is_not_taken_is_no_ones_no(
    service: ScriptedService, port: PulumiDeployments
) -> None:
    service.script = [web.json_response({"code": 401, "message": "Unauthorized"}, status=401)]
    with pytest.raises(Unavailable, match="it does not accept our credential: Unauthorized"):
        await port.stack(STACK)


@pytest.mark.parametrize("mode", ["429", "503", "500", "cut-before", "cut-after-commit"])
async def test_whatever_happens_on_the_way_an_update_is_begun_once(
    pulumi_site: PulumiSite, mode: str
) -> None:
    site = pulumi_site
    program = await site.program({"orders": "Standard_LRS"})
    await site.port.stack(site.stack)
    match = {"method": "POST", "pathRegex": "/deployments$"}
    rules = [{"match": match, "mode": mode, "times": 1, "retryAfter": 0.05}]
    assert (await site._server.call("POST", "/_local/faults", rules, None)).status == 200
    run_id = await site.port.begin(site.stack, "update", program, operation_id="op-1")
    assert (await ended(site, run_id)).status == "succeeded"
    assert await site.updates() == 1
    (rule,) = (await site._server.call("GET", "/_local/faults", None, None)).body["value"]
    assert rule["fired"] == 1


async def test_an_update_beside_somebody_elses_is_busy_and_did_nothing(pulumi_site: PulumiSite) -> None:
    site = pulumi_site
    program = await site.program({"orders": "Standard_LRS"})
    await site.port.stack(site.stack)
    await site.local("PUT", "lock")
    run = await ended(site, await site.port.begin(site.stack, "update", program, operation_id="op-1"))
    assert (run.status, run.changes) == ("busy", ())
    assert "Another update is currently in progress" in run.message
    await site.local("DELETE", "lock")
    run = await ended(site, await site.port.begin(site.stack, "update", program, operation_id="op-2"))
    assert run.status == "succeeded"


async def test_a_program_that_does_not_run_says_why(pulumi_site: PulumiSite) -> None:
    site = pulumi_site
    program = ProvidedProgram((await site.program({})).remote_url, "b" * 40, "infra")
    run = await ended(site, await site.port.begin(site.stack, "preview", program, operation_id="op-1"))
    assert run.status == "failed" and run.changes == () and "error" in run.message


def step(op: str, name: str, kind: str = "resOutputsEvent", **more: Any) -> dict[str, Any]:
    metadata = {"op": op, "urn": f"urn:pulumi:dev::booking::t::{name}", "type": "t", **more}
    return {kind: {"metadata": metadata}}


def test_a_replacement_is_one_change_in_whatever_order_its_steps_come() -> None:
    steps = [step("create-replacement", "a"), step("replace", "a"), step("delete-replaced", "a")]
    for told in (steps, steps[::-1]):
        (change,) = events.changes(told, "update")
        assert (change.name, change.operation) == ("a", "replace")


def test_what_was_only_announced_was_not_done() -> None:
    announced = [step("create", "a", "resourcePreEvent"), step("same", "b"), step("refresh", "c")]
    assert events.changes(announced, "update") == ()
    assert [one.name for one in events.changes(announced, "preview")] == ["a"]


def test_drift_is_told_by_what_would_mend_it() -> None:
    found = events.changes([step("delete", "a"), step("update", "b", diffs=["sku"])], "detect-drift")
    assert [(one.name, one.operation, one.properties) for one in found] == [
        ("a", "create", ()),
        ("b", "update", ("sku",)),
    ]


def test_secret_outputs_stay_where_they_are() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "AAA"}
    outputs = {"region": "westeurope", "key": secret, "nested": {"keys": [secret]}, "ports": [80, 443]}
    resources = [{"type": "pulumi:pulumi:Stack", "outputs": outputs}]
    found = events.outputs({"deployment": {"resources": resources}})
    assert found == {"region": "westeurope", "ports": json.dumps([80, 443])}


async def test_each_stack_goes_to_the_engine_that_it_names() -> None:
    pulumi, bicep = MemoryInfrastructureEngine(), MemoryInfrastructureEngine()
    both = InfrastructureEngines(pulumi, bicep)
    group = StackHandle(STACK.partition, "dev", "Bicep", "rg-booking")
    await both.begin(group, "update", PROGRAM, operation_id="op-1")
    assert (pulumi.effects.total(), bicep.effects.total()) == (0, 1)
    with pytest.raises(Rejected, match="engine Terraform is not connected"):
        await both.stack(StackHandle(STACK.partition, "dev", "Terraform", "x"))
