"""The log of notices in the database: appended in the transaction of what caused them, read by number.

A number is drawn while the head of the audit chain is held, which every change holds until it has committed. So numbers
become visible in their order, without gaps, also with several processes on PostgreSQL, whose own sequences promise
neither: a reader that has got to a number has missed nothing below it.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.orm import Session

from api.identity.principals import Principal
from api.notices.kinds import KINDS, Data
from api.schema import canonical_json
from api.storage.tables import AuditHead, Base, Notice

PAGE_ROWS = 200
"""So many notices are read at once: a second's worth of a city."""

# Plain statements, made once: every revision that a worker sends passes here.
_TURN = select(AuditHead.sequence).with_for_update()
_LAST = select(func.coalesce(func.max(Notice.sequence), 0))
_APPEND = insert(Base.metadata.tables[Notice.__tablename__])


def append(session: Session, kinds: Sequence[str], subject: str, camera_id: str, data: Data, moment: datetime) -> None:
    """Appends a notice of each of some kinds.

    Call it late in a write transaction: from here to the commit every other writer waits.

    Args:
        session: The write transaction of what it tells.
        kinds: Some of `KINDS`, one after the other.
        subject: What it is about, as a path below `/v1`.
        camera_id: The camera it is about or from: who may see that one may see the notice.
        data: What they carry.
        moment: When.
    """
    if strange := sorted({*kinds} - {*KINDS}):
        raise ValueError(f"kinds {', '.join(strange)} are none of ours")
    session.flush()
    connection = session.connection()
    connection.execute(_TURN)
    last = int(connection.execute(_LAST).scalar_one())
    body = canonical_json(data.model_dump(exclude_none=True)).decode()
    rows = [
        {
            "sequence": sequence,
            "id": str(uuid.uuid4()),
            "type": kind,
            "subject": subject,
            "camera_id": camera_id,
            "at": moment,
            "data": body,
        }
        for sequence, kind in enumerate(kinds, start=last + 1)
    ]
    connection.execute(_APPEND, rows)


def head_of(session: Session) -> int:
    """The number of the newest notice; 0 when there is none."""
    return int(session.scalar(_LAST) or 0)


def read(
    session: Session, after: int, *conditions: ColumnElement[bool], limit: int = PAGE_ROWS, until: int | None = None
) -> Sequence[Notice]:
    """Notices in their order.

    Args:
        session: A transaction.
        after: The number before the first one.
        conditions: What else they have to be.
        limit: At most so many.
        until: The number of the last one; None for all there are.
    """
    query = select(Notice).where(Notice.sequence > after, *conditions)
    if until is not None:
        query = query.where(Notice.sequence <= until)
    return session.scalars(query.order_by(Notice.sequence).limit(limit)).all()


def visible_to(principal: Principal) -> list[ColumnElement[bool]]:
    """What a notice has to be so that somebody may see it."""
    return [] if principal.cameras is None else [Notice.camera_id.in_(sorted(principal.cameras))]
