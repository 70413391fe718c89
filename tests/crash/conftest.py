"""Counts the faults that were tried; the run's summary says how many."""

from collections.abc import Callable

import pytest

from tests import report

# Their assertions are the suite's: let pytest tell what differs.
pytest.register_assert_rewrite("tests.crash.ending", "tests.crash.ground", "tests.crash.trial")

type Tally = Callable[[str], None]


@pytest.fixture
def tally() -> Tally:
    """`tally("memory")` for each fault that was met and recovered from."""
    return lambda backend: report.count("crash suite: faults over", backend, 1)
