"""Fixtures of the kernel's tests."""

from collections.abc import Iterator

import pytest

from tests.domain.kernel import sample
from tests.domain.kernel.house import House


@pytest.fixture
def house() -> Iterator[House]:
    sample.ran.clear()
    yield House()
    sample.ran.clear()
