"""A fresh database for each test, once on SQLite and once on PostgreSQL, and what the engine's tests share."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

import core.outbox.models  # noqa: F401  (its tables belong to the metadata that is created)
from core.outbox.repository import Outbox
from core.storage.storage import Storage, metadata
from tests.core.engine import Clock, Vendor
from tests.fixtures.postgres import PostgresServer


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer
) -> AsyncIterator[str]:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/threadbridge.db"
        return
    name = f"engine_{uuid4().hex}"
    await postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield postgres_server.url(name)
    await postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def storage(database_url: str, clock: Clock) -> AsyncIterator[Storage]:
    """Open, with all tables, and with a clock that the test moves."""
    async with Storage(database_url, clock=clock) as opened:
        await opened.write(metadata.create_all)
        yield opened


@pytest.fixture
def outbox(storage: Storage) -> Outbox:
    return Outbox(storage)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()
