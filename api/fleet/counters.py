"""What is measured of workers and cameras."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.counted import Counted
from api.storage.tables import CameraHealth, WorkerReport


class FleetCounts(Counted):
    """How cameras do, and which workers are silent."""

    def counted(self, session: Session, moment: datetime) -> Iterator[Metric]:
        """Cameras by condition; of workers that have not said good-bye, how long they have been silent."""
        cameras = GaugeMetricFamily("streetwarden_cameras", "Cameras, by condition", labels=["condition"])
        for condition, count in session.execute(
            select(CameraHealth.condition, func.count()).group_by(CameraHealth.condition)
        ):
            cameras.add_metric([condition], count)
        yield cameras
        silent = GaugeMetricFamily(
            "streetwarden_worker_silent_seconds",
            "Since the last word of a worker that has not left",
            labels=["worker", "id"],
        )
        for worker in session.scalars(select(WorkerReport).where(WorkerReport.left_at.is_(None))):
            # Two on one machine, and one that was set up anew, have the same name.
            silent.add_metric([worker.name, worker.id], (moment - worker.seen_at).total_seconds())
        yield silent
