"""What goes when its time is over: files of finished jobs, then the jobs themselves."""

import logging
import threading
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select

from api.jobs.documents import result_lasts
from api.jobs.kinds import JobState
from api.jobs.outputs import forget
from api.parts import Parts
from api.storage.tables import Job, JobFile

EVERY = timedelta(minutes=1)
ROWS = 200
"""Of one round: the next one goes on."""

FINISHED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)

_LOG = logging.getLogger(__name__)


class Upkeep:
    """Done by the way, when workers ask for work: where nobody asks, nothing gathers either."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done_at: datetime | None = None

    def by_the_way(self, parts: Parts, moment: datetime) -> None:
        """Tidies up if that was not done within the last minute."""
        with self._lock:
            if self._done_at is not None and moment - self._done_at < EVERY:
                return
            self._done_at = moment
        tidy(parts, moment)


def tidy(parts: Parts, moment: datetime) -> tuple[int, int]:
    """Removes what is over; gives how many files and how many jobs."""
    settings = parts.settings.jobs
    kept_since = moment - timedelta(days=settings.kept_days)
    # A job that failed or was cancelled has files of which nothing will come; those of a done one are its result.
    over = (
        select(JobFile.job_id)
        .join(Job, Job.id == JobFile.job_id)
        .where(
            Job.state.in_(FINISHED),
            or_(Job.state != JobState.DONE, Job.finished_at < moment - result_lasts(settings)),
        )
    )
    old = select(Job.id).where(Job.state.in_(FINISHED), Job.finished_at < kept_since)
    with parts.database.read() as session:
        with_files = session.scalars(over.limit(ROWS)).all()
        jobs = session.scalars(old.limit(ROWS)).all()
    if not with_files and not jobs:
        return 0, 0
    with parts.database.write() as session:
        files = forget(session, parts.store, [*with_files, *jobs])
        session.execute(delete(Job).where(Job.id.in_(jobs)))
    _LOG.info("jobs: %d files and %d finished jobs are gone", files, len(jobs))
    return files, len(jobs)
