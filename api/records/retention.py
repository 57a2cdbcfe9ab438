"""Deleting footage whose time is over. The record of the case stays: what was seen, who did what, and that this was done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from api.casework.desk import Desk
from api.casework.workflow import Step
from api.casework.workflow_settings import RETENTION_DAYS_MIN
from api.intake import resumable
from api.parts import Parts
from api.records.audit import Actor
from api.schema import content_digest
from api.settings import Settings
from api.storage.leftovers import remove_unused
from api.storage.tables import EvidenceFile, Incident

RECORD_TYPES = ("application/json",)
"""Tracks, completeness, the worker's record: numbers about footage, not footage."""


@dataclass(frozen=True)
class Deleted:
    """What one run has deleted, or would have.

    Attributes:
        cases: Ids of the incidents.
        files: How many files; those that another case has as well stay on the disk.
        size_bytes: Their size.
    """

    cases: tuple[str, ...]
    files: int
    size_bytes: int


def over_at(step: Step, step_at: datetime, received_at: datetime, days: Mapping[Any, int | None]) -> datetime | None:
    """When a case's footage has been kept for long enough; None: it is kept.

    Args:
        step: Where the case stands; for a part of another case, where that one stands.
        step_at: Since when.
        received_at: When its first revision came: no rule goes below the law's least time after it.
        days: The department's table.
    """
    kept_days = days.get(step.value)
    if kept_days is None:
        return None
    return max(step_at + timedelta(days=kept_days), received_at + timedelta(days=RETENTION_DAYS_MIN))


def run(parts: Parts, actor: Actor, moment: datetime, *, dry_run: bool = False) -> Deleted:
    """Deletes the footage of all cases whose time is over and that are not on hold, one transaction per case.

    What is left of uploads that never became whole goes with it.

    Args:
        parts: The application's.
        actor: Who asked for it.
        moment: Now.
        dry_run: Only say what would be deleted.
    """
    while not dry_run and resumable.forget_old(parts, moment):
        pass
    with parts.database.read() as session:
        found = list(_over(session, parts.settings, moment))
    cases: list[str] = []
    files = size_bytes = 0
    for incident_id in found:
        with parts.database.write() as session:
            gone = _delete(session, parts, actor, incident_id, moment, dry_run=dry_run)
        if gone:
            cases.append(incident_id)
            files += len(gone)
            size_bytes += sum(gone.values())
    return Deleted(tuple(cases), files, size_bytes)


def _over(session: Session, settings: Settings, moment: datetime) -> Iterator[str]:
    """Cases that may be over; looked at once more, with their row held, before anything is deleted."""
    lead = aliased(Incident)
    earliest = moment - timedelta(days=RETENTION_DAYS_MIN)
    has_footage = select(EvidenceFile.name).where(
        EvidenceFile.incident_id == Incident.id,
        EvidenceFile.deleted_at.is_(None),
        EvidenceFile.media_type.not_in(RECORD_TYPES),
    )
    rows = session.execute(
        select(Incident, lead)
        .outerjoin(lead, Incident.merged_into == lead.id)
        .where(
            Incident.received_at <= earliest,
            Incident.step_at <= earliest,
            Incident.hold_reason.is_(None),
            or_(lead.id.is_(None), lead.hold_reason.is_(None)),
            has_footage.exists(),
        )
        .order_by(Incident.received_at)
        .execution_options(yield_per=500)
    )
    for incident, leading in rows:
        if is_over(settings, incident, leading, moment):
            yield incident.id


def is_over(settings: Settings, incident: Incident, leading: Incident | None, moment: datetime) -> bool:
    """Whether a case's footage may go: neither it nor the case that leads it is on hold, and its time is over."""
    case = leading or incident
    if incident.hold_reason or case.hold_reason:
        return False
    over = over_at(Step(case.step), case.step_at, incident.received_at, settings.retention_days)
    return over is not None and over <= moment


def _delete(
    session: Session, parts: Parts, actor: Actor, incident_id: str, moment: datetime, *, dry_run: bool
) -> dict[str, int]:
    """Deletes one case's footage; gives name and size of each file."""
    incident = session.get_one(Incident, incident_id, with_for_update=True)
    leading = session.get(Incident, incident.merged_into) if incident.merged_into else None
    if not is_over(parts.settings, incident, leading, moment):
        return {}
    rows = session.scalars(
        select(EvidenceFile).where(
            EvidenceFile.incident_id == incident_id,
            EvidenceFile.deleted_at.is_(None),
            EvidenceFile.media_type.not_in(RECORD_TYPES),
        )
    ).all()
    gone = {row.name: row.size_bytes for row in rows}
    if dry_run or not gone:
        return gone
    for row in rows:
        row.deleted_at = moment
    incident.footage_deleted_at = moment
    digests = {row.name: row.sha256 for row in rows}
    desk = Desk(session, parts.settings, actor, incident, moment, cameras=None)
    step = (leading or incident).step
    desk.write("delete_footage", note=f"{len(rows)} files, as {step} cases are kept for no longer", value=None)
    desk.log("retention.delete", reason=", ".join(sorted(digests)), content_sha256=content_digest(digests))
    # Within the transaction: a crash now leaves rows whose bytes are gone, and the next run marks them.
    remove_unused(session, parts.store, set(digests.values()))
    return gone
