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
    _signing_in()
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


def _signing_in() -> None:
    # An index and no constraint: for that one, SQLite would make the table anew, under the feet of all that refers to it.
    op.add_column("users", sa.Column("subject", TEXT, nullable=True))
    op.create_index(op.f("ix_users_subject"), "users", ["subject"], unique=True)
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_second_factors_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("code_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("code_sha256", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"])
    op.create_table(
        "outside_sign_ins",
        sa.Column("state_sha256", sa.String(length=64), nullable=False),
        sa.Column("nonce", TEXT, nullable=False),
        sa.Column("verifier", TEXT, nullable=False),
        sa.Column("leads_to", sa.String(length=500), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_sha256", name=op.f("pk_outside_sign_ins")),
    )
