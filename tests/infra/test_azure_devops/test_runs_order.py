"""In which order stages and jobs run, and which of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.azure_devops.pipelines.model import PipelineInvalid
from tests.infra.test_azure_devops.run_ground import (
    Definition,
    bash,
    job,
    one_job,
    pipeline,
    stage,
)


async def test_stages_and_jobs_follow_their_dependencies_and_conditions(definition: Definition) -> None:
    plan = pipeline(
        stage("build", job("ok", bash("true")), job("bad", bash("exit 1"))),
        stage("skipped", job("a", bash("true")), depends_on=["build"]),
        stage("after-skip", job("a", bash("true")), depends_on=["skipped"]),
        stage("cleanup", job("a", bash("true")), depends_on=["build"], condition="failed('build')"),
        stage("independent", job("a", bash("true"))),
        stage(
            "chosen",
            job("a", bash("true")),
            condition="and(always(), in(variables['Build.Reason'], 'Manual', 'X'), ne(variables.x, 'y'))",
            depends_on=["build"],
        ),
        variables={"x": "z"},
    )
    ran = await definition.ran(plan)
    assert ran.result == "failed"
    assert ran.results("Stage") == {
        "build": "failed",
        "skipped": "skipped",
        "after-skip": "skipped",
        "cleanup": "succeeded",
        "independent": "succeeded",
        "chosen": "succeeded",
    }


async def test_two_jobs_run_at_once_and_no_more(definition: Definition, tmp_path: Path) -> None:
    text = """
        cd MARKS; me=$(System.JobName); touch $me.runs $me.seen
        if [ $me != c ]; then
          for _ in $(seq 500); do [ -e a.seen ] && [ -e b.seen ] && break; sleep 0.02; done
        fi
        ls *.runs | wc -l; sleep 0.1; rm $me.runs
    """.replace("MARKS", str(tmp_path))
    ran = await definition.ran(pipeline(stage("build", *(job(n, bash(text, n)) for n in ("a", "b", "c")))))
    counts = [int((await ran.log(name)).splitlines()[2]) for name in ("a", "b", "c")]
    assert max(counts) == 2, "two met, three never"


async def test_a_pipeline_that_could_never_end_is_refused(definition: Definition) -> None:
    for stages, words in (
        ([stage("a", depends_on=["b"]), stage("b", depends_on=["a"])], "circle"),
        ([stage("a", depends_on=["gone"])], "unknown stage gone"),
        ([], "at least one stage"),
    ):
        with pytest.raises(PipelineInvalid, match=words):
            definition.start(pipeline(*stages))


async def test_what_waits_for_a_skipped_one_is_skipped_but_a_failure_reaches_further(
    definition: Definition,
) -> None:
    plan = pipeline(
        stage("off", job("a", bash("true")), condition="eq(variables['Build.Reason'], 'PullRequest')"),
        stage("behind", job("a", bash("true")), depends_on=["off"]),
        stage("bad", job("a", bash("false"))),
        stage("anyway", job("a", bash("true")), depends_on=["bad"], condition="succeededOrFailed()"),
        stage("last", job("a", bash("true")), depends_on=["anyway"]),
    )
    ran = await definition.ran(plan)
    results = ran.results("Stage")
    assert (results["off"], results["behind"]) == ("skipped", "skipped")
    assert (results["anyway"], results["last"]) == ("succeeded", "skipped")


async def test_a_counter_counts_the_runs_of_its_prefix(definition: Definition) -> None:
    numbers = []
    for minor in ("1", "1", "2"):
        variables = {"minor": minor, "patch": "$[counter(variables['minor'], 100)]"}
        ran = await definition.ran(one_job(bash("true"), name="1.$(minor).$(patch)", variables=variables))
        numbers.append(ran.build["buildNumber"])
    assert numbers == ["1.1.100", "1.1.101", "1.2.100"]
    with pytest.raises(PipelineInvalid, match="nothing"):
        definition.start(one_job(bash("true"), variables={"x": "$[nothing(1)]"}))
