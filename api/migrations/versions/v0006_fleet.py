"""Cameras and their settings, who watches them, and how they do.

Revision: 0006
After: 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from api.storage.append_only import protect
from api.storage.tables import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.String(length=200)


def upgrade() -> None:
    """Brings the tables forward."""
    op.add_column("cameras", sa.Column("area", TEXT, nullable=True))
    op.create_index(op.f("ix_cameras_area"), "cameras", ["area"])
    _registry()
    _fleet()


def _registry() -> None:
    op.create_table(
        "registry_entries",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_registry_entries")),
    )
    op.create_table(
        "registry_versions",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("kind", "name", "version", name=op.f("pk_registry_versions")),
    )
    protect(op.get_bind(), "registry_versions")


def _kept() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by", TEXT, nullable=False),
    )


def _fleet() -> None:
    op.create_table(
        "camera_leases",
        sa.Column("camera_id", TEXT, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("worker", TEXT, nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=True),
        sa.Column("granted_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name=op.f("fk_camera_leases_token_id_tokens")),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_leases")),
    )
    op.create_index(op.f("ix_camera_leases_worker"), "camera_leases", ["worker"])
    op.create_index(op.f("ix_camera_leases_expires_at"), "camera_leases", ["expires_at"])
    op.create_table(
        "handovers",
        sa.Column("camera_id", TEXT, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stored_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_handovers")),
    )
    op.create_table(
        "workers",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=True),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], name=op.f("fk_workers_token_id_tokens")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "camera_health",
        sa.Column("camera_id", TEXT, nullable=False),
        sa.Column("worker", TEXT, nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("condition", TEXT, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera_health")),
    )
    op.create_index(op.f("ix_camera_health_condition"), "camera_health", ["condition"])
