"""Work that needs pictures.

Revision: 0003
After: 0002
"""

import sqlalchemy as sa
from alembic import op

from api.storage.tables import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.String(length=200)
DIGEST = sa.String(length=64)
ID = sa.String(length=36)


def upgrade() -> None:
    """Brings the tables forward."""
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("camera_id", TEXT, nullable=True),
        sa.Column("incident_id", TEXT, nullable=True),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("active_key", DIGEST, nullable=True),
        sa.Column("needs_camera", sa.Boolean(), nullable=False),
        sa.Column("requester", TEXT, nullable=False),
        sa.Column("requested_by", TEXT, nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("attempts_max", sa.Integer(), nullable=False),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("leased_by", TEXT, nullable=True),
        sa.Column("leased_token_id", sa.Integer(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("stage", TEXT, nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("result_digest", DIGEST, nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_jobs_incident_id_incidents"),
        sa.ForeignKeyConstraint(["leased_token_id"], ["tokens.id"], name="fk_jobs_leased_token_id_tokens"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("active_key", name="uq_jobs_active_key"),
    )
    for columns in (
        ["state", "priority", "due_at", "id"],
        ["state", "leased_until"],
        ["requester", "state"],
        ["incident_id"],
        ["requested_at", "id"],
        ["state", "finished_at"],
    ):
        op.create_index(f"ix_jobs_{'_'.join(columns)}", "jobs", columns)
    _what_comes_of_them()


def downgrade() -> None:
    """There is no way back: the older form can't hold what has been written since."""
    raise NotImplementedError("migrations lead forwards only; restore a backup to go back")


def _what_comes_of_them() -> None:
    op.create_table(
        "job_failures",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("worker", TEXT, nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_failures_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "attempt", name="pk_job_failures"),
    )
    op.create_table(
        "job_files",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sha256", DIGEST, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", TEXT, nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_files_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_job_files"),
    )
    op.create_index("ix_job_files_sha256", "job_files", ["sha256"])
    op.create_table(
        "derived_files",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("derived_from", TEXT, nullable=False),
        sa.Column("source_sha256", DIGEST, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("requested_by", TEXT, nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_derived_files_incident_id_incidents"),
        sa.PrimaryKeyConstraint("incident_id", "name", name="pk_derived_files"),
    )
