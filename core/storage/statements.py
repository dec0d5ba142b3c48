"""SQL that the two stores spell differently."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    String,
    Table,
    any_,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from core.storage.types import dumps


def insert(connection: Connection | Dialect, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update` on whichever store that is."""
    dialect = connection.dialect if isinstance(connection, Connection) else connection
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def among(dialect: Dialect, what: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`what IN (:name)` for any number of integers or strings under one statement text, so that it stays prepared.

    The parameter's value is made by `many`.
    """
    if dialect.name == "postgresql":
        kind: TypeEngine[Any] = BigInteger() if isinstance(what.type, BigInteger) else String()
        return what == any_(bindparam(name, type_=postgresql.ARRAY(kind)))
    values = func.json_each(bindparam(name, type_=String())).table_valued(column("value"), name=f"each_{name}")
    return what.in_(select(values.c.value))


def many(dialect: Dialect, values: list[int] | list[str]) -> Any:
    """What an `among` parameter takes."""
    if dialect.name == "postgresql":
        return values
    return dumps(values)
