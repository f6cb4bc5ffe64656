"""Which script of a skill was called, and how."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("call", sa.Text))


def downgrade() -> None:
    op.drop_column("executions", "call")
