"""What is measured of cases: how much waits for people."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from api.counted import Counted
from api.storage.tables import RANK_WAITING, Incident


class CaseCounts(Counted):
    """Cases that wait for somebody."""

    def counted(self, session: Session, moment: datetime) -> Iterator[Metric]:
        """Incidents that nobody has reviewed, and cases whose step should be over by now."""
        for name, what, which in (
            ("streetwarden_cases_to_review", "Incidents without a verdict", Incident.queue_rank == RANK_WAITING),
            ("streetwarden_cases_overdue", "Cases whose step should be over by now", Incident.due_at < moment),
        ):
            yield GaugeMetricFamily(name, what, value=_count(session, which))


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Incident).where(which)) or 0
