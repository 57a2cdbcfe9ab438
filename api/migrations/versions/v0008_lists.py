"""Indexes that answer what a list asks for by themselves; workers that have left are not silent.

Revision: 0008
After: 0007
"""

import sqlalchemy as sa
from alembic import op

from api.storage.tables import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ORDERS = {"newest": ["listed_at", "id"], "queue": ["queue_rank", "urgency", "listed_at", "id"]}
FILTERED_BY = ("camera_id", "step", "assignee_id", "type", "zone", "state", "verdict", "due_at")
FIRST = {"all": [], "of_cameras": ["camera_id"], "at_steps": ["step"], "assigned": ["assignee_id"]}


def upgrade() -> None:
    """Brings the tables forward."""
    op.add_column("workers", sa.Column("left_at", UtcDateTime(), nullable=True))
    for name in (
        "ix_incidents_listed_at_id",
        "ix_incidents_queue_rank_urgency_listed_at_id",
        "ix_incidents_camera_id_listed_at_id",
        "ix_incidents_camera_id_queue_rank_urgency_listed_at_id",
        "ix_incidents_step_listed_at_id",
        "ix_incidents_step_queue_rank_urgency_listed_at_id",
        "ix_incidents_assignee_id_listed_at_id",
    ):
        op.drop_index(name, "incidents")
    for name, first in FIRST.items():
        condition = sa.text("assignee_id IS NOT NULL") if name == "assigned" else None
        for order, keys in ORDERS.items():
            op.create_index(
                f"ix_incidents_{name}_{order}",
                "incidents",
                [*first, *keys, *(column for column in FILTERED_BY if column not in first)],
                sqlite_where=condition,
                postgresql_where=condition,
            )
