"""Why an execution failed, and what the figures of its memory are measured by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("diagnosis", sa.Text))
    op.add_column("executions", sa.Column("memory_limit", sa.BigInteger))
    op.add_column("executions", sa.Column("file_memory", sa.BigInteger))


def downgrade() -> None:
    for column in ("diagnosis", "memory_limit", "file_memory"):
        op.drop_column("executions", column)
