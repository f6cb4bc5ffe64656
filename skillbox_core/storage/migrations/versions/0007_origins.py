"""What a stored version holds, whether it can be run, and where it came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("skill_digests", sa.Column("contents", sa.String(64), nullable=True))
    op.add_column("skill_digests", sa.Column("runnable", sa.Boolean, nullable=True))
    op.add_column("skill_digests", sa.Column("source_folder", sa.Text, nullable=True))
    op.add_column("skill_digests", sa.Column("source_commit", sa.String(64), nullable=True))


def downgrade() -> None:
    for column in ("source_commit", "source_folder", "runnable", "contents"):
        op.drop_column("skill_digests", column)
