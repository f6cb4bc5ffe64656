"""Alembic's entry: runs the migrations on the connection that `Database` hands over."""

from __future__ import annotations

from alembic import context

from skillbox_core.storage import tables
from skillbox_core.storage.database import VERSION_TABLE

connection = context.config.attributes["connection"]
# Importing the tables is what fills this metadata.
context.configure(
    connection=connection,
    target_metadata=tables.ExecutionRow.metadata,
    render_as_batch=True,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
