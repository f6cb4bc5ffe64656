"""Where in the archive of an execution's files the contents of each of them lie."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("files_spans", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("executions", "files_spans")
