"""Planning a release: defaults, invariants, what it keeps and what it tells."""

import pytest

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.packaging.container_image import ContainerImage
from domain.devops.packaging.package_publication import PackagePublication
from domain.devops.pipelines.build_result import BuildStatus
from domain.devops.release.contributors import Contribution
from domain.devops.release.release_plan import PlanRelease, ReleasePlan, ReleasePlanned
from domain.kernel.actor import Actor, service
from domain.kernel.errors import NotFound, Rejected
from domain.kernel.values import timestamp
from tests.domain.devops.release.given import (
    ACCOUNT,
    ADA,
    CONTENT,
    DIGEST,
    EVE,
    GRACE,
    MODULE,
    REGISTRY,
    a_build,
    a_release,
    again,
    configure,
    decided,
    on_path,
    planned,
)
from tests.domain.world import World


async def test_planning_a_release_tells_what_goes_where_and_by_whom(world: World) -> None:
    build = await a_build(world)
    world.actor = ADA
    happened = await world.when(PlanRelease(build_result_id=build.id))
    fact = happened.only(ReleasePlanned)
    assert happened.envelopes[0].payload == {
        "releaseId": fact.release_id,
        "moduleId": MODULE,
        "buildResultId": build.id,
        "version": "1.4.0",
        "targetEnvironment": "dev",
        "strategy": "RollingUpdate",
        "requiredApprovals": 1,
        "plannedBy": "ada@connectsoft.example",
        "plannedAt": timestamp(world.clock.now()),
    }


async def test_who_planned_does_not_leave_the_platform(world: World) -> None:
    build = await a_build(world)
    world.actor = ADA
    await world.dispatch(world.envelope(PlanRelease(build_result_id=build.id)))
    (message,) = (
        m for m in world.published("integration") if m.properties["cs-event-type"] == "ReleasePlanned"
    )
    assert "ada@" not in message.body
    assert "*** (hmac-sha256:" in message.body


async def test_a_plan_keeps_what_it_will_be_judged_by(world: World) -> None:
    await configure(world, environments=on_path("dev", required_approvals=2, expires_after_hours=24))
    build = await a_build(world)
    release = await planned(world, build, Actor(ADA.name, ("oid-ada",)))
    assert (release.status, release.version, release.required_approvals) == ("PendingApproval", "1.4.0", 2)
    assert (release.planned_by.name, release.planned_by.aliases) == (ADA.name, ("oid-ada",))
    assert (release.expires_at - release.planned_at).total_seconds() == 24 * 3600
    assert (release.repository_id, release.commit_sha) == (build.repository_id, build.commit_sha)
    assert {(one.identity.name, one.contribution) for one in release.contributors} == {
        (EVE, Contribution.COMMIT),
        ("Software Factory", Contribution.COMMIT),
        (ACCOUNT, Contribution.RUN),
    }
    policy = await world.read(DeliveryPolicy, DeliveryPolicy.id_for(world.partition))
    assert release.policy_hash == policy.hash(policy.environment("dev"))


async def test_a_later_policy_does_not_judge_an_earlier_plan(world: World) -> None:
    await configure(world, environments=on_path("dev", required_approvals=2))
    release = await a_release(world)
    await configure(world, environments=on_path("dev", required_approvals=1))
    assert (await decided(world, release, GRACE)).names == ()
    assert (await again(world, release)).status == "PendingApproval"


async def test_a_plan_names_its_packages_and_images_by_the_ids_that_they_are_recorded_under(
    world: World,
) -> None:
    package, image = (await a_release(world)).artifacts
    assert package.publication_id == PackagePublication.id_for(
        world.partition, "packages", "Reservations.Client", "1.4.0"
    )
    assert (package.content_sha256, package.image_id) == (CONTENT, None)
    assert image.image_id == ContainerImage.id_for(world.partition, REGISTRY, DIGEST)


@pytest.mark.parametrize(
    ("strategy", "steps"),
    [
        ("RollingUpdate", ["Deploy"]),
        ("BlueGreen", ["DeployGreen", "SwitchTraffic", "RetireBlue"]),
        ("Canary", ["DeployCanary", "Widen", "Complete", "RetireStable"]),
    ],
)
async def test_a_plan_has_the_steps_of_its_strategy(world: World, strategy: str, steps: list[str]) -> None:
    release = await a_release(world, strategy=strategy, target_environment="prod")
    assert [step.name for step in release.steps] == steps
    assert [step.position for step in release.steps] == list(range(1, len(steps) + 1))


async def test_an_automatic_plan_is_the_persons_whose_deed_set_it_off(world: World) -> None:
    release = await planned(world, await a_build(world), service("reactions", GRACE.name))
    assert release.planned_by.name == "reactions"
    assert release.initiator is not None
    assert release.initiator.name == GRACE.name


@pytest.mark.parametrize("status", [BuildStatus.FAILED, BuildStatus.CANCELED])
async def test_only_a_successful_build_is_planned(world: World, status: BuildStatus) -> None:
    build = await a_build(world, status=status)
    world.actor = ADA
    no = await world.refused(PlanRelease(build_result_id=build.id))
    assert no == f"build 1.4.0 is {status}: a release references a successful build"


async def test_a_build_with_failed_tests_is_not_planned(world: World) -> None:
    build = await a_build(world, tests_failed=1)
    assert "1 failed tests" in await world.refused(PlanRelease(build_result_id=build.id))


async def test_a_build_that_nobody_knows_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="BuildResult build-9 does not exist"):
        await world.when(PlanRelease(build_result_id="build-9"))


async def test_a_build_number_that_is_no_version_asks_for_one(world: World) -> None:
    build = await a_build(world, build_number="20260611.3")
    no = await world.refused(PlanRelease(build_result_id=build.id))
    assert no == "build number 20260611.3 is not a semantic version: name the release's version"
    assert (await planned(world, build, version="2.0.0-rc.1")).version == "2.0.0-rc.1"


@pytest.mark.parametrize("same", ["1.4.0-rc.1", "1.4.0-RC.1", "1.4.0-rc.1+build.7"])
async def test_a_version_is_unique_per_module_and_environment(world: World, same: str) -> None:
    build = await a_build(world)
    await planned(world, build, version="1.4.0-rc.1")
    no = await world.refused(PlanRelease(build_result_id=build.id, version=same))
    assert no == f"version {same} of {MODULE} is already planned for dev"
    await planned(world, build, version=same, target_environment="test")
    await planned(world, build, version="1.4.0-rc.2")


async def test_a_version_that_is_taken_is_refused_without_asking_the_provider(world: World) -> None:
    build = await a_build(world)
    await planned(world, build)
    world.git.lose_answer("contributions")
    assert "is already planned" in await world.refused(PlanRelease(build_result_id=build.id))


async def test_two_plans_of_a_version_at_once_leave_one(world: World) -> None:
    build = await a_build(world)
    commands = [world.envelope(PlanRelease(build_result_id=build.id)) for _ in range(2)]
    both = [await world.dispatch(command) for command in commands]
    assert [journal.outcome.rejection for journal in both] == [
        None,
        f"version 1.4.0 of {MODULE} is already planned for dev",
    ]


async def test_a_strategy_must_be_valid_for_the_environment(world: World) -> None:
    build = await a_build(world)
    no = await world.refused(PlanRelease.model_validate({"build_result_id": build.id, "strategy": "Canary"}))
    assert no == "strategy Canary is not valid for dev; valid: RollingUpdate"


async def test_an_environment_must_be_on_the_path(world: World) -> None:
    build = await a_build(world)
    no = await world.refused(PlanRelease(build_result_id=build.id, target_environment="qa"))
    assert no == "environment qa is not on the path dev → test → staging → prod"


async def test_the_default_strategy_is_the_environments(world: World) -> None:
    environment = {"name": "dev", "strategies": ["BlueGreen", "Canary"], "default_strategy": "Canary"}
    await configure(world, environments=[environment])
    assert (await a_release(world)).strategy == "Canary"


async def test_an_image_without_a_digest_is_not_planned(world: World) -> None:
    build = await a_build(world, artifacts=[{"name": "part:1", "kind": "Image", "registry": REGISTRY}])
    no = await world.refused(PlanRelease(build_result_id=build.id))
    assert no == "image part:1 of the build has no registry or digest: build it again"


async def test_planning_twice_by_one_command_plans_once(world: World) -> None:
    build = await a_build(world)
    envelope = world.envelope(PlanRelease(build_result_id=build.id))
    first = await world.dispatch(envelope)
    second = await world.dispatch(envelope, may_be_repeat=True)
    assert first.outcome.reply == second.outcome.reply
    assert first.outcome.reply["aggregate"]["type"] == "ReleasePlan"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("build_result_id", "build-9", "a release ships the build that it was planned for"),
        ("planned_by", None, "who planned a release stays who planned it"),
        ("policy", None, "a release is judged by the policy that it was planned under"),
    ],
)
async def test_what_a_plan_rests_on_does_not_change(
    world: World, field: str, value: object, sentence: str
) -> None:
    release: ReleasePlan = await a_release(world)
    with pytest.raises(Rejected) as no:
        setattr(release, field, value)
    assert no.value.sentence == sentence
