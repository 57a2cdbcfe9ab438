"""What is measured of workers and cameras."""

import logging
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api.clock import now
from api.storage.database import Database
from api.storage.tables import CameraHealth, WorkerReport

_LOG = logging.getLogger(__name__)


class FleetCounts(Collector):
    """Counted when somebody asks.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Cameras by condition; of workers, how long they have been silent; nothing while the database is away."""
        cameras = GaugeMetricFamily("streetwarden_cameras", "Cameras, by condition", labels=["condition"])
        silent = GaugeMetricFamily(
            "streetwarden_worker_silent_seconds", "Since a worker's last word", labels=["worker", "id"]
        )
        moment = now()
        try:
            with self._database.read() as session:
                counted = select(CameraHealth.condition, func.count()).group_by(CameraHealth.condition)
                for condition, count in session.execute(counted):
                    cameras.add_metric([condition], count)
                for worker in session.scalars(select(WorkerReport)):
                    # Two on one machine, and one that was set up anew, have the same name.
                    silent.add_metric([worker.name, worker.id], (moment - worker.seen_at).total_seconds())
        except SQLAlchemyError:
            _LOG.exception("cameras and workers can't be counted")
            return
        yield cameras
        yield silent
