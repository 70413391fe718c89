"""Test results and coverage of a build over REST, as the test results service answers."""

from __future__ import annotations

import re
from datetime import timedelta

from infra.local.azure_devops import clock
from infra.local.azure_devops.emulator import Emulator
from infra.local.azure_devops.errors import invalid_argument, not_found
from infra.local.azure_devops.pipelines.result_files import Coverage, TestRun
from infra.local.azure_devops.pipelines.run_store import build_url, find_run, scope_of
from infra.local.azure_devops.projects import project_by_id, project_of
from infra.local.azure_devops.routing import Answer, Call, Route, listing, page
from infra.local.emulation.state import Json

_BUILD_URI = re.compile(r"vstfs:///Build/Build/(\d+)", re.IGNORECASE)
_OUTCOME_NAMES = {"Passed": "passed", "Failed": "failed", "NotExecuted": "notExecuted"}


def add_test_run(emulator: Emulator, run: Json, found: TestRun) -> None:
    number = emulator.state.next_number(f"test-run/{run['org'].lower()}")
    body: Json = {
        "id": number,
        "name": found.name,
        "outcomes": found.outcomes,
        "milliseconds": round(found.seconds * 1000),
        "failedTests": found.failed[:1000],
        "completedDate": clock.now(),
    }
    emulator.state.put("test-run", scope_of(run), str(number), body)


def add_coverage(emulator: Emulator, run: Json, found: list[Coverage]) -> None:
    """What is published more than once for a build is added up."""
    known = emulator.state.get("coverage", scope_of(run), "all") or {}
    body = {
        "linesCovered": known.get("linesCovered", 0) + sum(one.lines_covered for one in found),
        "lines": known.get("lines", 0) + sum(one.lines for one in found),
        "branchesCovered": known.get("branchesCovered", 0) + sum(one.branches_covered for one in found),
        "branches": known.get("branches", 0) + sum(one.branches for one in found),
    }
    emulator.state.put("coverage", scope_of(run), "all", body)


def _run_asked_for(call: Call) -> Json:
    number = call.query.get("buildid", "")
    if not number.isdecimal():
        raise invalid_argument("buildId must be the number of a build.")
    return _run_numbered(call, number)


def _run_numbered(call: Call, number: str) -> Json:
    found = find_run(call.emulator, project_of(call)["id"], number)
    if found is None:
        raise not_found("BuildNotFoundException", f"The requested build {number} could not be found.")
    return found


def _duration(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{timedelta(seconds=seconds)!s:0>8}.{rest:03}0000"


async def get_summary(call: Call) -> Answer:
    run = _run_asked_for(call)
    found = call.emulator.state.list("test-run", scope_of(run))
    counts: dict[str, int] = {}
    for one in found:
        for outcome, count in one["outcomes"].items():
            counts[outcome] = counts.get(outcome, 0) + count
    total = sum(counts.values())
    duration = _duration(sum(one["milliseconds"] for one in found))
    project = project_by_id(call.emulator, call.org, run["projectId"])
    return Answer(
        200,
        {
            "aggregatedResultsAnalysis": {
                "duration": duration,
                "resultsByOutcome": {
                    outcome: {"outcome": _OUTCOME_NAMES[outcome], "count": count}
                    for outcome, count in counts.items()
                },
                "runSummaryByState": {"Completed": {"state": "completed", "runsCount": len(found)}},
                "runSummaryByOutcome": {},
                "totalTests": total,
            },
            "testFailures": {"newFailures": {"count": counts.get("Failed", 0), "testResults": []}},
            "testResultsContext": {"contextType": "build", "build": {"id": run["id"]}},
            "teamProject": {"id": project["id"], "name": project["name"]},
            "totalRunsCount": len(found),
            "noConfigRunsCount": 0,
        },
    )


async def get_coverage(call: Call) -> Answer:
    run = _run_asked_for(call)
    found = call.emulator.state.get("coverage", scope_of(run), "all")
    body: Json = {
        "build": {"id": str(run["id"]), "url": build_url(call.emulator, run)},
        "deltaBuild": None,
        "status": "none",
        "coverageDetailedSummaryStatus": "none",
        "coverageData": [],
    }
    if found is not None:
        stats = [{"label": "Lines", "position": 4, "covered": found["linesCovered"], "total": found["lines"]}]
        if found["branches"]:
            stats.append(
                {
                    "label": "Branches",
                    "position": 6,
                    "covered": found["branchesCovered"],
                    "total": found["branches"],
                }
            )
        body["status"], body["coverageDetailedSummaryStatus"] = "completed", "codeCoverageSuccess"
        body["coverageData"] = [
            {
                "buildFlavor": "",
                "buildPlatform": "",
                "coverageStats": [{**one, "isDeltaAvailable": False, "delta": 0.0} for one in stats],
            }
        ]
    return Answer(200, body)


async def list_test_runs(call: Call) -> Answer:
    uri = _BUILD_URI.fullmatch(call.query.get("builduri", ""))
    if uri is None:
        raise invalid_argument("buildUri must be vstfs:///Build/Build/ and the number of a build.")
    run = _run_numbered(call, uri[1])
    found = call.emulator.state.list("test-run", scope_of(run), call.lag)
    project = project_by_id(call.emulator, call.org, run["projectId"])
    url = f"{call.emulator.base_url}/{run['org']}/{run['projectId']}/_apis/test/Runs"
    rows = [
        {
            "id": one["id"],
            "name": one["name"],
            "url": f"{url}/{one['id']}",
            "isAutomated": True,
            "state": "Completed",
            "totalTests": sum(one["outcomes"].values()),
            "passedTests": one["outcomes"].get("Passed", 0),
            "unanalyzedTests": one["outcomes"].get("Failed", 0),
            "notApplicableTests": 0,
            "incompleteTests": 0,
            "completedDate": one["completedDate"],
            "build": {"id": str(run["id"]), "name": run["buildNumber"], "url": build_url(call.emulator, run)},
            "project": {"id": project["id"], "name": project["name"]},
            "revision": 1,
        }
        for one in found
    ]
    return listing(page(call, rows, default_top=100))


_RESULTS = "/{org}/{project}/_apis/testresults"

ROUTES = [
    Route("GET", _RESULTS + "/resultsummarybybuild", get_summary, preview=True),
    Route("GET", _RESULTS + "/codecoverage", get_coverage, preview=True),
    Route("GET", "/{org}/{project}/_apis/test/runs", list_test_runs),
]
