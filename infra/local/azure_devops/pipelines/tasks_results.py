"""The tasks that publish test results and coverage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local.azure_devops.pipelines.result_files import (
    TEST_READERS,
    ResultsInvalid,
    TestRun,
    matching,
    read_cobertura,
)
from infra.local.azure_devops.pipelines.results import add_coverage, add_test_run
from infra.local.azure_devops.pipelines.step_context import StepContext, StepFailed
from infra.local.azure_devops.pipelines.timeline import FAILED, SKIPPED, SUCCEEDED


def _patterns(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _nothing(context: StepContext, text: str, *, fails: bool) -> str:
    if fails:
        raise StepFailed(text)
    context.warn(text)
    return SUCCEEDED


async def _read[T](
    context: StepContext, what: str, files: Sequence[Path], read: Callable[[Path], T]
) -> list[T]:
    """What can be read; the rest is warned of."""
    found: list[T] = []
    for file in files:
        context.log.write(f"Publishing {what} from {file}")
        try:
            found.append(await asyncio.to_thread(read, file))
        except ResultsInvalid as error:
            context.warn(str(error))
    return found


async def publish_test_results(context: StepContext) -> str:
    kind = context.input("testresultsformat", "testrunner", default="JUnit")
    read = TEST_READERS.get(kind.lower())
    if read is None:
        context.warn(f"Test results of format {kind} are not read here: JUnit and VSTest are.")
        return SKIPPED
    folder = context.workspace.inside(context.input("searchfolder", default="."))
    default = "**/*.trx" if kind.lower() == "vstest" else "**/TEST-*.xml"
    patterns = _patterns(context.input("testresultsfiles", default=default))
    files = await asyncio.to_thread(matching, folder, patterns)
    if not files:
        text = f"No test result files matching '{', '.join(patterns)}' were found."
        return _nothing(context, text, fails=context.flag("failtaskonmissingresultsfile"))
    runs = await _read(context, "test results", files, read)
    if context.flag("mergetestresults") and runs:
        merged = TestRun(context.input("testruntitle", default=f"{kind}_TestResults_{context.job.run['id']}"))
        for run in runs:
            merged.add(run)
        runs = [merged]
    for index, run in enumerate(runs, 1):
        title = context.input("testruntitle", default=f"{kind}_TestResults_{context.job.run['id']}")
        run.name = title if len(runs) == 1 else f"{title}_{index}"
        add_test_run(context.emulator, context.job.run, run)
        context.log.write(f"{run.name}: {run.outcomes}")
    failed = sum(len(run.failed) for run in runs)
    if failed and context.flag("failtaskonfailedtests"):
        context.error("There are one or more test failures detected in result files.")
        return FAILED
    return SUCCEEDED


async def publish_coverage(context: StepContext) -> str:
    tool = context.input("codecoveragetool", default="Cobertura")
    if tool.lower() != "cobertura":
        context.warn(f"Code coverage of the tool {tool} is not read here: Cobertura is.")
        return SKIPPED
    patterns = _patterns(context.input("summaryfilelocation"))
    folder = context.workspace.inside(".", context.workspace.root)
    sources = context.workspace.sources
    # Relative patterns start where scripts do; results are also put beside the sources.
    absolute = [p if p.startswith(("/", "!")) else f"{sources}/{p}" for p in patterns]
    files = await asyncio.to_thread(matching, folder, absolute)
    if not files:
        text = f"No code coverage results were found to publish: {', '.join(patterns)}"
        return _nothing(context, text, fails=context.flag("failifcoverageempty"))
    found = await _read(context, "code coverage", files, read_cobertura)
    if found:
        add_coverage(context.emulator, context.job.run, found)
    return SUCCEEDED
