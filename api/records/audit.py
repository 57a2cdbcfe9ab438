"""The audit log in the database: who saw, took, changed or was refused what. Appended in the transaction of the deed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, insert, select, update
from sqlalchemy.orm import Session
from starlette.requests import Request

from api.identity.principals import Principal
from api.records.audit_chain import ENTRY_KEYS, ChainedEntry, Head, Verified, document_of, hash_of, verify
from api.storage.tables import AuditEntry, AuditHead, Base

SAME_DEED = timedelta(minutes=1)
"""A player fetches one clip in many pieces: what somebody does again within a minute, for the same reason, is one deed."""

REASON_CHARACTERS = 500
OBJECT_CHARACTERS = 300
PAGE_ROWS = 1000
"""So many entries are in memory at once while the whole log is read."""

HEAD_ID = 1

# Plain statements, made once: every revision that a worker sends passes here.
_HEAD, _LOG = (Base.metadata.tables[table.__tablename__] for table in (AuditHead, AuditEntry))
_LOCK_HEAD = select(_HEAD.c.sequence, _HEAD.c.hash).where(_HEAD.c.id == HEAD_ID).with_for_update()
_APPEND = insert(_LOG)
_MOVE_HEAD = (
    update(_HEAD).where(_HEAD.c.id == HEAD_ID).values(sequence=bindparam("new_sequence"), hash=bindparam("new_hash"))
)


@dataclass(frozen=True)
class Actor:
    """Whoever does something, as it will stand in the log."""

    name: str
    role: str
    unit: str | None = None
    user_id: int | None = None
    token_id: int | None = None
    client: str | None = None


@dataclass(frozen=True)
class Deed:
    """What was done.

    Attributes:
        action: One word, or two with a dot: `view`, `case.dispatch`.
        object: What it was done to: a path below `/v1`, mostly.
        incident_id: The case it is about.
        reason: What for.
        content_sha256: Digest (hex) of what was stored, changed or handed out.
    """

    action: str
    object: str
    incident_id: str | None = None
    reason: str | None = None
    content_sha256: str | None = None


def actor_of(principal: Principal, request: Request | None = None) -> Actor:
    """Whoever sent a request."""
    return Actor(
        name=principal.name,
        role=principal.role.value,
        unit=principal.unit,
        user_id=principal.user_id,
        token_id=principal.token_id,
        client=request.client.host if request is not None and request.client else None,
    )


def append(session: Session, actor: Actor, deed: Deed, moment: datetime) -> None:
    """Appends one entry.

    Call it last in a write transaction: from here to the commit every other writer waits for the head of the chain.

    Args:
        session: The write transaction of the deed itself, so that there is no deed without its entry.
        actor: Who.
        deed: What.
        moment: When.
    """
    connection = session.connection()
    sequence, previous = connection.execute(_LOCK_HEAD).one()
    entry = ChainedEntry(
        sequence=sequence + 1,
        at=moment,
        who=actor.name,
        unit=actor.unit,
        role=actor.role,
        user_id=actor.user_id,
        token_id=actor.token_id,
        client=actor.client,
        action=deed.action,
        object=deed.object[:OBJECT_CHARACTERS],
        incident_id=deed.incident_id,
        reason=deed.reason and deed.reason[:REASON_CHARACTERS],
        content_sha256=deed.content_sha256,
        previous=previous,
    )
    digest = hash_of(document_of(entry))
    connection.execute(_APPEND, {key: getattr(entry, key) for key in ENTRY_KEYS} | {"hash": digest})
    connection.execute(_MOVE_HEAD, {"new_sequence": entry.sequence, "new_hash": digest})


def append_once(session: Session, actor: Actor, deed: Deed, moment: datetime) -> None:
    """Appends one entry, unless it is known."""
    if not is_known(session, actor, deed, moment):
        append(session, actor, deed, moment)


def is_known(session: Session, actor: Actor, deed: Deed, moment: datetime) -> bool:
    """Whether the same person has done the same from the same address within the last minute, for the same reason."""
    row = AuditEntry
    found = session.scalar(
        select(row.sequence)
        .where(
            row.object == deed.object[:OBJECT_CHARACTERS],
            row.at > moment - SAME_DEED,
            row.action == deed.action,
            row.who == actor.name,
            row.token_id == actor.token_id,
            row.client == actor.client,
            row.reason == (deed.reason and deed.reason[:REASON_CHARACTERS]),
        )
        .limit(1)
    )
    return found is not None


def entry_document(row: AuditEntry) -> dict[str, Any]:
    """An entry with its hash, as it is exported."""
    entry = ChainedEntry(**{key: getattr(row, key) for key in ENTRY_KEYS})
    return document_of(entry) | {"hash": row.hash}


def documents(
    session: Session, *, after: int = 0, until: int | None = None, incident_id: str | None = None
) -> Iterator[dict[str, Any]]:
    """Entries in the order of the chain, a page in memory at a time.

    Args:
        session: A transaction.
        after: The number of the entry before the first one.
        until: The number of the last one; None for all there are.
        incident_id: Only what is about this case: not a whole chain then, but each entry still has its hash.
    """
    while True:
        page = session.scalars(_page(after, until, incident_id)).all()
        for row in page:
            yield entry_document(row)
            session.expunge(row)
        if len(page) < PAGE_ROWS:
            return
        after = page[-1].sequence


def head_of(session: Session) -> Head:
    """Where the log has got to."""
    row = session.execute(select(AuditHead.sequence, AuditHead.hash).where(AuditHead.id == HEAD_ID)).one()
    return Head(row.sequence, row.hash)


def verify_log(session: Session, start: Head | None = None, expected: Sequence[Head] = ()) -> Verified:
    """Checks the whole log, or what came after an entry that is known to be right.

    Args:
        session: A read transaction.
        start: The entry to begin after: a head that an earlier check has told, and that was kept elsewhere.
        expected: More such heads, of later entries.
    """
    # One statement, so that a writer between two statements can't look like a fault.
    longest = select(func.max(AuditEntry.sequence)).scalar_subquery()
    row = session.execute(select(AuditHead.sequence, AuditHead.hash, longest).where(AuditHead.id == HEAD_ID)).one()
    until, head = max(row.sequence, row[2] or 0), Head(row.sequence, row.hash)
    if start is None or start.sequence == 0:
        return verify(documents(session, until=until), head=head, expected=expected)
    # The known entry itself is read as well: it must still be there, with the hash that was kept, and be what was hashed.
    read = documents(session, after=start.sequence - 1, until=until)
    return verify(read, start=start, head=head, expected=(start, *expected))


def _page(after: int, until: int | None, incident_id: str | None) -> Select[AuditEntry]:
    conditions: list[ColumnElement[bool]] = [AuditEntry.sequence > after]
    if until is not None:
        conditions.append(AuditEntry.sequence <= until)
    if incident_id is not None:
        conditions.append(AuditEntry.incident_id == incident_id)
    return select(AuditEntry).where(*conditions).order_by(AuditEntry.sequence).limit(PAGE_ROWS)
