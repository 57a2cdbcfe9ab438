"""What a camera's worker leaves for its successor: the open incidents, as the worker keeps them itself.

The event system does not look into it: workers of one version understand each other, and what a worker can't read it takes up
anew.
"""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.fleet.leases import require_lease
from api.problems import Problem
from api.schema import canonical_json, content_digest
from api.storage.tables import Handover, Incident

INCIDENTS_MAX = 1000
"""More of one camera are not open at a time."""

DOCUMENT_BYTES = 900_000
"""Within any request; hundreds of open incidents."""


def leave(
    session: Session, token_id: int | None, camera: str, epoch: int, document: dict[str, Any], moment: datetime
) -> str:
    """Keeps what a worker leaves; gives its digest.

    Args:
        session: A transaction about leases.
        token_id: The worker's.
        camera: Whose incidents they are.
        epoch: Of its lease.
        document: What it leaves.
        moment: Now.

    Raises:
        Problem: 409: the camera is not the worker's; 413: too much; 422: it can't be kept.
    """
    require_lease(session, token_id, camera, epoch)
    try:
        text = canonical_json(document).decode()
    except ValueError as error:
        raise Problem(422, f"The document can't be kept: {error}.") from None
    if len(text) > DOCUMENT_BYTES:
        raise Problem(413, f"The document is too large; allowed are {DOCUMENT_BYTES} characters as JSON.")
    row = session.get(Handover, camera)
    if row is None:
        row = Handover(camera_id=camera)
        session.add(row)
    row.epoch, row.document, row.stored_at = epoch, text, moment
    row.sha256 = content_digest(document)
    return row.sha256


def left(session: Session, camera: str) -> Handover:
    """What was left.

    Raises:
        Problem: 404.
    """
    row = session.get(Handover, camera)
    if row is None:
        raise Problem(404, f"Nothing has been left for camera {camera!r}.")
    return row


def latest_revisions(session: Session, camera: str) -> dict[str, int]:
    """The latest revision of each of a camera's newest incidents: a successor's go on from there."""
    rows = session.execute(
        select(Incident.id, Incident.revision)
        .where(Incident.camera_id == camera)
        .order_by(Incident.listed_at.desc())
        .limit(INCIDENTS_MAX)
    )
    return {row.id: row.revision for row in rows}


def document_of(row: Handover) -> dict[str, Any]:
    """What was left, as it was."""
    document: dict[str, Any] = json.loads(row.document)
    return document
