"""Brings a database to the shape that this version needs, and says whether it has it.

`python -m core.storage.migrate "Remember ..."` writes the next migration from what the tables say. With `--initial` it
writes the first ones anew, which is right only until the first release.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal, TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Table, make_url, text
from sqlalchemy.pool import NullPool

from core.storage import postgres, sqlite
from core.storage.base import metadata
from core.storage.types import Id, Json, Moment

T = TypeVar("T")

_HERE = Path(__file__).parent / "migrations"
#: Every module that defines a table, by name: the storage knows no area. A test holds the list complete. Areas stand in
#: the order in which they refer to each other.
MODELS = (
    "core.storage.memory",
    "core.quarantine.models",
    "core.outbox.models",
    "core.contacts.keys",
    "core.contacts.links",
    "core.contacts.models",
    "core.conversations.events",
    "core.conversations.inbox",
    "core.conversations.models",
    "core.conversations.service",
    "core.conversations.threads",
    "core.identity.proofs",
    "core.routing.rooms",
)
#: Advisory lock: replicas that start together migrate one after the other.
_LOCK = 0x7B0B_0001


def import_models() -> None:
    """Brings every area's tables into the metadata."""
    for name in MODELS:
        importlib.import_module(name)


def _render(kind: str, item: Any, context: Any) -> str | Literal[False]:
    if kind == "type" and isinstance(item, (Id, Json, Moment)):
        name = type(item).__name__
        context.imports.add(f"from core.storage.types import {name}")
        return f"{name}()"
    return False


OPTIONS: dict[str, Any] = {
    "target_metadata": metadata,
    "render_item": _render,
    "compare_type": True,
    # SQLite cannot alter most things in place.
    "render_as_batch": True,
}


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


async def _on(url: str, work: Callable[[Connection], T]) -> T:
    """Runs `work` in a transaction that nobody else migrates beside."""
    made: URL = make_url(url)
    if made.get_backend_name() == "sqlite":
        return await asyncio.to_thread(_on_sqlite, made, work)
    engine = postgres.make_engine(made, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _on_sqlite(url: URL, work: Callable[[Connection], T]) -> T:
    engine = sqlite.make_engine(url)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def upgrade(url: str) -> None:
    """Creates or changes the tables; does nothing if they are as they should be. All or nothing on both stores."""
    await _on(url, lambda connection: command.upgrade(_config(connection), "head"))


async def current(url: str) -> str | None:
    """The last migration that ran; None on an empty database."""
    return await _on(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


async def pending(url: str) -> list[str]:
    """Migrations that have not run yet, the next one first."""
    done = await current(url)
    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in reversed(list(scripts.iterate_revisions("head", done or "base")))]


async def differences(url: str) -> list[Any]:
    """Where a migrated database is not what the tables say; empty unless a migration was forgotten."""
    import_models()

    def compare(connection: Connection) -> list[Any]:
        options = {name: value for name, value in OPTIONS.items() if name not in ("target_metadata", "render_as_batch")}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    return await _on(url, compare)


async def _generate(message: str, revision: str, tables: Collection[str]) -> Path:
    """Writes a migration that makes those tables what they should be."""

    def belongs(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        return (name if kind == "table" else thing.table.name) in tables

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/empty.db"
        await upgrade(url)

        def generate(connection: Connection) -> Any:
            config = _config(connection)
            config.attributes["include_object"] = belongs
            config.stdout = sys.stderr
            return command.revision(config, message, autogenerate=True, rev_id=revision)

        script = await _on(url, generate)
    return Path(script.path)


def _tidy(path: Path) -> None:
    """As the project's rules want it; the linter is there wherever migrations are written."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "###" not in line), encoding="utf-8")
    for action in (("check", "--fix", "--quiet", "--ignore", "E501"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *action, str(path)], check=True, timeout=60)


def write(message: str) -> None:
    """Writes the migration that is missing."""
    import_models()
    number = len(_written()) + 1
    _tidy(asyncio.run(_generate(message, f"{number:04}", metadata.tables.keys())))


def write_initial() -> None:
    """Writes the first migrations anew, one per area."""
    for old in _written():
        old.unlink()
    before: set[str] = set()
    areas: dict[str, None] = dict.fromkeys(name.split(".")[1] for name in MODELS)
    for number, area in enumerate(areas, start=1):
        own = {
            table.name
            for name in MODELS
            if name.split(".")[1] == area
            for table in vars(importlib.import_module(name)).values()
            if isinstance(table, Table) and table.name not in before
        }
        before |= own
        _tidy(asyncio.run(_generate(f"Tables of {area}", f"{number:04}", own)))


def _written() -> list[Path]:
    return sorted((_HERE / "versions").glob("[0-9]*.py"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("message", nargs="?", default="Change tables")
    parser.add_argument("--initial", action="store_true")
    options = parser.parse_args()
    if options.initial:
        write_initial()
    else:
        write(options.message)


if __name__ == "__main__":
    main()
