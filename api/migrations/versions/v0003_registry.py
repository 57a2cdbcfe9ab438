"""Areas, and what is watched, with its history.

Revision: 0003
After: 0002
"""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""


def downgrade() -> None:
    """Takes them back."""
