"""A migrated database is exactly what the tables say, on both stores."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from core.storage import migrate
from core.storage.base import metadata
from core.storage.storage import Storage

ROOT = Path(__file__).parents[2]


async def test_an_empty_database_gets_every_table_and_nothing_differs(database_url: str) -> None:
    assert await migrate.current(database_url) is None
    waiting = await migrate.pending(database_url)
    assert waiting[0] == "0001"
    await migrate.upgrade(database_url)
    assert await migrate.pending(database_url) == []
    assert await migrate.current(database_url) == waiting[-1]
    assert await migrate.differences(database_url) == [], "Write the missing migration: see core/storage/migrate.py"
    async with Storage(database_url) as storage:
        tables = await storage.read(lambda connection: set(inspect(connection).get_table_names()))
    assert tables == set(metadata.tables) | {"alembic_version"}


async def test_upgrading_again_changes_nothing(database_url: str) -> None:
    await migrate.upgrade(database_url)
    await migrate.upgrade(database_url)
    assert await migrate.pending(database_url) == []


async def test_a_difference_is_found(database_url: str) -> None:
    await migrate.upgrade(database_url)
    async with Storage(database_url) as storage:
        await storage.write(lambda connection: connection.execute(text("ALTER TABLE lane ADD COLUMN extra INTEGER")))
        await storage.write(lambda connection: connection.execute(text("DROP INDEX outbox_dead")))
    found = await migrate.differences(database_url)
    assert {one[0] for one in found} == {"remove_column", "add_index"}


async def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError("out of power")

    monkeypatch.setattr(migrate.command, "upgrade", lambda config, to: fail(config.attributes["connection"]))
    with pytest.raises(RuntimeError, match="out of power"):
        await migrate.upgrade(database_url)
    async with Storage(database_url) as storage:
        assert await storage.read(lambda connection: inspect(connection).get_table_names()) == []


@pytest.mark.postgres
async def test_queue_tables_leave_room_for_updates(postgres_url: str) -> None:
    await migrate.upgrade(postgres_url)
    async with Storage(postgres_url) as storage:
        options = await storage.read(
            lambda connection: dict(
                connection.execute(
                    text("SELECT relname, reloptions FROM pg_class WHERE relname IN ('lane', 'outbox')")
                ).all()
            )
        )
    assert all("fillfactor=70" in found for found in options.values())
    assert set(options) == {"lane", "outbox"}


def test_every_table_is_known_to_the_migrations() -> None:
    defining = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in (ROOT / "core").rglob("*.py")
        if re.search(r"\bTable\(\s*\"\w+\",\s*metadata", file.read_text(encoding="utf-8"))
    }
    assert defining == set(migrate.MODELS)
