"""Work that needs pictures.

Revision: 0006
After: 0005
"""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""


def downgrade() -> None:
    """Takes them back."""
