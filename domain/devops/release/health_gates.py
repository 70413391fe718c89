"""Health gates: what is looked at before a step of a promotion has passed. Nothing passes by silence."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain.devops.delivery.deployment_policy import Comparison, HttpGate, MetricGate
from domain.devops.delivery.environments import EnvironmentPolicy
from domain.devops.release.promotion_state import GateCheck, GateKind, GateOutcome
from domain.kernel.errors import Rejected, Unavailable
from domain.kernel.naming import environment_namespace
from domain.ports import HealthProbe, MetricSource, Workloads
from domain.provided import EnvironmentHandle, ProvidedSync


@dataclass(frozen=True)
class Candidate:
    """What the gates look at: names of Deployments and Services as they are in the environment."""

    environment: EnvironmentHandle
    module_id: str
    deployments: Sequence[str]
    services: Sequence[str]

    def placed(self, template: str) -> str:
        """A URL or query with its placeholders filled in."""
        handle = self.environment
        places = {
            "{namespace}": environment_namespace(handle.partition, handle.environment),
            "{environment}": handle.environment,
            "{module}": self.module_id,
            "{service}": self.services[0] if self.services else "",
        }
        for place, value in places.items():
            template = template.replace(place, value)
        return template


def sync_check(sync: ProvidedSync | None, commit_sha: str, *, carried: bool) -> GateCheck:
    """Whether the agent has applied the commit; `carried`: what it applied holds all of this commit."""
    if sync is None:
        return _sync(GateOutcome.INCONCLUSIVE, "the environment has no GitOps agent")
    if sync.applied_sha is not None and (sync.applied_sha == commit_sha or carried):
        return _sync(GateOutcome.PASSED, f"commit {commit_sha[:10]} is applied")
    if sync.ready is False and sync.desired_sha == commit_sha:
        return _sync(GateOutcome.FAILED, f"the GitOps agent can't apply it: {sync.message}")
    said = f": {sync.message}" if sync.message else ""
    return _sync(GateOutcome.INCONCLUSIVE, f"commit {commit_sha[:10]} is not applied yet{said}")


def _sync(outcome: GateOutcome, sentence: str) -> GateCheck:
    return GateCheck(GateKind.SYNC, "gitops", outcome, sentence)


async def rollout_checks(candidate: Candidate, workloads: Workloads) -> list[GateCheck]:
    return list(
        await asyncio.gather(*(_rollout(candidate, name, workloads) for name in candidate.deployments))
    )


async def _rollout(candidate: Candidate, name: str, workloads: Workloads) -> GateCheck:
    try:
        found = await workloads.rollout(candidate.environment, name)
    except Unavailable as away:
        return GateCheck(GateKind.ROLLOUT, name, GateOutcome.INCONCLUSIVE, str(away))
    if found is None:
        return GateCheck(
            GateKind.ROLLOUT, name, GateOutcome.INCONCLUSIVE, f"deployment {name} is not there yet"
        )
    outcome = _ROLLOUTS.get(found.state, GateOutcome.INCONCLUSIVE)
    return GateCheck(GateKind.ROLLOUT, name, outcome, f"deployment {name}: {found.message}")


_ROLLOUTS = {"complete": GateOutcome.PASSED, "failed": GateOutcome.FAILED}


async def configured_checks(
    candidate: Candidate, policy: EnvironmentPolicy, probe: HealthProbe, metrics: MetricSource
) -> list[GateCheck]:
    """The environment's own gates, looked at side by side."""
    binding = not policy.gates.dry_run
    return list(
        await asyncio.gather(
            *(_http(gate, candidate, probe, binding) for gate in policy.gates.http),
            *(_metric(gate, candidate, metrics, binding) for gate in policy.gates.metrics),
        )
    )


async def _http(gate: HttpGate, candidate: Candidate, probe: HealthProbe, binding: bool) -> GateCheck:
    url = candidate.placed(gate.url)
    try:
        answer = await probe.get(url, gate.timeout_seconds)
    except Unavailable as away:
        return GateCheck(GateKind.HTTP, gate.name, GateOutcome.INCONCLUSIVE, str(away), binding)
    except Rejected as refused:
        return GateCheck(GateKind.HTTP, gate.name, GateOutcome.FAILED, refused.sentence, binding)
    if answer.status is None:
        sentence = f"{url} did not answer: {answer.problem}"
        return GateCheck(GateKind.HTTP, gate.name, GateOutcome.INCONCLUSIVE, sentence, binding)
    passed = answer.status == gate.expected_status
    sentence = f"{url} answered {answer.status} in {answer.milliseconds} ms, expected {gate.expected_status}"
    return GateCheck(GateKind.HTTP, gate.name, _verdict(passed), sentence, binding)


async def _metric(gate: MetricGate, candidate: Candidate, metrics: MetricSource, binding: bool) -> GateCheck:
    query = candidate.placed(gate.query)
    try:
        value = await metrics.query(candidate.environment.partition, query)
    except Unavailable as away:
        return GateCheck(GateKind.METRIC, gate.name, GateOutcome.INCONCLUSIVE, str(away), binding)
    except Rejected as refused:
        return GateCheck(GateKind.METRIC, gate.name, GateOutcome.FAILED, refused.sentence, binding)
    if value is None:
        return GateCheck(
            GateKind.METRIC, gate.name, GateOutcome.INCONCLUSIVE, f"no data for {query}", binding
        )
    passed = gate.comparison.holds(value, gate.threshold)
    bound = "at most" if gate.comparison is Comparison.AT_MOST else "at least"
    sentence = f"{query} is {value:g}, must be {bound} {gate.threshold:g}"
    return GateCheck(GateKind.METRIC, gate.name, _verdict(passed), sentence, binding)


def _verdict(passed: bool) -> GateOutcome:
    return GateOutcome.PASSED if passed else GateOutcome.FAILED
