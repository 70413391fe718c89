"""What every request and every controller shares."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.emulation.faults import Faults
from infra.local.emulation.state import State
from infra.local.kubernetes.images import Images
from infra.local.kubernetes.objects.store import Store
from infra.local.kubernetes.objects.writes import By, Writes
from infra.local.kubernetes.requests import Requests
from infra.local.kubernetes.resources import NAMESPACE
from infra.local.kubernetes.traffic.counts import Counts


@dataclass(frozen=True)
class Options:
    """Pace is the seconds that a step of a pod takes; deadlines of rollouts are multiplied by their scale."""

    state: Path
    token: str = "local-token"
    pace: float = 0.2
    deadline_scale: float = 1.0


class Cluster:
    """The parts of one running server."""

    def __init__(self, options: Options) -> None:
        options.state.mkdir(parents=True, exist_ok=True)
        self.options = options
        # What a killed process left half built.
        shutil.rmtree(options.state / "builds", ignore_errors=True)
        self._state = State(options.state / "state.sqlite")
        self.store = Store(self._state)
        self.writes = Writes(self.store)
        self.images = Images(self._state)
        self.faults = Faults()
        self.requests = Requests()
        self.counts = Counts()
        self.builds: dict[str, list[dict[str, Any]]] = {}
        """What kustomize rendered, by source, revision and specification."""
        self.base_url = ""
        for name in ("default", "kube-system", "flux-system"):
            if self.store.get(NAMESPACE, "", name) is None:
                self.writes.create(NAMESPACE, "", {"metadata": {"name": name}}, By("kube-apiserver"))

    def close(self) -> None:
        self._state.close()
