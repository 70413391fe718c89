"""Where the adapter may reach in Azure, and what it makes of faults."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from adapters.entra import FixedAuthorization
from adapters.resource_manager import ResourceManagerDeployments, documents
from adapters.resource_manager.places import Subscriptions
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.work import Partition
from domain.provided import ProvidedProgram, StackHandle
from tests import infrastructure_fixtures as engines
from tests.adapters import scripted_service
from tests.adapters.scripted_service import ScriptedService
from tests.infrastructure_engines import ResourceManagerSite, ended

service = scripted_service.service
resource_manager, resource_manager_site = engines.resource_manager, engines.resource_manager_site

ONE, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
STACK = StackHandle(Partition("acme", "shop"), "dev", "Bicep", "rg-booking")
PROGRAM = ProvidedProgram("https://git.invalid/shop", "a" * 40, "infra", b'{"resources": []}')


@pytest.fixture
async def port(service: ScriptedService) -> AsyncIterator[ResourceManagerDeployments]:
    made = ResourceManagerDeployments(
        FixedAuthorization("Bearer local"),
        {"acme/shop": ONE, "other/shop": OTHER},
        management_url=service.url,
        deadline=1,
        call_timeout=0.5,
    )
    yield made
    await made.close()


@pytest.mark.parametrize("name", ["", ".", "..", "rg.", "a/b", "../x", "rg?x", "x" * 91])
async def test_no_name_leads_out_of_the_subscription(
    service: ScriptedService, port: ResourceManagerDeployments, name: str
) -> None:
    stack = StackHandle(STACK.partition, "dev", "Bicep", name)
    with pytest.raises(Rejected, match="must be the name of a resource group"):
        await port.begin(stack, "update", PROGRAM, operation_id="op-1")
    assert service.requests == []


async def test_a_project_without_a_subscription_has_none_of_anothers(
    service: ScriptedService, port: ResourceManagerDeployments
) -> None:
    stack = StackHandle(Partition("acme", "other"), "dev", "Bicep", "rg-booking")
    with pytest.raises(Rejected, match="project other has no subscription for stacks from before"):
        await port.stack(stack)
    assert service.requests == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"acme": ONE}, "must be tenantId/projectId"),
        ({"acme/shop": "../x"}, "must be tenantId/projectId: subscriptionId"),
        ({"acme/shop": ONE, "other/shop": ONE}, "projects never share a subscription"),
    ],
)
def test_subscriptions_are_each_one_projects(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Subscriptions(given)


async def test_a_result_in_anothers_subscription_is_not_looked_at(
    service: ScriptedService, port: ResourceManagerDeployments
) -> None:
    path = f"/subscriptions/{OTHER}/operationresults/1"
    assert await port.run(STACK, f"preview:0:{path}") is None
    assert service.requests == []


async def test_a_result_at_another_host_is_not_fetched(
    service: ScriptedService, port: ResourceManagerDeployments
) -> None:
    away = web.Response(status=202, headers={"Location": f"https://evil.invalid/subscriptions/{ONE}/x"})
    service.script = [web.json_response({"value": []}), away]
    with pytest.raises(Unavailable, match="it does not say where its what-if is"):
        await port.begin(STACK, "preview", PROGRAM, operation_id="op-1")


async def test_a_group_that_is_not_there_is_a_no(
    service: ScriptedService, port: ResourceManagerDeployments
) -> None:
    error = {"error": {"code": "ResourceGroupNotFound", "message": "not found"}}
    service.script = [web.json_response(error, status=404)]
    with pytest.raises(Rejected, match="resource group rg-booking does not exist"):
        await port.stack(STACK)


@pytest.mark.parametrize("template", [None, b"", b"{", b"[]"])
async def test_what_is_no_template_is_refused(
    service: ScriptedService, port: ResourceManagerDeployments, template: bytes | None
) -> None:
    service.script = [web.json_response({"value": []})]
    program = ProvidedProgram(PROGRAM.remote_url, PROGRAM.commit_sha, "infra", template)
    with pytest.raises(Rejected, match="the template in infra is not a JSON object"):
        await port.begin(STACK, "preview", program, operation_id="op-1")


async def test_an_invalid_template_fails_the_preview_and_refuses_the_update(
    resource_manager_site: ResourceManagerSite,
) -> None:
    site = resource_manager_site
    parts = json.loads((await site.program({"orders": "Standard_LRS"})).template or b"")
    parts["resources"][0]["name"] = "[parameters('nobody')]"
    program = ProvidedProgram(PROGRAM.remote_url, "a" * 40, "infra", json.dumps(parts).encode())
    run = await ended(site, await site.port.begin(site.stack, "preview", program, operation_id="op-1"))
    assert run.status == "failed" and "nobody" in run.message
    with pytest.raises(Rejected, match=r"takes no such program: .*nobody"):
        await site.port.begin(site.stack, "update", program, operation_id="op-2")
    assert await site.updates() == 0


@pytest.mark.parametrize("mode", ["429", "503", "500", "cut-before", "cut-after-commit"])
async def test_whatever_happens_on_the_way_an_update_is_begun_once(
    resource_manager_site: ResourceManagerSite, mode: str
) -> None:
    site = resource_manager_site
    program = await site.program({"orders": "Standard_LRS"})
    match = {"method": "PUT", "pathRegex": "/deployments/"}
    await site.local("/faults", [{"match": match, "mode": mode, "times": 1, "retryAfter": 0.05}])
    run_id = await site.port.begin(site.stack, "update", program, operation_id="op-1")
    run = await ended(site, run_id)
    assert [(one.name, one.operation) for one in run.changes] == [("orders", "create")]
    assert await site.updates() == 1


def test_the_innermost_errors_are_told() -> None:
    error: dict[str, Any] = {
        "code": "DeploymentFailed",
        "message": "At least one resource deployment operation failed.",
        "details": [{"code": "Conflict", "message": "the name is taken"}, {"code": "X", "message": "no"}],
    }
    assert documents.trouble(error) == "Conflict: the name is taken; X: no"
    assert documents.trouble({"error": {"message": "plain"}}) == "plain"
    assert documents.trouble(None) == ""


def test_secure_outputs_are_left_out() -> None:
    outputs = {
        "region": {"type": "String", "value": "westeurope"},
        "key": {"type": "SecureString", "value": "sesame"},
        "hidden": {"type": "SecureString"},
        "ports": {"type": "Array", "value": [80]},
    }
    assert documents.outputs({"properties": {"outputs": outputs}}) == {
        "region": "westeurope",
        "ports": "[80]",
    }
