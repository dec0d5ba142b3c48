"""A stage for each story: the whole product between its vendors, on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from sandbox.stage import Options, Stage


class Opens(Protocol):
    """Sets a stage that is struck when the test ends."""

    def __call__(self, **options: Any) -> Any: ...


@pytest.fixture
def set_stage(tmp_path: Path) -> Opens:
    @asynccontextmanager
    async def open_stage(**options: Any) -> AsyncIterator[Stage]:
        given = {"hold_seconds": 0.0, "limits": False, "channels": ("webchat", "telegram"), **options}
        async with Stage(tmp_path, Options(**given)) as stage:
            yield stage

    return open_stage


async def until(seen: Callable[[], Any], what: str, timeout: float = 15.0) -> Any:
    """What `seen` finds, as soon as it finds something; fails with `what` was awaited."""
    deadline = time.monotonic() + timeout
    while not (found := seen()):
        if time.monotonic() > deadline:
            pytest.fail(f"Not seen within {timeout:.0f} s: {what}")
        await asyncio.sleep(0.01)
    return found


async def settled(stage: Stage) -> None:
    """Until nothing is on its way: what could be delivered now has been."""
    deadline = time.monotonic() + 15.0
    while time.monotonic() < deadline:
        stats = await stage.app.storage.read(stage.app.outbox.stats)
        if not stats.ready and not stats.leased:
            return
        await asyncio.sleep(0.02)
    pytest.fail("Jobs are still on their way after 15 s")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest) -> str:
    """For `set_stage(database=...)`: the same story on both stores."""
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
