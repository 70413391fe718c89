"""Every way into the platform, found in the registry: each command accepted and refused, each observation,
and a service hook. A new command comes in by its scenario; a new observation fails until it has one here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.memory.pipeline_model import MemoryPipeline
from domain.catalogue import catalogue
from domain.dispatch import Dispatcher
from domain.kernel.actor import Actor, service
from domain.kernel.envelope import Envelope
from domain.kernel.journal import Journal
from domain.provided import FileContent, ProvidedFinding
from functions.webhooks import received
from tests.crash.process import Delivery
from tests.domain.builds import Build, finish
from tests.domain.scenarios import (
    SCENARIOS,
    Payload,
    configure_without,
    prepared,
    unprotected_repository,
)
from tests.domain.world import PERSONS, World


@dataclass(frozen=True)
class Arrival:
    """A message that is about to arrive. `id` names its journal row."""

    id: str
    delivery: Delivery


@dataclass(frozen=True)
class Way:
    """`prepare` does all that must have happened before the message arrives."""

    name: str
    prepare: Callable[[World], Awaitable[Arrival]]


def sent(envelope: Envelope, actor: Actor) -> Arrival:
    """A command or an observation on its queue."""

    async def deliver(dispatcher: Dispatcher, may_be_repeat: bool, _: datetime) -> Journal:
        return await dispatcher.dispatch(envelope, actor, may_be_repeat=may_be_repeat)

    return Arrival(envelope.event_id, deliver)


def accepted(name: str) -> Way:
    """A command that comes to its facts."""

    async def prepare(world: World) -> Arrival:
        payload = await SCENARIOS[name].prepare(world)
        return sent(world.envelope(name, payload), PERSONS[SCENARIOS[name].by])

    return Way(name, prepare)


def refused(name: str) -> Way:
    """What the scenario says is refused, or else the same once more under another id."""

    async def prepare(world: World) -> Arrival:
        scenario = SCENARIOS[name]
        payload = await scenario.prepare(world)
        if scenario.refused_with is None:
            await world.send(name, payload, by=scenario.by)
        else:
            payload |= scenario.refused_with
        return sent(world.envelope(name, payload), PERSONS[scenario.by])

    return Way(f"{name}, refused", prepare)


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


type Observed = Callable[[World], Awaitable[Payload]]

OBSERVATIONS: dict[str, tuple[Observed, ...]] = {
    "ObserveBranch": (default_branch_appears, branch_is_pushed),
    "ObservePullRequest": (pull_request_is_completed, pull_request_is_adopted),
    "ObserveRepository": (hooks_are_gone,),
    "ObservePipeline": (pipeline_hooks_are_gone,),
    "ObserveRun": (run_goes_on, run_succeeds, run_fails, run_comes_from_outside, run_is_adopted),
    "ObserveBuildOutputs": (build_has_produced_several,),
    "ObserveImage": (image_is_scanned,),
}


def observation(name: str, happened: Observed) -> Way:
    async def prepare(world: World) -> Arrival:
        payload = await happened(world)
        return sent(world.envelope(name, payload), service("azure-devops"))

    return Way(f"{name}, {happened.__name__.replace('_', ' ')}", prepare)


async def _hook(world: World) -> Arrival:
    """A push of two branches; sent again it is the same notification, taken in at a later moment."""
    updates = [{"name": "refs/heads/main"}, {"name": "refs/heads/release/1.4"}]
    hook: dict[str, Any] = {
        "subscriptionId": "subscription-1",
        "notificationId": 7,
        "eventType": "git.push",
        "resource": {"repository": {"id": "external-1"}, "refUpdates": updates},
    }

    def journal(moment: datetime) -> Journal:
        return received(hook, b"{}", world.partition, moment, b"proof")

    async def deliver(dispatcher: Dispatcher, _: bool, moment: datetime) -> Journal:
        return await dispatcher.receive(journal(moment), "{}")

    return Arrival(journal(world.clock.now()).outcome.command_id, deliver)


_SENDABLE = (*catalogue().commands, *catalogue().settings)
COMMANDS = tuple(accepted(handler.name) for handler in _SENDABLE)
REFUSALS = tuple(refused(handler.name) for handler in _SENDABLE)


def ways() -> list[Way]:
    """All of them. Raises `KeyError` for an observation that nobody here knows how to bring about."""
    found = [*COMMANDS, *REFUSALS]
    for name, handler in catalogue().handlers.items():
        if handler.is_observation:
            found += [observation(name, happened) for happened in OBSERVATIONS[name]]
    return [*found, Way("a service hook", _hook)]
