"""Fixtures of the infrastructure context."""

import pytest

from tests.domain.devops.infrastructure.given import Site
from tests.domain.devops.infrastructure.given import site as made


@pytest.fixture
async def site() -> Site:
    return await made(Site)
