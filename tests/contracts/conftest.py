"""What the contracts of several ports begin with."""

import uuid

import pytest

from domain.kernel.work import Partition


@pytest.fixture
def partition() -> Partition:
    """A tenant of its own for every test."""
    return Partition(f"tenant-{uuid.uuid4().hex[:12]}", "shop")
