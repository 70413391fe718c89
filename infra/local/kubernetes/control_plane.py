"""All controllers of one cluster."""

from __future__ import annotations

from infra.local.kubernetes.cluster import Cluster
from infra.local.kubernetes.controllers.controller import Controller
from infra.local.kubernetes.controllers.deployments import Deployments
from infra.local.kubernetes.controllers.garbage import Garbage
from infra.local.kubernetes.controllers.namespaces import Namespaces
from infra.local.kubernetes.controllers.pods import Pods
from infra.local.kubernetes.controllers.replica_sets import ReplicaSets
from infra.local.kubernetes.flux.kustomizations import Kustomizations
from infra.local.kubernetes.flux.sources import Sources


class ControlPlane:
    def __init__(self, cluster: Cluster) -> None:
        kinds = (Namespaces, Garbage, Pods, ReplicaSets, Deployments, Sources, Kustomizations)
        self.controllers: dict[str, Controller] = {kind.name: kind(cluster) for kind in kinds}

    def start(self) -> None:
        for controller in self.controllers.values():
            controller.start()

    async def stop(self) -> None:
        for controller in self.controllers.values():
            await controller.stop()
