"""How cameras do: reports as they come, and what is told when a condition changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from api.fleet.conditions import DOWN, ENDED, OK, Condition, condition_of
from api.fleet.documents import CameraReport
from api.notices.telling import tell_camera
from api.scrub import scrub_text
from api.storage.tables import CameraHealth, CameraLease

RECOVERED = "recovered"
UNWATCHED = "No worker watches it."


def take_reports(
    session: Session,
    worker: str,
    reports: Sequence[CameraReport],
    leases: Sequence[CameraLease],
    moment: datetime,
    down_after_s: float,
) -> None:
    """Keeps what a worker says of the cameras that are its own, and tells what has changed.

    Args:
        session: A transaction about leases.
        worker: Who says it.
        reports: What it says; of cameras that are not its own nothing is taken.
        leases: Its own.
        moment: Now.
        down_after_s: Without pictures for so long, a camera is down.
    """
    held = {lease.camera_id: lease for lease in leases}
    taken = [report for report in reports if report.camera in held]
    names = [report.camera for report in taken]
    known = {
        row.camera_id: row for row in session.scalars(select(CameraHealth).where(CameraHealth.camera_id.in_(names)))
    }
    for report in taken:
        held_s = (moment - held[report.camera].granted_at).total_seconds()
        row = known.get(report.camera)
        if row is None:
            row = CameraHealth(camera_id=report.camera, condition=OK, since=moment)
            session.add(row)
        row.worker, row.seen_at = worker, moment
        row.report = _cleaned(report).model_dump_json()
        _change(session, row, condition_of(report, held_s, down_after_s), moment)


def unwatched(session: Session, moment: datetime, down_after_s: float) -> Sequence[CameraHealth]:
    """The cameras that no worker has had for a while, and of which that has not been told."""
    before = moment - timedelta(seconds=down_after_s)
    chosen = (
        select(CameraHealth)
        .outerjoin(CameraLease, CameraLease.camera_id == CameraHealth.camera_id)
        .where(
            CameraHealth.condition.not_in((DOWN, ENDED)),
            or_(CameraLease.expires_at.is_(None), CameraLease.expires_at <= before),
        )
    )
    return session.scalars(chosen).all()


def find_unwatched(session: Session, moment: datetime, down_after_s: float) -> int:
    """Tells of cameras that no worker has had for a while; gives how many were found anew.

    Args:
        session: A transaction about leases.
        moment: Now.
        down_after_s: How long a while is.
    """
    rows = unwatched(session, moment, down_after_s)
    for row in rows:
        _change(session, row, Condition(DOWN, UNWATCHED), moment)
    return len(rows)


def forget(session: Session, camera: str) -> None:
    """A camera that the registry has no longer is not missed."""
    row = session.get(CameraHealth, camera)
    if row is not None:
        session.delete(row)


def _change(session: Session, row: CameraHealth, condition: Condition, moment: datetime) -> None:
    if condition.name == row.condition:
        return
    was_fault = row.condition not in (OK, ENDED)
    row.condition, row.since = condition.name, moment
    if condition.name not in (OK, ENDED):
        detail = None if condition.detail is None else scrub_text(condition.detail)
        tell_camera(session, row.camera_id, condition.name, moment, moment, detail)
    elif was_fault:
        tell_camera(session, row.camera_id, RECOVERED, moment, moment)


def _cleaned(report: CameraReport) -> CameraReport:
    return report.model_copy(
        update={
            name: scrub_text(text)
            for name, text in (("last_error", report.last_error), ("refused", report.refused))
            if text is not None
        }
    )
