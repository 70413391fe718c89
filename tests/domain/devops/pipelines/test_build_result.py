"""Build results: one of a run, its log and artifacts stored with their checksums, its problems recorded."""

import hashlib

import pytest

from domain.devops.pipelines.build_result import (
    ArtifactItem,
    ArtifactKind,
    BuildCompleted,
    BuildResult,
    TestSummary,
)
from domain.devops.pipelines.pipeline_run import ObserveRun
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.values import timestamp
from tests.domain.devops.pipelines.given import (
    ARTIFACTS,
    IMAGE,
    PACKAGE,
    LosingBlobs,
    a_run,
    again,
    build_of,
    finished,
    observed,
)
from tests.domain.world import World


async def test_a_build_says_what_its_run_came_to(world: World) -> None:
    _, run = await a_run(world)
    world.pipelines.start(run.run_id)
    suites = [("unit", 10, 1, 2), ("contract", 2, 0, 0)]
    world.pipelines.finish(run.run_id, tests=(12, 1), coverage=87.5, suites=suites, artifacts=ARTIFACTS)
    happened = await observed(world, run)
    build = await build_of(world, run)
    happened.only(BuildCompleted)
    assert happened.envelopes[0].payload == {
        "buildResultId": build.id,
        "pipelineRunId": run.id,
        "pipelineId": run.pipeline_id,
        "repositoryId": build.repository_id,
        "moduleId": "module-reservations-api",
        "status": "Succeeded",
        "testsPassed": 12,
        "testsFailed": 1,
        "coverage": 87.5,
        "artifacts": [
            "drop",
            "images",
            "connectsoft/proj-booking-saas/api:1.0.1",
            "packages",
            "Reservations 1.0.1",
        ],
        "branch": "main",
        "onDefaultBranch": True,
        "commitSha": run.commit_sha,
        "buildNumber": "1.0.1",
        "logsUri": build.logs_uri,
        "completedAt": timestamp(world.clock.now()),
    }
    assert build.test_summaries == (
        TestSummary(suite="unit", passed=10, failed=1, other=2),
        TestSummary(suite="contract", passed=2, failed=0, other=0),
    )


async def test_a_build_of_another_branch_says_so(world: World) -> None:
    repository, run = await a_run(world)
    await world.git.create_branch(repository.handle, "release/1.0", run.commit_sha)
    definition_id = world.pipelines.pipelines_of(world.partition)[0].id
    run_id = world.pipelines.queue(repository.handle, definition_id, "release/1.0")
    world.pipelines.finish(run_id)
    _, fact = (await observed(world, run_id)).facts
    assert isinstance(fact, BuildCompleted)
    assert (fact.branch, fact.on_default_branch) == ("release/1.0", False)


async def test_log_and_artifacts_are_stored_with_their_checksums(world: World) -> None:
    _, build = await finished(world, artifacts=ARTIFACTS, log="built\n")
    assert build.log is not None
    assert build.logs_uri == build.log.uri
    blobs = [build.log, *(item.blob for item in build.artifacts or () if item.blob is not None)]
    assert len(blobs) == 5, "the log, three artifacts, and the package within one of them"
    for blob in blobs:
        content = b"".join([part async for part in world.blobs.read(world.partition, blob.handle)])
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (blob.sha256, blob.size)
    (package,) = build.packages
    assert package.blob is not None
    assert package.blob.sha256 == hashlib.sha256(PACKAGE).hexdigest()


async def test_a_log_that_was_changed_where_it_lies_is_noticed(world: World) -> None:
    _, build = await finished(world, log="built\n")
    assert build.log is not None
    world.blobs.damage(build.log.handle, b"forged")
    with pytest.raises(Rejected, match="its checksum is another one"):
        [part async for part in world.blobs.read(world.partition, build.log.handle)]


async def test_packages_and_images_are_named_by_what_proves_them(world: World) -> None:
    _, build = await finished(world, artifacts=ARTIFACTS)
    (package,), (image,) = build.packages, build.images
    assert (package.package_id, package.version, package.feed) == ("Reservations", "1.0.1", "packages")
    named = (image.registry, image.repository, image.tag, image.digest)
    assert named == (IMAGE["registry"], IMAGE["repository"], IMAGE["tag"], IMAGE["digest"])
    assert image.blob is None


async def test_what_lies_in_artifacts_of_other_names_is_nobodys_package(world: World) -> None:
    _, build = await finished(world, artifacts={"drop": {"x.nupkg": PACKAGE, "images.json": b"{"}})
    assert [item.kind for item in build.artifacts or ()] == [ArtifactKind.FILE]
    assert build.problems == ()


async def test_artifacts_are_immutable_once_recorded(world: World) -> None:
    _, build = await finished(world, artifacts=ARTIFACTS)
    for other in ((), None, (ArtifactItem(name="forged", kind=ArtifactKind.FILE),)):
        with pytest.raises(Rejected, match="artifacts are immutable once recorded"):
            build.artifacts = other
    build.artifacts = build.artifacts


async def test_a_run_has_one_build(world: World) -> None:
    run, build = await finished(world, artifacts=ARTIFACTS)
    assert build.id == BuildResult.id_for(run.id)
    before = world.effects
    for adopt in (False, True, False):
        assert (await observed(world, run, adopt=adopt)).facts == ()
    assert world.effects == before
    assert (await build_of(world, run)).state() == build.state()


@pytest.mark.parametrize("artifact", ["../escape", "a/../../b", "..", "x\\y", "con.", " "])
async def test_an_artifacts_name_never_leads_out_of_its_folder(world: World, artifact: str) -> None:
    _, build = await finished(world, artifacts={artifact: {"a": b"x"}})
    (item,) = build.artifacts or ()
    assert item.name == artifact
    log = build.logs_uri or ""
    folder = log.removesuffix("log.txt")
    names = [name for name in world.blobs.names() if name != log]
    assert len(names) == 1
    assert names[0].startswith(f"{folder}artifacts/")
    assert ".." not in names[0].split("/")


async def test_coverage_that_nobody_measured_is_not_nought(world: World) -> None:
    _, none = await finished(world)
    _, nought = await finished(world, coverage=0.0)
    assert (none.coverage, nought.coverage) == (None, 0.0)


@pytest.mark.parametrize("away", ["blobs", "pipelines"])
async def test_a_build_that_could_not_be_stored_is_completed_by_the_next_delivery(
    world: World, away: str
) -> None:
    _, run = await a_run(world)
    world.pipelines.finish(run.run_id, artifacts=ARTIFACTS)
    envelope = world.envelope(ObserveRun(run_id=run.run_id))
    getattr(world, away).away = True
    with pytest.raises(Unavailable):
        await world.dispatch(envelope)
    assert (await again(world, run)).status == "Started"
    getattr(world, away).away = False
    reply = (await world.dispatch(envelope, may_be_repeat=True)).outcome.reply
    assert [event["eventType"] for event in reply["events"]] == ["BuildCompleted"]


@pytest.mark.parametrize("lost", range(5))
async def test_whichever_answer_of_the_blob_store_is_lost_nothing_is_stored_twice(
    world: World, lost: int
) -> None:
    world.blobs = losing = LosingBlobs()
    losing.lost = lost
    _, run = await a_run(world)
    world.pipelines.finish(run.run_id, artifacts=ARTIFACTS)
    with pytest.raises(Unavailable):
        await observed(world, run)
    (await observed(world, run)).only(BuildCompleted)
    assert world.blobs.effects["blob"] == 5
