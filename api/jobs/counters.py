"""What is counted of jobs, and how much of them waits."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.counted import Counted
from api.storage.tables import Job


class JobMetrics:
    """The counters, in the registry of their application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.done = Counter("streetwarden_jobs_done", "Jobs that workers have done", ["kind"], registry=registry)
        self.attempts_failed = Counter(
            "streetwarden_job_attempts_failed", "Attempts that came to nothing", ["kind"], registry=registry
        )
        self.failed = Counter(
            "streetwarden_jobs_failed", "Jobs given up after their last attempt", ["kind"], registry=registry
        )


class JobBacklog(Counted):
    """What waits."""

    def counted(self, session: Session, moment: datetime) -> Iterator[Metric]:
        """Waiting and leased jobs by kind, and for how long the oldest one waits."""
        waiting = GaugeMetricFamily("streetwarden_jobs_open", "Jobs that are not finished", labels=["kind", "state"])
        oldest = GaugeMetricFamily(
            "streetwarden_jobs_oldest_waiting_seconds", "For how long the oldest job waits", labels=["kind"]
        )
        rows = session.execute(
            select(Job.kind, Job.state, func.count(), func.min(Job.requested_at))
            .where(Job.state.in_(("waiting", "leased")))
            .group_by(Job.kind, Job.state)
        )
        for kind, state, count, since in rows:
            waiting.add_metric([kind, state], count)
            if state == "waiting":
                oldest.add_metric([kind], (moment - since).total_seconds())
        yield waiting
        yield oldest
