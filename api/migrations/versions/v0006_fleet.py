"""Cameras and their settings, who watches them, and how they do.

Revision: 0006
After: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""
    op.add_column("cameras", sa.Column("area", sa.String(length=200), nullable=True))
    op.create_index(op.f("ix_cameras_area"), "cameras", ["area"])
