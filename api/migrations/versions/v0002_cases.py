"""Cases go through steps; one chained audit log takes the place of the access log.

Revision: 0002
After: 0001
"""

import sqlalchemy as sa
from alembic import op

from api.storage.append_only import protect
from api.records.audit_chain import GENESIS, exact_text, hash_of
from api.storage.tables import UtcDateTime


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.String(length=200)
INDEXES = {
    "ix_incidents_camera_id_listed_at_id": ["camera_id", "listed_at", "id"],
    "ix_incidents_step_listed_at_id": ["step", "listed_at", "id"],
    "ix_incidents_assignee_id_listed_at_id": ["assignee_id", "listed_at", "id"],
    "ix_incidents_due_at": ["due_at"],
    "ix_incidents_queue_rank_urgency_listed_at_id": ["queue_rank", "urgency", "listed_at", "id"],
    "ix_incidents_camera_id_queue_rank_urgency_listed_at_id": [
        "camera_id", "queue_rank", "urgency", "listed_at", "id"
    ],
    "ix_incidents_step_queue_rank_urgency_listed_at_id": ["step", "queue_rank", "urgency", "listed_at", "id"],
    "ix_incidents_merged_into": ["merged_into"],
}


def upgrade() -> None:
    """Brings the tables forward."""
    op.add_column("evidence_files", sa.Column("deleted_at", UtcDateTime(), nullable=True))
    op.add_column("users", sa.Column("unit", TEXT, nullable=True))
    _incidents()
    _case_tables()
    _audit_tables()
    connection = op.get_bind()
    _events_of_verdicts(connection)
    _chain_the_access_log(connection)
    op.drop_table("access_log")
    for table in ("audit", "case_events", "reviews", "incident_revisions"):
        protect(connection, table)


def downgrade() -> None:
    """There is no way back: the older form can't hold what has been written since."""
    raise NotImplementedError("migrations lead forwards only; restore a backup to go back")


def _incidents() -> None:
    # SQLite can add columns in place; building the table anew would break the references of the other tables to it.
    op.add_column("incidents", sa.Column("queue_rank", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("step", TEXT, nullable=False, server_default="discovered"))
    began = "1970-01-01 00:00:00.000000" if op.get_bind().dialect.name == "sqlite" else "1970-01-01 00:00:00+00"
    op.add_column("incidents", sa.Column("step_at", UtcDateTime(), nullable=False, server_default=began))
    op.add_column("incidents", sa.Column("due_at", UtcDateTime(), nullable=True))
    op.add_column("incidents", sa.Column("hold_reason", sa.String(length=500), nullable=True))
    op.add_column("incidents", sa.Column("footage_deleted_at", UtcDateTime(), nullable=True))
    for column, kind, table in (
        ("assignee_id", "INTEGER", "users"),
        ("handled_by", "INTEGER", "users"),
        ("merged_into", "VARCHAR(200)", "incidents"),
    ):
        named = f"CONSTRAINT fk_incidents_{column}_{table} REFERENCES {table} (id)"
        op.execute(f"ALTER TABLE incidents ADD COLUMN {column} {kind} {named}")
    op.execute(
        "UPDATE incidents SET "
        "step = CASE verdict WHEN 'confirm' THEN 'accepted' WHEN 'reject' THEN 'rejected' ELSE 'discovered' END, "
        "step_at = COALESCE((SELECT MAX(reviewed_at) FROM reviews WHERE incident_id = incidents.id), received_at), "
        "queue_rank = CASE WHEN state = 'candidate' THEN 1 WHEN verdict IS NULL THEN 3 ELSE 2 END"
    )
    op.drop_index("ix_incidents_camera_id_listed_at", "incidents")
    op.drop_index("ix_incidents_verdict_urgency_id", "incidents")
    for name, columns in INDEXES.items():
        op.create_index(name, "incidents", columns)
    held = sa.text("hold_reason IS NOT NULL")
    op.create_index("ix_incidents_held", "incidents", ["id"], sqlite_where=held, postgresql_where=held)


def _case_tables() -> None:
    op.create_table(
        "case_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("unit", TEXT, nullable=True),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("from_step", TEXT, nullable=True),
        sa.Column("to_step", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("value", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_case_events_incident_id_incidents"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_case_events_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_case_events"),
    )
    op.create_index("ix_case_events_incident_id", "case_events", ["incident_id"])
    op.create_table(
        "case_tags",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("tag", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_case_tags_incident_id_incidents"),
        sa.PrimaryKeyConstraint("incident_id", "tag", name="pk_case_tags"),
    )
    op.create_index("ix_case_tags_tag_incident_id", "case_tags", ["tag", "incident_id"])
    op.create_table(
        "case_locks",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("user_name", TEXT, nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_case_locks_incident_id_incidents"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_case_locks_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_case_locks"),
    )
    op.create_table(
        "case_photos",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("user_name", TEXT, nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_case_photos_incident_id_incidents"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_case_photos_user_id_users"),
        sa.PrimaryKeyConstraint("incident_id", "name", name="pk_case_photos"),
    )


def _audit_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("unit", TEXT, nullable=True),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("token_id", sa.Integer(), nullable=True),
        sa.Column("client", TEXT, nullable=True),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("object", sa.String(length=300), nullable=False),
        sa.Column("incident_id", TEXT, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("content_sha256", sa.String(length=64), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
    )
    op.create_index("ix_audit_object_at", "audit", ["object", "at"])
    op.create_index("ix_audit_incident_id_sequence", "audit", ["incident_id", "sequence"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )


def _events_of_verdicts(connection: sa.Connection) -> None:
    """Each verdict was a step: the first confirmation accepted a case, a rejection rejected it."""
    moment = UtcDateTime()
    rows = connection.execute(
        sa.text(
            "SELECT r.incident_id, r.reviewed_at AS at, r.user_name, u.role, r.user_id, r.verdict, r.reason, r.note "
            "FROM reviews r JOIN users u ON u.id = r.user_id ORDER BY r.id"
        ).columns(at=moment)
    ).all()
    events = sa.table("case_events", sa.column("at", moment), *map(sa.column, (
        "incident_id", "who", "role", "user_id", "action", "from_step", "to_step", "reason", "note")))
    steps: dict[str, str] = {}
    for row in rows:
        step, target = steps.get(row.incident_id, "discovered"), "accepted" if row.verdict == "confirm" else "rejected"
        if step == target:
            continue
        steps[row.incident_id] = target
        connection.execute(events.insert().values(
            incident_id=row.incident_id, at=row.at, who=row.user_name, role=row.role, user_id=row.user_id,
            action="accept" if target == "accepted" else "reject", from_step=step, to_step=target,
            reason=row.reason, note=row.note,
        ))


def _chain_the_access_log(connection: sa.Connection) -> None:
    """What the access log said is what the chain begins with."""
    moment = UtcDateTime()
    columns = ("who", "unit", "role", "user_id", "token_id", "client", "action", "object", "incident_id", "reason",
               "content_sha256")
    audit = sa.table("audit", sa.column("at", moment), *map(sa.column, ("sequence", *columns, "previous", "hash")))
    rows = connection.execute(
        sa.text(
            "SELECT at, who, role, user_id, token_id, client, action, incident_id, name, purpose "
            "FROM access_log ORDER BY id"
        ).columns(at=moment)
    ).all()
    previous = GENESIS
    for sequence, row in enumerate(rows, 1):
        path = f"/v1/incidents/{row.incident_id}/"
        entry = {
            **{key: getattr(row, key, None) for key in columns},
            "object": path + (f"evidence/{row.name}" if row.name else "package"),
            "reason": row.purpose,
            "sequence": sequence,
            "previous": previous,
        }
        previous = hash_of(entry | {"at": exact_text(row.at)})
        connection.execute(audit.insert().values(**entry, at=row.at, hash=previous))
    head = sa.table("audit_head", *map(sa.column, ("id", "sequence", "hash")))
    connection.execute(head.insert().values(id=1, sequence=len(rows), hash=previous))
