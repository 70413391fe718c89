"""Prints what the suites counted, whether they ran in this process or in several."""

from typing import Any

import pytest

from tests import report


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["lines"] = report.LINES
        output["counts"] = [[*key, number] for key, number in report.COUNTS.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    output = getattr(node, "workeroutput", {})
    report.LINES.extend(output.get("lines", ()))
    for what, of, number in output.get("counts", ()):
        report.count(what, of, number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in report.told():
        terminalreporter.write_line(line)
