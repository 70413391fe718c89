"""What the adapter reads out of odd timelines, late results and incomplete lists of commits."""

from typing import Any

import pytest
from aiohttp import web

from adapters.azure_devops import AzureDevOpsPipelines
from adapters.azure_devops.run_view import run_of
from domain.kernel.errors import Unavailable
from domain.provided import ProvidedJob
from tests.adapters import pipeline_service, scripted_service
from tests.adapters.pipeline_service import BUILD, HERE, listing, record, routed
from tests.adapters.scripted_service import HANDLE, HEAD, ScriptedService

service, pipelines = scripted_service.service, pipeline_service.pipelines


class TestTimelines:
    def test_of_several_attempts_the_latest_counts(self) -> None:
        done: dict[str, Any] = {"state": "completed", "result": "failed", "attempt": 1}
        records = [
            record("Stage", "s1", identifier="build", **done),
            record("Stage", "s2", identifier="build", state="inProgress", attempt=2),
            record("Phase", "p", "s2", identifier="build.compile", attempt=2),
        ]
        (stage,) = run_of(BUILD, records).stages
        assert (stage.name, stage.state, stage.result, stage.attempt) == ("build", "inProgress", None, 2)
        assert stage.jobs == (ProvidedJob("compile", "pending", None, 2),)

    def test_a_matrix_makes_several_jobs_of_one(self) -> None:
        records = [
            record("Stage", "s", identifier="test"),
            record("Phase", "p", "s", identifier="test.unit"),
            record("Job", "j2", "p", identifier="test.unit.windows", order=2),
            record("Job", "j1", "p", identifier="test.unit.linux", order=1),
        ]
        (stage,) = run_of(BUILD, records).stages
        assert [job.name for job in stage.jobs] == ["unit.linux", "unit.windows"]

    def test_a_run_that_nobody_gave_an_operation_has_none(self) -> None:
        for value in ("", "none", None):
            assert run_of({**BUILD, "templateParameters": {"csOperationId": value}}, []).operation_id is None
        assert run_of({**BUILD, "templateParameters": None}, []).operation_id is None

    @pytest.mark.parametrize(
        ("status", "result", "expected"),
        [
            ("none", None, ("notStarted", None)),
            ("postponed", "none", ("notStarted", None)),
            ("inProgress", "none", ("inProgress", None)),
            ("cancelling", "canceled", ("cancelling", None)),
            ("completed", "partiallySucceeded", ("completed", "partiallySucceeded")),
        ],
    )
    def test_the_states_are_the_ports(
        self, status: str, result: str | None, expected: tuple[str, str | None]
    ) -> None:
        run = run_of({**BUILD, "status": status, "result": result}, [])
        assert (run.state, run.result) == expected


class TestResults:
    async def test_coverage_is_waited_for_and_comes_from_the_host_of_test_results(
        self, service: ScriptedService, pipelines: AzureDevOpsPipelines
    ) -> None:
        stats = [
            {"label": "Lines", "covered": 1, "total": 3},
            {"label": "Branches", "covered": 1, "total": 1},
        ]
        coverage = {"coverageDetailedSummaryStatus": "finalized", "coverageData": [{"coverageStats": stats}]}
        outcomes = {"Passed": {"count": 4}, "Failed": {"count": 1}, "NotExecuted": {"count": 2}}
        statistics = [
            {"outcome": "Passed", "count": 4},
            {"outcome": "Failed", "count": 1},
            {"outcome": "NotExecuted", "count": 2},
        ]
        suite = {"name": "unit", "totalTests": 7, "passedTests": 4, "runStatistics": statistics}
        service.script = [
            routed(
                {
                    "GET build/builds/7": [web.json_response(BUILD)],
                    "GET testresults/resultsummarybybuild": [
                        web.json_response({"aggregatedResultsAnalysis": {"resultsByOutcome": outcomes}})
                    ],
                    "GET testresults/codecoverage": [
                        web.json_response({"coverageDetailedSummaryStatus": "inProgress"}),
                        web.json_response(coverage),
                    ],
                    "GET test/runs": [listing(suite)],
                }
            )
        ]
        found = await pipelines.results(HERE, 7)
        assert (found.tests_passed, found.tests_failed, found.coverage) == (4, 1, 33.33)
        assert found.suites == (("unit", 4, 1, 2),)
        places = {request.path.split("/")[1] for request in service.requests if "testresults" in request.path}
        assert places == {"tests"}


class TestContributions:
    async def test_a_range_that_lacks_its_own_head_is_not_believed(self, service: ScriptedService) -> None:
        service.script = [
            routed(
                {
                    "GET git/repositories/0d1f/commits": [listing()],
                    "GET git/repositories/0d1f/diffs/commits": [
                        web.json_response({"commonCommit": "c" * 40})
                    ],
                }
            )
        ]
        git = service.adapter()
        with pytest.raises(Unavailable, match=f"commits up to {HEAD} lacks this one"):
            await git.contributions(HANDLE, HEAD, "b" * 40)
        await git.close()
        query = service.requests[0].query
        assert query["searchCriteria.compareVersion.version"] == HEAD
        assert query["searchCriteria.itemVersion.version"] == "b" * 40

    async def test_a_committer_counts_but_not_of_a_merge(self, service: ScriptedService) -> None:
        def commit(sha: str, *parents: str) -> dict[str, Any]:
            author = {"name": "Ada", "email": "ada@example.com"}
            committer = {"name": "Web", "email": f"{sha[0]}@example.com"}
            return {"commitId": sha, "author": author, "committer": committer, "parents": [*parents]}

        first, merge = commit("b" * 40), commit(HEAD, "b" * 40, "c" * 40)
        bare = {name: value for name, value in merge.items() if name != "parents"}
        service.script = [
            routed(
                {
                    "GET git/repositories/0d1f/commits": [listing(bare, first)],
                    f"GET git/repositories/0d1f/commits/{HEAD}": [web.json_response(merge)],
                    "POST git/repositories/0d1f/pullrequestquery": [web.json_response({"results": [{}]})],
                }
            )
        ]
        git = service.adapter()
        found = await git.contributions(HANDLE, HEAD, None)
        await git.close()
        assert found.authors == ("ada@example.com", "b@example.com")
