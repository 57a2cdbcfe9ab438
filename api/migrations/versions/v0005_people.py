"""Accounts: second factor, sign-in elsewhere, tokens that end.

Revision: 0005
After: 0004
"""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""
