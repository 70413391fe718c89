"""Counts the faults that were tried, and says so at the end of the run."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

# Their assertions are the suite's: let pytest tell what differs.
pytest.register_assert_rewrite("tests.crash.ending", "tests.crash.ground", "tests.crash.trial")

type Tally = Callable[[str], None]

_PROPERTY = "faults over "
# In the order in which they are told.
_BACKENDS = ("memory", "Azurite", "Azure DevOps")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """`tally("memory")` for each fault that was met and recovered from."""
    counted: Counter[str] = Counter()

    def count(backend: str) -> None:
        counted[backend] += 1

    yield count
    # Properties travel with the reports, so they also add up where tests run in several processes.
    request.node.user_properties.extend((_PROPERTY + backend, n) for backend, n in counted.items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counted: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "teardown":
                continue
            for name, value in report.user_properties:
                if name.startswith(_PROPERTY):
                    counted[name.removeprefix(_PROPERTY)] += value
    if counted:
        told = [f"{counted[one]} {'faults ' * (not at)}over {one}" for at, one in enumerate(_BACKENDS)]
        terminalreporter.write_line(f"crash suite: {', '.join(told)}")
