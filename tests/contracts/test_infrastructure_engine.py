"""What every `InfrastructureEngine` keeps to."""

import contextlib

import pytest

from domain.kernel.errors import Unavailable
from domain.provided import ProvidedChange, ProvidedInfrastructureRun, ProvidedProgram
from tests import infrastructure_fixtures as engines
from tests.infrastructure_engines import MemorySite, Site, ended

STANDARD, PREMIUM = "Standard_LRS", "Premium_LRS"


pulumi, programs, pulumi_site = engines.pulumi, engines.programs, engines.pulumi_site
resource_manager, resource_manager_site = engines.resource_manager, engines.resource_manager_site


@pytest.fixture(params=["memory", "pulumi_site", "resource_manager_site"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each test that asks for it runs three times."""
    if request.param == "memory":
        return MemorySite()
    found: Site = request.getfixturevalue(request.param)
    return found


async def done(site: Site, operation: str, program: ProvidedProgram, id: str) -> ProvidedInfrastructureRun:
    run_id = await site.port.begin(site.stack, operation, program, operation_id=id)
    return await ended(site, run_id)


def told(run: ProvidedInfrastructureRun) -> set[tuple[str, str]]:
    assert run.status == "succeeded", run.message
    return {(one.name, one.operation) for one in run.changes}


async def test_a_stack_is_there_when_it_is_asked_for(site: Site) -> None:
    for _ in range(2):
        found = await site.port.stack(site.stack)
        assert (found.version, found.outputs) == (0, {})


async def test_a_preview_says_what_would_be_made_and_makes_nothing(site: Site) -> None:
    program = await site.program({"orders": STANDARD, "bills": STANDARD})
    before = await site.port.stack(site.stack)
    for id in ("op-1", "op-2"):
        run = await done(site, "preview", program, id)
        assert told(run) == {("orders", "create"), ("bills", "create")}
        assert (run.operation, run.base_version, run.message) == ("preview", before.version, "")
    assert await site.port.stack(site.stack) == before
    assert await site.updates() == 0


async def test_an_update_does_what_was_previewed(site: Site) -> None:
    program = await site.program({"orders": STANDARD}, {"region": "westeurope"})
    previewed = await done(site, "preview", program, "op-1")
    run = await done(site, "update", program, "op-2")
    assert (run.operation, told(run)) == ("update", told(previewed))
    assert {one.urn for one in run.changes} == {one.urn for one in previewed.changes}
    assert run.base_version == previewed.base_version
    found = await site.port.stack(site.stack)
    assert found.version != previewed.base_version and found.outputs == {"region": "westeurope"}
    # And then there is nothing left to do.
    again = await done(site, "preview", program, "op-3")
    assert (told(again), again.base_version) == (set(), found.version)


async def test_a_change_names_the_properties_that_differ(site: Site) -> None:
    await done(site, "update", await site.program({"orders": STANDARD}), "op-1")
    run = await done(site, "preview", await site.program({"orders": PREMIUM}), "op-2")
    (change,) = run.changes
    assert isinstance(change, ProvidedChange)
    assert (change.name, change.operation) == ("orders", "update")
    assert change.type.lower().endswith(("storageaccount", "storageaccounts", "resource"))
    assert any("sku" in name for name in change.properties)


async def test_drift_is_found_previewed_and_mended(site: Site) -> None:
    program = await site.program({"orders": STANDARD, "bills": STANDARD})
    await done(site, "update", program, "op-1")
    assert told(await done(site, "detect-drift", program, "op-2")) == set()
    before = await site.port.stack(site.stack)
    await site.drift("orders", PREMIUM)
    await site.drift("bills", None)
    repairs = {("orders", "update"), ("bills", "create")}
    found = await done(site, "detect-drift", program, "op-3")
    assert (found.operation, told(found)) == ("detect-drift", repairs)
    assert (await site.port.stack(site.stack)).version == before.version
    assert told(await done(site, "preview", program, "op-4")) == repairs
    assert told(await done(site, "update", program, "op-5")) == repairs
    assert told(await done(site, "detect-drift", program, "op-6")) == set()


async def test_an_update_is_begun_once(site: Site) -> None:
    program = await site.program({"orders": STANDARD})
    assert await site.port.find(site.stack, "op-1") is None
    first = await site.port.begin(site.stack, "update", program, operation_id="op-1")
    again = await site.port.begin(site.stack, "update", program, operation_id="op-1")
    assert first == again == await site.port.find(site.stack, "op-1")
    await ended(site, first)
    assert await site.updates() == 1
    assert await site.port.begin(site.stack, "update", program, operation_id="op-1") == first
    assert await site.port.find(site.stack, "op-2") is None
    assert await site.updates() == 1


async def test_an_update_whose_answer_was_lost_is_found_again(site: Site) -> None:
    program = await site.program({"orders": STANDARD})
    await site.port.stack(site.stack)
    await site.lose_answer()
    with contextlib.suppress(Unavailable):
        await site.port.begin(site.stack, "update", program, operation_id="op-1")
    run = await done(site, "update", program, "op-1")
    assert told(run) == {("orders", "create")}
    assert await site.updates() == 1


async def test_a_failed_update_says_why_and_how_far_it_came(site: Site) -> None:
    program = await site.program({"bills": STANDARD, "orders": STANDARD})
    before = await site.port.stack(site.stack)
    await site.fail("orders", "the name is taken")
    run = await done(site, "update", program, "op-1")
    assert run.status == "failed" and "the name is taken" in run.message
    assert [(one.name, one.operation) for one in run.changes] == [("bills", "create")]
    assert (await site.port.stack(site.stack)).version != before.version
    assert told(await done(site, "preview", program, "op-2")) == {("orders", "create")}


async def test_an_update_can_be_stopped(site: Site) -> None:
    program = await site.program({"orders": STANDARD})
    await site.slow()
    run_id = await site.port.begin(site.stack, "update", program, operation_id="op-1")
    await site.under_way()
    found = await site.port.run(site.stack, run_id)
    assert found is not None and (found.status, found.changes) == ("running", ())
    await site.port.cancel(site.stack, run_id)
    run = await ended(site, run_id)
    assert run.status == "canceled" and run.changes == ()
    # What is over needs no stopping.
    await site.port.cancel(site.stack, run_id)


async def test_a_run_that_there_is_not_is_none(site: Site) -> None:
    await site.port.stack(site.stack)
    assert await site.port.run(site.stack, "7a6ff9a1-3a5b-4d0e-8c35-0f3a5d6f0001") is None


async def test_tenants_have_nothing_in_common(site: Site) -> None:
    program = await site.program({"orders": STANDARD}, {"region": "westeurope"})
    previewed = await site.port.begin(site.stack, "preview", program, operation_id="op-1")
    updated = await site.port.begin(site.stack, "update", program, operation_id="op-2")
    await ended(site, updated)
    assert (await site.port.stack(site.elsewhere)).outputs == {}
    assert await site.port.run(site.elsewhere, updated) is None
    assert await site.port.run(site.elsewhere, previewed) is None
    assert await site.port.find(site.elsewhere, "op-2") is None
    await site.port.cancel(site.elsewhere, updated)
    run = await site.port.run(site.stack, updated)
    assert run is not None and run.status == "succeeded"
