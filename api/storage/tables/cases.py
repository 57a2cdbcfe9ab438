"""Incidents with their revisions and files, and what people do to a case."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import BigInteger, Connection, ForeignKey, Index, SmallInteger, String, Text, event, text
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from api.storage.tables.base import Base

_HELD = "hold_reason IS NOT NULL"
_ASSIGNED = "assignee_id IS NOT NULL"
_ORDERS = {"newest": ("listed_at", "id"), "queue": ("queue_rank", "urgency", "listed_at", "id")}
_FILTERED_BY = ("camera_id", "step", "assignee_id", "type", "zone", "state", "verdict", "due_at")


def _listed(name: str, first: str | None = None, where: str | None = None) -> Iterator[Index]:
    """Of each order an index that begins with what the list is narrowed to, and has all other filters behind the order.

    So a row is fetched only to be shown, never to be left out.
    """
    condition = None if where is None else text(where)
    for order, keys in _ORDERS.items():
        begins = (first, *keys) if first else keys
        yield Index(
            f"ix_incidents_{name}_{order}",
            *(*begins, *(column for column in _FILTERED_BY if column != first)),
            sqlite_where=condition,
            postgresql_where=condition,
        )


class Incident(Base):
    """The latest state of one incident and its case, as far as lists and the queue need it.

    What a worker said is in the revisions, whole; what people did is in the reviews and case events. `queue_rank` is set
    by `_rank`: it and the columns behind it in an index are the order of the queue.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        *_listed("all"),
        *_listed("of_cameras", "camera_id"),
        *_listed("at_steps", "step"),
        *_listed("assigned", "assignee_id", _ASSIGNED),
        Index(None, "due_at"),
        Index(None, "merged_into"),
        Index("ix_incidents_held", "id", sqlite_where=text(_HELD), postgresql_where=text(_HELD)),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    zone: Mapped[str]
    type: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int]
    listed_at: Mapped[datetime]
    urgency: Mapped[float]
    verdict: Mapped[str | None]
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    queue_rank: Mapped[int] = mapped_column(SmallInteger)
    step: Mapped[str]
    step_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    handled_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("incidents.id"))
    hold_reason: Mapped[str | None] = mapped_column(String(500))
    footage_deleted_at: Mapped[datetime | None]


RANK_MERGED, RANK_CANDIDATE, RANK_REVIEWED, RANK_WAITING = 0, 1, 2, 3
"""The queue from its end to its beginning: what waits for a person comes first. What no worker has confirmed, and what is
part of another case, is not in it at all."""


@event.listens_for(Incident, "before_insert")
@event.listens_for(Incident, "before_update")
def _rank(_mapper: Mapper[Incident], _connection: Connection, incident: Incident) -> None:
    if incident.step == "merged":
        incident.queue_rank = RANK_MERGED
    elif incident.state == "candidate":
        incident.queue_rank = RANK_CANDIDATE
    else:
        incident.queue_rank = RANK_WAITING if incident.verdict is None else RANK_REVIEWED


class IncidentRevisionRow(Base):
    """One revision as it came, for ever."""

    __tablename__ = "incident_revisions"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))


class EvidenceFile(Base):
    """A stored file of evidence; its bytes lie in the evidence store under their hash.

    A retention rule deletes the bytes in the end: the row stays, and says when.
    """

    __tablename__ = "evidence_files"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    received_at: Mapped[datetime]
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"))
    deleted_at: Mapped[datetime | None]


class Review(Base):
    """A verdict of a person. Verdicts are appended, never changed; the latest counts."""

    __tablename__ = "reviews"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    revision: Mapped[int]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user_name: Mapped[str]
    reviewed_at: Mapped[datetime]


class CaseEvent(Base):
    """What somebody did to a case; appended, never changed (the database refuses it)."""

    __tablename__ = "case_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    at: Mapped[datetime]
    who: Mapped[str]
    unit: Mapped[str | None]
    role: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str]
    from_step: Mapped[str | None]
    to_step: Mapped[str | None]
    reason: Mapped[str | None]
    note: Mapped[str | None] = mapped_column(Text)
    value: Mapped[str | None]


class CaseTag(Base):
    """A word that people find a case by."""

    __tablename__ = "case_tags"
    __table_args__ = (Index(None, "tag", "incident_id"),)

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class CaseLock(Base):
    """Who is at a case right now; it runs out by itself."""

    __tablename__ = "case_locks"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    user_name: Mapped[str]
    expires_at: Mapped[datetime]


class CasePhoto(Base):
    """A picture that a person took of what was done; its bytes are a file of evidence of the same name."""

    __tablename__ = "case_photos"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user_name: Mapped[str]
    added_at: Mapped[datetime]
