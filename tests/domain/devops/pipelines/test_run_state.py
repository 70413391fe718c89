"""A run's status machine, pair by pair, and what its jobs come to."""

from datetime import datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.devops.pipelines.build_result import BuildStatus
from domain.devops.pipelines.pipeline_run import PipelineRun
from domain.devops.pipelines.run_state import RunReason, RunStatus, status_of
from domain.kernel.errors import Rejected
from domain.provided import ProvidedJob, ProvidedRun, ProvidedRunStage
from tests.domain.world import START

STARTED, IN_PROGRESS = RunStatus.STARTED, RunStatus.IN_PROGRESS
TERMINAL = {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELED}
ALLOWED = {(STARTED, IN_PROGRESS), *((IN_PROGRESS, status) for status in TERMINAL)}
PAIRS = list(product(RunStatus, RunStatus))


def a_run(status: RunStatus, finished_at: datetime | None = None) -> PipelineRun:
    return PipelineRun(
        pipeline_run_id="run-1",
        pipeline_id="pipe-1",
        run_id=1,
        branch="main",
        commit_sha="a" * 40,
        build_number="1.0.1",
        reason=RunReason.CI,
        status=status,
        requested_by="ada@connectsoft.example",
        started_at=START,
        finished_at=finished_at,
    )


def at_the_end_of(status: RunStatus) -> datetime | None:
    return START if status in TERMINAL else None


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS])
def test_each_step_is_one_of_the_machine_or_is_refused(before: RunStatus, after: RunStatus) -> None:
    run = a_run(before, at_the_end_of(before))
    if (before, after) in ALLOWED:
        run.become(after, at_the_end_of(after))
        assert (run.status, run.finished_at) == (after, at_the_end_of(after))
        return
    with pytest.raises(Rejected) as no:
        run.become(after, at_the_end_of(after))
    assert no.value.sentence == f"run 1.0.1 is {before}: it can't become {after}"
    assert (run.status, run.finished_at) == (before, at_the_end_of(before))


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_a_time_of_finishing_goes_with_a_terminal_status_and_with_no_other(
    before: RunStatus, after: RunStatus
) -> None:
    run = a_run(before)
    wrong = None if after in TERMINAL else START
    with pytest.raises(Rejected, match="has a time of finishing only once it is over"):
        run.become(after, wrong)
    assert (run.status, run.finished_at) == (before, None)


S, I, F, C = "succeeded", "succeededWithIssues", "failed", "canceled"  # noqa: E741
SUCCEEDED, FAILED, CANCELED = BuildStatus.SUCCEEDED, BuildStatus.FAILED, BuildStatus.CANCELED


@pytest.mark.parametrize(
    ("jobs", "status"),
    [
        ([S], SUCCEEDED),
        ([S, S, S], SUCCEEDED),
        ([S, I], SUCCEEDED),
        ([I], SUCCEEDED),
        ([S, "skipped"], SUCCEEDED),
        ([F], FAILED),
        ([S, F, S], FAILED),
        ([C, F], FAILED),
        ([F, "skipped"], FAILED),
        (["abandoned"], FAILED),
        ([S, "abandoned"], FAILED),
        ([C], CANCELED),
        ([S, C], CANCELED),
        ([C, "skipped"], CANCELED),
        ([S, None], CANCELED),
        ([S, "something new"], CANCELED),
        (["skipped", "skipped"], CANCELED),
        ([], CANCELED),
    ],
)
def test_jobs_decide_the_status(jobs: list[str | None], status: BuildStatus) -> None:
    assert BuildStatus.of_jobs(jobs) is status
    assert BuildStatus.of_jobs(reversed(jobs)) is status


results = st.sampled_from([S, I, F, C, "skipped", "abandoned", None])


@given(st.lists(results, max_size=8), st.randoms())
def test_neither_their_order_nor_a_repetition_of_jobs_counts(jobs: list[str | None], random: Any) -> None:
    shuffled = jobs + jobs
    random.shuffle(shuffled)
    assert BuildStatus.of_jobs(shuffled) is BuildStatus.of_jobs(jobs)


@given(st.lists(results, max_size=8))
def test_one_more_job_never_makes_a_bad_run_good(jobs: list[str | None]) -> None:
    for more in (S, I, F, C, "skipped"):
        if BuildStatus.of_jobs([*jobs, more]) is SUCCEEDED:
            assert BuildStatus.of_jobs(jobs) is SUCCEEDED or set(jobs) <= {"skipped"}


def provided(result: str | None, *stages: ProvidedRunStage) -> ProvidedRun:
    return ProvidedRun(
        run_id=1,
        pipeline_external_id="1",
        build_number="1.0.1",
        state="completed",
        result=result,
        reason="manual",
        branch="main",
        commit_sha="a" * 40,
        operation_id=None,
        requested_by="somebody",
        started_at=START,
        finished_at=START,
        stages=stages,
    )


def stage(result: str | None, *jobs: str | None) -> ProvidedRunStage:
    found = tuple(ProvidedJob(f"job{n}", "completed", one, 1) for n, one in enumerate(jobs))
    return ProvidedRunStage("stage", "completed", result, 1, found)


@pytest.mark.parametrize(
    ("run", "status"),
    [
        (provided("succeeded", stage(S, S), stage(S, S)), "Succeeded"),
        (provided("succeeded", stage(S, S), stage(F, F)), "Failed"),
        (provided("partiallySucceeded", stage(I, I)), "Succeeded"),
        (provided("failed", stage(S, S), stage("skipped", "skipped")), "Succeeded"),
        (provided("canceled", stage(S, S), stage(S, S)), "Canceled"),
        (provided("failed", stage(S, S), stage(F)), "Failed"),
        (provided("succeeded", stage(S, S), stage("skipped")), "Succeeded"),
        (provided("failed"), "Failed"),
        (provided("canceled"), "Canceled"),
        (provided("succeeded"), "Failed"),
        (provided(None), "Failed"),
    ],
    ids=[
        "all jobs succeeded",
        "a job failed, whatever the provider says of the whole",
        "with issues",
        "what was skipped does not count",
        "somebody canceled it, whatever its jobs came to",
        "a gate kept a stage from its jobs",
        "a stage was skipped before it had jobs",
        "invalid YAML: no stage at all",
        "canceled before it had a stage",
        "it says that it succeeded, and did nothing",
        "nothing is said",
    ],
)
def test_a_completed_run_is_what_its_jobs_come_to(run: ProvidedRun, status: str) -> None:
    assert status_of(run) == status
