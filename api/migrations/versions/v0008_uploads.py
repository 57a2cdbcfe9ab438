"""Files that come in parts.

Revision: 0008
After: 0007
"""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""


def downgrade() -> None:
    """Takes them back."""
