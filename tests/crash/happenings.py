"""What happens outside, by the observation that it calls for: each brings it about and says where to look."""

from collections.abc import Awaitable, Callable

from adapters.memory.pipeline_model import MemoryPipeline
from domain.catalogue import catalogue
from domain.kernel.actor import service
from domain.kernel.naming import environment_namespace
from domain.provided import EnvironmentHandle, FileContent, ProvidedFinding, ProvidedResource
from tests.domain.builds import Build, finish
from tests.domain.scenarios import (
    ENVIRONMENT,
    SCENARIOS,
    Payload,
    configure_without,
    environment_with_a_branch,
    prepared,
    unprotected_repository,
)
from tests.domain.world import World

type Observed = Callable[[World], Awaitable[Payload]]


async def _provisioned(world: World) -> Payload:
    """A protected repository whose default branch has not been taken in: the fact of its provisioning."""
    payload = await SCENARIOS["ProvisionRepository"].prepare(world)
    journal = await world.dispatcher.dispatch(world.envelope("ProvisionRepository", payload), world.actor)
    fact: Payload = journal.outcome.reply["events"][0]["payload"]
    return fact


async def _external_id(world: World) -> str:
    """The provider's id of the only repository."""
    page = await world.store.page(world.partition, catalogue().aggregates["repositories"], 2)
    (loaded,) = page.items
    return str(vars(loaded.aggregate)["external_id"])


async def default_branch_appears(world: World) -> Payload:
    repository = await _provisioned(world)
    return {"repositoryId": repository["repositoryId"], "name": "main"}


async def branch_is_pushed(world: World) -> Payload:
    repository = await unprotected_repository(world)
    change = FileContent("/pushed.txt", "add", b"from outside")
    world.git.push(world.handle(await _external_id(world)), "main", [change])
    return {"repositoryId": repository["repositoryId"], "name": "main"}


async def pull_request_is_completed(world: World) -> Payload:
    opened = await prepared(world, "OpenPullRequest")
    world.git.complete(world.handle(await _external_id(world)), opened["number"])
    return {"repositoryId": opened["repositoryId"], "number": opened["number"]}


async def pull_request_is_adopted(world: World) -> Payload:
    payload = await SCENARIOS["OpenPullRequest"].prepare(world)
    handle = world.handle(await _external_id(world))
    opened = await world.git.open_pull_request(
        handle, payload["sourceBranch"], payload["targetBranch"], "Lost", "", operation_id="cmd-lost"
    )
    return {"repositoryId": payload["repositoryId"], "number": opened.number, "adopt": True}


async def hooks_are_gone(world: World) -> Payload:
    repository = await _provisioned(world)
    found = world.git.repository(world.handle(await _external_id(world)))
    found.hooks.clear()
    found.policies.clear()
    return {"repositoryId": repository["repositoryId"]}


async def _running(world: World) -> int:
    """A run that RunPipeline started; its id."""
    started = await prepared(world, "RunPipeline")
    id: int = started["runId"]
    return id


async def _only_pipeline(world: World) -> MemoryPipeline:
    (pipeline,) = world.pipelines.pipelines_of(world.partition)
    return pipeline


async def run_goes_on(world: World) -> Payload:
    run_id = await _running(world)
    world.pipelines.start(run_id)
    return {"runId": run_id}


async def run_succeeds(world: World) -> Payload:
    run_id = await _running(world)
    finish(world, run_id, Build())
    return {"runId": run_id}


async def run_fails(world: World) -> Payload:
    run_id = await _running(world)
    finish(world, run_id, Build("failed", failed=2, packages=0, images=0))
    return {"runId": run_id}


async def run_comes_from_outside(world: World) -> Payload:
    await configure_without(world, "runPipeline")
    await prepared(world, "GeneratePipeline")
    pipeline = await _only_pipeline(world)
    run_id = world.pipelines.queue(pipeline.repository, pipeline.id, "main")
    finish(world, run_id, Build())
    return {"runId": run_id}


async def run_is_adopted(world: World) -> Payload:
    await configure_without(world, "runPipeline")
    await prepared(world, "GeneratePipeline")
    pipeline = await _only_pipeline(world)
    run = await world.pipelines.run_pipeline(
        pipeline.repository, pipeline.id, "main", operation_id="cmd-lost", since=world.clock.now()
    )
    return {"runId": run.run_id, "adopt": True}


async def pipeline_hooks_are_gone(world: World) -> Payload:
    await configure_without(world, "runPipeline")
    generated = await prepared(world, "GeneratePipeline")
    (await _only_pipeline(world)).hooks.clear()
    return {"pipelineId": generated["pipelineId"]}


async def _completed(world: World, build: Build) -> Payload:
    """A build that nothing has followed from yet."""
    await configure_without(world, "runPipeline", "planRelease")
    run_id = await _running(world)
    finish(world, run_id, build)
    envelope = world.envelope("ObserveRun", {"runId": run_id})
    journal = await world.dispatcher.dispatch(envelope, service("azure-devops"))
    found: Payload = journal.outcome.reply["events"][-1]["payload"]
    return {"buildResultId": found["buildResultId"]}


async def build_has_produced_several(world: World) -> Payload:
    return await _completed(world, Build(packages=2, images=2))


async def image_is_scanned(world: World) -> Payload:
    completed = await _completed(world, Build(packages=0, images=1))
    journal = await world.dispatcher.dispatch(
        world.envelope("ObserveBuildOutputs", completed), service("reactions")
    )
    image: Payload = journal.outcome.reply["events"][0]["payload"]
    where = image["registry"], image["repositoryName"], image["digest"]
    finding = ProvidedFinding("CVE-2026-0001", "Critical", exempt=False)
    world.scanner.scan_result(world.partition, *where, findings=[finding])
    return dict(zip(("registry", "repository", "digest"), where, strict=True))


async def branch_is_applied(world: World) -> Payload:
    """By the agent's own clock, before anything is known of the environment."""
    branch = await environment_with_a_branch(world)
    await world.agent.reconcile(_environment(world), token="interval")
    assert branch["name"] == f"env/{ENVIRONMENT}"
    return {"environment": ENVIRONMENT}


async def drift_is_corrected(world: World) -> Payload:
    """An earlier look has recorded it, and asked the agent to correct it."""
    payload = await SCENARIOS["SyncGitOps"].prepare(world)
    await world.send("SyncGitOps", payload)
    environment = _environment(world)
    namespace = environment_namespace(world.partition, ENVIRONMENT)
    greeting = ProvidedResource("v1", "ConfigMap", namespace, "greeting")
    world.agent.drifted(environment, greeting, "data.text is changed")
    look = world.envelope("ObserveGitOps", {"environment": ENVIRONMENT})
    await world.dispatcher.dispatch(look, service("reconciler"))
    return {"environment": ENVIRONMENT}


async def sync_is_done_later(world: World) -> Payload:
    """A command waits for it."""
    payload = await SCENARIOS["SyncGitOps"].prepare(world)
    world.agent.hold()
    await world.send("SyncGitOps", payload)
    world.agent.finish()
    return {"environment": ENVIRONMENT}


def _environment(world: World) -> EnvironmentHandle:
    return EnvironmentHandle(world.partition, ENVIRONMENT)


OBSERVATIONS: dict[str, tuple[Observed, ...]] = {
    "ObserveBranch": (default_branch_appears, branch_is_pushed),
    "ObservePullRequest": (pull_request_is_completed, pull_request_is_adopted),
    "ObserveRepository": (hooks_are_gone,),
    "ObservePipeline": (pipeline_hooks_are_gone,),
    "ObserveRun": (run_goes_on, run_succeeds, run_fails, run_comes_from_outside, run_is_adopted),
    "ObserveBuildOutputs": (build_has_produced_several,),
    "ObserveImage": (image_is_scanned,),
    "ObserveGitOps": (branch_is_applied, drift_is_corrected, sync_is_done_later),
}
