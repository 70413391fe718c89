"""What Argo CD's controller does with an Application, one step at a time."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.argo_cd import REFRESH, ArgoCdAgent
from adapters.kubernetes.client import KubernetesApi
from tests.adapters.scripted_cluster import NAMESPACE, ScriptedCluster

type Json = dict[str, Any]

PATH = f"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/{NAMESPACE}"
OLD, NEW = "a" * 40, "b" * 40
NOON = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


class ApplicationController:
    """`head` is where the branch is. `operations` are the tokens of those that it has begun."""

    def __init__(self, cluster: ScriptedCluster, head: str) -> None:
        self.cluster, self.head = cluster, head
        self.operations: list[str | None] = []
        self._seconds = 0
        cluster.put(PATH, {"metadata": {}, "spec": {}, "status": {}})

    @property
    def application(self) -> Json:
        return self.cluster.objects[PATH]

    def change(self, **fields: Any) -> None:
        self.cluster.put(PATH, {**copy.deepcopy(self.application), **fields})

    def status(self, **fields: Any) -> None:
        self.change(status={**self.application["status"], **fields})

    def refresh(self) -> None:
        """Look at the branch, and at what runs."""
        metadata = copy.deepcopy(self.application["metadata"])
        metadata.get("annotations", {}).pop(REFRESH, None)
        self.change(metadata=metadata)
        self.status(
            sync={"status": "OutOfSync", "revision": self.head}, reconciledAt=self._now(), conditions=[]
        )

    def begin(self) -> None:
        """Take up the operation that somebody asked for; it stays written while it runs."""
        operation = self.application["operation"]
        info = {one["name"]: one["value"] for one in operation.get("info", [])}
        self.operations.append(info.get("cs-operation-id"))
        self.status(operationState={"operation": operation, "phase": "Running", "message": "applying"})

    def end(self, phase: str = "Succeeded", message: str = "successfully synced") -> None:
        state = {**self.application["status"]["operationState"], "phase": phase, "message": message}
        state |= {"finishedAt": self._now(), "syncResult": {"revision": self.head}}
        body = {key: value for key, value in self.application.items() if key != "operation"}
        self.cluster.put(PATH, body)
        self.status(operationState=state)

    def assess(self, health: str, message: str | None = None) -> None:
        """What runs is looked at again."""
        self.refresh()
        told = {"status": health, **({"message": message} if message else {})}
        self.status(sync={"status": "Synced", "revision": self.head}, health=told)

    def sync(self, health: str = "Healthy") -> None:
        self.refresh()
        self.begin()
        self.end()
        self.assess(health)

    def _now(self) -> str:
        self._seconds += 1
        return (NOON + timedelta(seconds=self._seconds)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def agent(api: KubernetesApi) -> ArgoCdAgent:
    return ArgoCdAgent(api)


@pytest.fixture
def controller(scripted: ScriptedCluster) -> ApplicationController:
    return ApplicationController(scripted, OLD)
