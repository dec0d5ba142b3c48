"""Runs the migrations on the connection that core.storage.migrate hands over."""

from __future__ import annotations

from alembic import context

from core.storage.migrate import OPTIONS, import_models

import_models()
given = context.config.attributes
context.configure(connection=given["connection"], include_object=given.get("include_object"), **OPTIONS)
with context.begin_transaction():
    context.run_migrations()
