"""What a run measured: counts of tests, and how much of the code they covered."""

from adapters.azure_devops.client import Api
from adapters.azure_devops.paging import Json, everything, together
from adapters.azure_devops.run_view import require_run
from domain.provided import ProvidedResults

# These resources never left their preview: the plain version is refused.
_PREVIEW = {"api-version": "7.1-preview"}
_UNFINISHED = ("inProgress", "pending", "updateRequestQueued")


async def read_results(api: Api, tests: Api, run_id: int) -> ProvidedResults:
    """`tests` are the routes of the host that keeps test results."""
    await require_run(api, run_id)
    query = {**_PREVIEW, "buildId": str(run_id)}
    runs = {"buildUri": f"vstfs:///Build/Build/{run_id}", "includeRunDetails": "true"}
    summary, coverage, suites = await together(
        tests.find("testresults/resultsummarybybuild", query),
        _coverage(tests, query),
        everything(api, "test/runs", runs),
    )
    outcomes = ((summary or {}).get("aggregatedResultsAnalysis") or {}).get("resultsByOutcome") or {}
    counts = {name.casefold(): int(one.get("count") or 0) for name, one in outcomes.items()}
    return ProvidedResults(
        tests_passed=counts.get("passed", 0),
        tests_failed=counts.get("failed", 0),
        coverage=_share(coverage),
        suites=tuple(sorted(_suite(run) for run in suites)),
    )


async def _coverage(tests: Api, query: dict[str, str]) -> Json | None:
    """Once it is summed up: the service does so some time after the run has ended."""
    while True:
        found: Json | None = await tests.find("testresults/codecoverage", query)
        if found is None or found.get("coverageDetailedSummaryStatus") not in _UNFINISHED:
            return found
        tests.trouble("coverage is still being summed up")
        await tests.pause()


def _share(coverage: Json | None) -> float | None:
    """Covered lines in percent, over all that was published; None where no line was counted."""
    lines = [
        stat
        for data in (coverage or {}).get("coverageData") or []
        for stat in data.get("coverageStats") or []
        if str(stat.get("label")).casefold() in ("line", "lines")
    ]
    total = sum(int(stat.get("total") or 0) for stat in lines)
    covered = sum(int(stat.get("covered") or 0) for stat in lines)
    return round(100 * covered / total, 2) if total else None


def _suite(run: Json) -> tuple[str, int, int, int]:
    """Its name, passed, failed, others. The details know the failed; without them, they are unanalyzed."""
    counts: dict[str, int] = {}
    for one in run.get("runStatistics") or []:
        outcome = str(one.get("outcome")).casefold()
        counts[outcome] = counts.get(outcome, 0) + int(one.get("count") or 0)
    passed = counts.get("passed", int(run.get("passedTests") or 0))
    failed = counts.get("failed", 0 if counts else int(run.get("unanalyzedTests") or 0))
    total = int(run.get("totalTests") or 0)
    return str(run.get("name") or run["id"]), passed, failed, max(total - passed - failed, 0)
