"""How deliveries went, for people."""

from collections import defaultdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.notices.kinds import PING
from api.schema import as_utc_text
from api.storage.tables import Delivery, DeliveryTry, Notice

PAGE = 50


def delivery_documents(
    session: Session, webhook_id: int, *, state: str | None = None, before: int | None = None
) -> list[dict[str, Any]]:
    """Deliveries of a subscription, newest first, each with its tries.

    Args:
        session: A transaction.
        webhook_id: Whose.
        state: Only those that are so.
        before: Only those with a lower number.
    """
    query = select(Delivery, Notice).outerjoin(Notice, Notice.sequence == Delivery.sequence)
    query = query.where(Delivery.webhook_id == webhook_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    if before is not None:
        query = query.where(Delivery.id < before)
    rows = session.execute(query.order_by(Delivery.id.desc()).limit(PAGE)).all()
    tries: dict[int, list[dict[str, Any]]] = defaultdict(list)
    of_page = select(DeliveryTry).where(DeliveryTry.delivery_id.in_([delivery.id for delivery, _ in rows]))
    for row in session.scalars(of_page.order_by(DeliveryTry.id)):
        tries[row.delivery_id].append(
            {
                "at": as_utc_text(row.at),
                "status": row.status,
                "took_ms": row.took_ms,
                "error": row.error,
                "answer": row.answer,
            }
        )
    return [_document(delivery, notice, tries[delivery.id]) for delivery, notice in rows]


def _document(delivery: Delivery, notice: Notice | None, tries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "notice": notice.id if notice else f"ping-{delivery.id}",
        "type": notice.type if notice else PING,
        "subject": delivery.subject,
        "state": delivery.state,
        "created_at": as_utc_text(delivery.created_at),
        "due_at": as_utc_text(delivery.due_at) if delivery.finished_at is None else None,
        "finished_at": as_utc_text(delivery.finished_at) if delivery.finished_at else None,
        "tries": tries,
    }
