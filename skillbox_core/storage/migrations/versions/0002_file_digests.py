"""What the files of an execution are, by digest: those it left, and those it was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("files_digests", sa.Text, nullable=False, server_default="[]"))
    op.add_column("executions", sa.Column("files_size", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("executions", sa.Column("files_sha256", sa.String(64), nullable=False, server_default=""))
    op.add_column("executions", sa.Column("input_files", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("executions") as table:
        for name in ("input_files", "files_sha256", "files_size", "files_digests"):
            table.drop_column(name)
