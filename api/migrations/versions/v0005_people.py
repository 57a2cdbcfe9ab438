"""Areas that people and tokens are restricted to; tokens that end and are renewed.

Revision: 0005
After: 0004
"""

import sqlalchemy as sa
from alembic import op

from api.storage.tables import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.String(length=200)


def upgrade() -> None:
    """Brings the tables forward."""
    op.add_column("tokens", sa.Column("expires_at", UtcDateTime(), nullable=True))
    op.create_table(
        "former_secrets",
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["tokens.id"], name=op.f("fk_former_secrets_token_id_tokens"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_former_secrets")),
    )
    op.create_index(op.f("ix_former_secrets_token_id"), "former_secrets", ["token_id"])
    for owner in ("user", "token"):
        op.create_table(
            f"{owner}_areas",
            sa.Column(f"{owner}_id", sa.Integer(), nullable=False),
            sa.Column("area", TEXT, nullable=False),
            sa.ForeignKeyConstraint(
                [f"{owner}_id"],
                [f"{owner}s.id"],
                name=op.f(f"fk_{owner}_areas_{owner}_id_{owner}s"),
                ondelete="CASCADE",
            ),
            sa.PrimaryKeyConstraint(f"{owner}_id", "area", name=op.f(f"pk_{owner}_areas")),
        )
