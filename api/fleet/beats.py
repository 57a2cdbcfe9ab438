"""A worker's sign of life, taken: its leases are renewed, its cameras' reports kept, and it learns what is its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.fleet import leases
from api.fleet.documents import Answer, Beat, HeldElsewhere, Lease
from api.fleet.health import take_reports
from api.fleet.leases import Holder
from api.fleet.settings import FleetSettings
from api.identity.principals import Principal
from api.problems import Problem
from api.registry.configuration import cameras_for, etag_of
from api.registry.known_cameras import make_known
from api.schema import as_utc_text
from api.storage.tables import CameraLease, Handover, WorkerReport

FORGOTTEN_AFTER = timedelta(days=7)
"""A worker that has said nothing for so long is not listed any more."""


def take_beat(session: Session, principal: Principal, beat: Beat, settings: FleetSettings, moment: datetime) -> Answer:
    """Takes a sign of life.

    Args:
        session: A transaction about leases.
        principal: Whose token it came with.
        beat: What the worker says.
        settings: How long leases last.
        moment: Now.

    Raises:
        Problem: 409: another token has just spoken for a worker of this id.
    """
    holder = Holder(beat.worker, principal.token_id)
    _keep(session, principal, beat, moment, settings.lease_s)
    wanted = beat.cameras
    if wanted is None:
        may = cameras_for(session, principal.cameras)
        wanted = leases.choose(session, holder, may, beat.capacity or 0, moment, settings.lease_s)
    make_known(session, wanted, moment)
    own, elsewhere = leases.take(session, holder, wanted, moment, settings.lease_s)
    take_reports(session, beat.worker, beat.reports, own, moment, settings.down_after_s)
    if beat.leaving:
        leases.give_back(session, holder, moment)
        own = []
    return Answer(
        leases=_documents(session, own),
        elsewhere=[
            HeldElsewhere(camera=lease.camera_id, worker=lease.worker, expires_at=as_utc_text(lease.expires_at))
            for lease in elsewhere
        ],
        lease_s=settings.lease_s,
        configuration=None if beat.cameras is not None else etag_of(session, [lease.camera_id for lease in own]),
    )


def _keep(session: Session, principal: Principal, beat: Beat, moment: datetime, lease_s: float) -> None:
    row = session.get(WorkerReport, beat.worker)
    if row is None:
        session.execute(delete(WorkerReport).where(WorkerReport.seen_at < moment - FORGOTTEN_AFTER))
        row = WorkerReport(id=beat.worker)
        session.add(row)
    elif row.token_id != principal.token_id and row.seen_at > moment - timedelta(seconds=lease_s):
        raise Problem(409, f"worker {beat.worker!r} speaks with another token; allowed is an id of one's own.")
    row.name, row.version, row.token_id = beat.name, beat.version, principal.token_id
    row.started_at, row.seen_at, row.left_at = beat.started_at, moment, moment if beat.leaving else None
    row.capacity = None if beat.leaving or beat.cameras is not None else beat.capacity
    row.report = beat.outbox.model_dump_json() if beat.outbox is not None else ""
    session.flush()


def _documents(session: Session, own: Sequence[CameraLease]) -> list[Lease]:
    left: dict[str, tuple[str, int]] = {}
    names = [lease.camera_id for lease in own]
    for start in range(0, len(names), leases.AT_ONCE):
        some = Handover.camera_id.in_(names[start : start + leases.AT_ONCE])
        rows = session.execute(select(Handover.camera_id, Handover.sha256, Handover.epoch).where(some))
        left |= {camera: (sha256, epoch) for camera, sha256, epoch in rows}
    return [
        Lease(
            camera=lease.camera_id,
            epoch=lease.epoch,
            expires_at=as_utc_text(lease.expires_at),
            handover=left[lease.camera_id][0] if lease.camera_id in left else None,
            handover_epoch=left[lease.camera_id][1] if lease.camera_id in left else None,
        )
        for lease in own
    ]
