"""Leases of cameras and how they do.

Revision: 0005
After: 0004
"""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""


def downgrade() -> None:
    """Takes them back."""
