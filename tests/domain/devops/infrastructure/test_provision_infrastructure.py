"""An environment's stack from the request to the fact."""

import pytest

from domain.devops.infrastructure.changes import ChangeOperation, ChangeSummary, StackOutput
from domain.devops.infrastructure.infrastructure_plan import (
    InfrastructureProvisioned,
    ProvisionInfrastructure,
)
from domain.devops.infrastructure.plan_status import InfrastructureStatus
from domain.devops.source_control.repository import Repository
from domain.kernel.context import RUN_ORCHESTRATION
from domain.kernel.envelope import Envelope
from domain.provided import FileContent
from tests.domain.devops.infrastructure.given import STACK, Site, step
from tests.domain.happened import happened_of

TWO = {"bucket": {"sku": "standard"}, "queue": {"sku": "basic"}}


async def test_a_request_begins_an_orchestration_and_touches_nothing_yet(site: Site) -> None:
    happened = await site.when(ProvisionInfrastructure(environment="dev"))
    messages = [Envelope.parse(one.body) for one in happened.journal.messages]
    (begins,) = [one for one in messages if one.event_type == RUN_ORCHESTRATION]
    plan = await site.plan(begins.payload["id"])
    assert begins.payload["orchestration"] == "InfrastructurePlan"
    assert (plan.status, plan.engine, plan.stack) == ("Requested", "Pulumi", STACK)
    assert (plan.requested_by, plan.initiator) == (site.actor.name, site.actor.name)
    assert not site.engine.effects


async def test_the_first_apply_previews_and_does_just_that(site: Site) -> None:
    head = await site.program(TWO, endpoint="https://bucket.invalid")
    plan = await site.requested()
    previewed = await site.until(plan.id, "Applying")
    assert previewed.preview_summary == ChangeSummary(create=2)
    assert [(one.name, one.operation) for one in previewed.changes] == [
        ("bucket", ChangeOperation.CREATE),
        ("queue", ChangeOperation.CREATE),
    ]
    assert site.there.world == {} and site.engine.effects == {"preview": 1}
    ended = await site.until(plan.id)
    assert (ended.status, ended.reason) == ("Provisioned", None)
    assert site.there.world == TWO and site.engine.effects == {"preview": 1, "update": 1}
    assert ended.outputs == (StackOutput(name="endpoint", value="https://bucket.invalid"),)
    stack = await site.stack()
    assert stack.applied_program is not None and stack.applied_program.commit_sha == head
    assert (stack.holder, stack.version, stack.applied_plan_id) == (None, 1, plan.id)


async def test_the_fact_says_what_was_applied(site: Site) -> None:
    head = await site.program(TWO, endpoint="https://bucket.invalid")
    plan = await site.until((await site.requested()).id, "Applying")
    await site.next_step(plan.id)
    name = (await site.plan(plan.id)).next_step
    assert name == "WatchInfrastructure"
    fact = (await site.when(step(name, plan.id))).only(InfrastructureProvisioned)
    assert fact == InfrastructureProvisioned(
        infrastructure_plan_id=plan.id,
        environment="dev",
        engine=plan.engine,
        stack=STACK,
        changes=ChangeSummary(create=2),
        outputs=(StackOutput(name="endpoint", value="https://bucket.invalid"),),
        program_commit_sha=head,
        applied_at=site.clock.now(),
    )


async def test_drift_is_looked_for_before_a_stack_is_applied_again(site: Site) -> None:
    await site.program(TWO)
    await site.provisioned()
    site.engine.drift(site.at_engine, "bucket", {"sku": "by hand"})
    await site.program({**TWO, "topic": {}})
    plan = await site.provisioned()
    assert [run.stage for run in plan.runs] == ["DetectingDrift", "Previewing", "Verifying", "Applying"]
    assert [(one.name, one.operation, one.properties) for one in plan.drift] == [
        ("bucket", "update", ("sku",))
    ]
    assert plan.preview_summary == ChangeSummary(create=1, update=1)
    assert site.there.world == {**TWO, "topic": {}}
    assert (await site.stack()).drift == ()


async def test_a_preview_alone_changes_nothing_and_keeps_no_lease(site: Site) -> None:
    await site.program(TWO)
    plan = await site.provisioned(preview_only=True)
    assert (plan.status, plan.preview_summary) == ("Previewed", ChangeSummary(create=2))
    assert site.there.world == {} and site.engine.effects == {"preview": 1}
    assert (await site.stack()).holder is None
    assert (await site.provisioned()).status == "Provisioned"


async def test_what_is_as_it_should_be_is_left_alone(site: Site) -> None:
    await site.program(TWO)
    await site.provisioned()
    await site.program(TWO)
    plan = await site.provisioned()
    assert (plan.status, site.engine.effects["update"]) == ("NothingToDo", 1)


async def test_an_automatic_request_does_nothing_without_infrastructure(site: Site) -> None:
    for environment in ("prod", "nowhere"):
        happened = await site.when(ProvisionInfrastructure(environment=environment, automatic=True))
        assert happened.journal.outcome.reply["aggregate"] is None
        assert happened.journal.messages == ()


async def test_an_automatic_request_does_nothing_where_the_program_was_applied(site: Site) -> None:
    await site.program(TWO)
    await site.provisioned(automatic=True)
    happened = await site.when(ProvisionInfrastructure(environment="dev", automatic=True))
    assert (happened.journal.messages, site.engine.effects["update"]) == ((), 1)
    await site.program({**TWO, "topic": {}})
    assert (await site.provisioned(automatic=True)).status == "Provisioned"


async def test_an_automatic_request_mends_drift_that_is_known(site: Site) -> None:
    await site.program(TWO)
    await site.provisioned()
    site.engine.drift(site.at_engine, "bucket", None)
    await site.provisioned(preview_only=True)
    assert (await site.stack()).drift
    assert (await site.provisioned(automatic=True)).status == "Provisioned"
    assert site.there.world == TWO


async def test_an_automatic_plan_finds_at_its_turn_that_another_was_quicker(site: Site) -> None:
    await site.program(TWO)
    waiting = await site.requested(automatic=True)
    await site.provisioned()
    ended = await site.until(waiting.id)
    assert (ended.status, ended.runs) == (InfrastructureStatus.NOTHING_TO_DO, ())
    assert ended.reason == f"stack {STACK} is as its program says"


async def test_an_environment_without_infrastructure_is_named(site: Site) -> None:
    assert await site.refused(ProvisionInfrastructure(environment="prod")) == (
        "environment prod has no infrastructure configured: name its stack in the delivery policy"
    )
    assert await site.refused(ProvisionInfrastructure(environment="nowhere")) == (
        "environment nowhere is not on the path dev → test → prod"
    )


async def test_a_stack_at_pulumi_needs_its_project(site: Site) -> None:
    await site.configure(stack="dev")
    assert await site.refused(ProvisionInfrastructure(environment="dev")) == (
        "stack dev must be named project/stack for Pulumi"
    )


async def test_a_bicep_stack_from_before_is_made_from_its_compiled_template(site: Site) -> None:
    await site.configure(engine="Bicep", legacy=True, stack="rg-booking", directory="deploy")
    plan = await site.provisioned()
    head = await site.head()
    assert (plan.engine, plan.status) == ("Bicep", "Failed")
    assert plan.reason == (
        f"deploy/main.json is not in commit {head} of booking: compile main.bicep and commit what comes of it"
    )
    assert not site.engine.effects


async def test_the_compiled_template_is_what_the_engine_gets(site: Site) -> None:
    await site.configure(engine="Bicep", legacy=True, stack="rg-booking", directory="deploy")
    repository = await site.read(Repository, site.repository.repository_id)
    site.git.push(repository.handle, "main", [FileContent("deploy/main.json", "add", b'{"resources": []}')])
    assert (await site.provisioned()).status == "Provisioned"
    (update,) = site.engine.updates
    assert update.program.template == b'{"resources": []}'
    assert (update.program.commit_sha, update.program.directory) == (await site.head(), "deploy")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("adminPassword", "hunter2"),
        ("storageConnectionString", "sesame-1"),
        ("token", "sesame-2"),
        ("endpoint", "DefaultEndpointsProtocol=https;AccountKey=c2VjcmV0"),
        ("url", "https://ada:hunter2@db.invalid/"),
        ("blob", "https://b.invalid/c?sv=1&sig=abc"),
    ],
)
async def test_an_output_that_is_a_secret_goes_nowhere(site: Site, name: str, value: str) -> None:
    await site.program(TWO, **{name: value, "region": "westeurope"})
    plan = await site.until((await site.requested()).id)
    assert [one.name for one in plan.outputs] == ["region"]
    assert value not in plan.state() and value not in (await site.stack()).state()


async def test_reactions_get_the_fact_once_whatever_is_repeated(site: Site) -> None:
    await site.program(TWO)
    plan = await site.until((await site.requested()).id, "Applying")
    await site.next_step(plan.id)
    last = site.envelope(step("WatchInfrastructure", plan.id))
    first, again = await site.dispatch(last), await site.dispatch(last)
    assert first.outcome == again.outcome and len(happened_of(first).envelopes) == 1
    # And another look finds it over.
    await site.when(step("WatchInfrastructure", plan.id))
    assert (await site.plan(plan.id)).aggregate_version == 1
