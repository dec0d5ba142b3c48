"""The metadata that every table of every area hangs on."""

from __future__ import annotations

from sqlalchemy import MetaData

from core.storage.types import Id, Json, Moment

__all__ = ["Id", "Json", "Moment", "metadata"]

#: Constraints need names that are the same on both stores, or a migration cannot drop them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
