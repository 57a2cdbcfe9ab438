"""What is only appended to can't be replaced either.

Revision: 0009
After: 0008
"""

from alembic import op

from api.storage.append_only import refuse_replacing

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the tables forward."""
    for table in ("audit", "case_events", "reviews", "incident_revisions", "notices", "registry_versions"):
        refuse_replacing(op.get_bind(), table)
