"""Where scenarios are played: over the platform's two doors for commands."""

import uuid
from typing import Any

from domain.catalogue import catalogue
from domain.devops.infrastructure.plan_status import InfrastructureStatus
from domain.devops.pipelines.build_result import BuildResult
from domain.devops.release.arrangement import branch_of
from domain.devops.release.promotion_state import PromotionStatus
from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from infra.local.kubernetes.bootstrap import connect_environment
from tests.domain.builds import GOOD, Build
from tests.domain.scenarios import ADA
from tests.end_to_end.doors import Payload, Project, queue_of
from tests.end_to_end.waiting import eventually

SYNC_STATES = "sync-states"

_ENDS = {
    *(str(one) for one in PromotionStatus if one.is_over),
    *(str(one) for one in InfrastructureStatus if one.is_over),
}


def _is_settled(view: Payload) -> bool:
    return not view["awaited"] if "awaited" in view else view["status"] in _ENDS


class _AtTheDoors:
    """What the stages over the doors have in common."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def name(self, stem: str) -> str:
        return self._project.unused(stem)

    async def built(self, run_id: int, build: Build = GOOD) -> dict[str, Any]:
        """The run's build, once a service hook has told of its end and what follows is done; `build` is what
        the tests' pipelines come to, and that is always good."""
        assert build is GOOD
        run = await eventually(lambda: self._run(run_id), lambda found: found is not None)
        assert run is not None
        path = f"builds/{BuildResult.id_for(run['pipelineRunId'])}"
        answer = await eventually(lambda: self._project.get(path), lambda found: found.status == 200)
        found: dict[str, Any] = answer.json
        assert found["status"] == "Succeeded", found
        return found

    async def connect(self, environment: str) -> None:
        """As `flux bootstrap` does; the agent looks for itself seldom, and else where it is asked to."""
        project, cloud = self._project, self._project.doors.cloud
        policy = (await project.get("delivery-policy")).json
        repository = await project.view("repositories", policy["gitopsRepositoryId"])
        cluster = cloud.kubernetes.ready
        await connect_environment(
            cluster["url"],
            cluster["token"],
            namespace=environment_namespace(Partition(project.tenant, project.name), environment),
            git_url=repository["remoteUrl"],
            git_username="flux",
            git_password=cloud.azure_devops.ready["pat"],
            branch=branch_of(environment),
            path="./",
            interval="1h",
        )

    async def settled(self, collection: str, id: str) -> Payload:
        """The view, once the aggregate is at an end; what nobody tells of is looked at by the reconciler."""

        async def look() -> Payload:
            if collection == SYNC_STATES:
                await self._project.doors.fire("reconciler")
            return await self._project.view(collection, id)

        return await eventually(look, _is_settled, within=60)

    async def _run(self, run_id: int) -> dict[str, Any] | None:
        page = (await self._project.get("pipeline-runs")).json
        return next((run for run in page["items"] if run["runId"] == run_id), None)


class HttpStage(_AtTheDoors):
    """Plays scenarios over HTTP."""

    async def send(self, command: str, payload: Payload, *, by: str = ADA) -> dict[str, Any]:
        answer = await self._project.post(command, payload, by=by)
        reply = answer.json if answer.status == 409 else answer.reply
        await self._project.reacted(reply["events"])
        found: dict[str, Any] = reply
        return found


class QueueStage(_AtTheDoors):
    """Plays scenarios over the commands' queues."""

    async def send(self, command: str, payload: Payload, *, by: str = ADA) -> dict[str, Any]:
        """What has no queue is a setting: it goes over HTTP."""
        if catalogue().handlers[command].is_setting:
            return await HttpStage(self._project).send(command, payload, by=by)
        command_id = f"cmd-{uuid.uuid4()}"
        message = self._project.message(command, payload, command_id)
        await self._project.send(queue_of(command), message, by=by)
        reply = await self._project.outcome(command_id)
        await self._project.reacted(reply["events"])
        return reply
