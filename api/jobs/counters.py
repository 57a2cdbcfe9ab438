"""What is counted of jobs, and how much of them waits."""

import logging
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api.clock import now
from api.storage.database import Database
from api.storage.tables import Job

_LOG = logging.getLogger(__name__)


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


class JobBacklog(Collector):
    """What waits, asked of the database when somebody looks: the same number from every process that shares it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Waiting and leased jobs by kind, and for how long the oldest one waits; nothing while the database is away."""
        waiting = GaugeMetricFamily("streetwarden_jobs_open", "Jobs that are not finished", labels=["kind", "state"])
        oldest = GaugeMetricFamily(
            "streetwarden_jobs_oldest_waiting_seconds", "For how long the oldest job waits", labels=["kind"]
        )
        moment = now()
        try:
            with self._database.read() as session:
                rows = session.execute(
                    select(Job.kind, Job.state, func.count(), func.min(Job.requested_at))
                    .where(Job.state.in_(("waiting", "leased")))
                    .group_by(Job.kind, Job.state)
                ).all()
        except SQLAlchemyError:
            _LOG.exception("the jobs that wait can't be counted")
            return
        for kind, state, count, since in rows:
            waiting.add_metric([kind, state], count)
            if state == "waiting":
                oldest.add_metric([kind], (moment - since).total_seconds())
        yield waiting
        yield oldest
