"""What the tests of several channels need."""

from collections.abc import AsyncIterator

import aiohttp
import pytest


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The process's session, with the time limits that the core gives it."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, connect=3)) as client:
        yield client
