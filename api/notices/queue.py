"""The queue of deliveries in the database: filled from the log, leased by whichever process is free, at least once.

What is promised: of one subscription, notices about one subject (a case, a camera) are delivered one after the other in
the order of the log; one that was given up does not hold up those behind it. Between subjects there is no order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from api.notices.backoff import due_after
from api.notices.cloudevents import body_of, event_of, ping_of
from api.notices.log import PAGE_ROWS, read
from api.notices.subscriptions import conditions, valid_secrets, wanted_by
from api.storage.tables import Base, Delivery, DeliveryTry, Notice, Webhook

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"
STATES = (WAITING, DELIVERED, DEAD)

LEASE_S = 60.0
"""A process that died with a delivery in hand: another one tries it after this. Longer than any try takes."""

ANSWER_CHARACTERS = 200
GONE = 410

_INSERT = insert(Base.metadata.tables[Delivery.__tablename__])


@dataclass(frozen=True)
class Parcel:
    """What is sent in one try.

    Attributes:
        delivery_id: Of the queue.
        webhook_id: To whom.
        url: Where to.
        secrets: What signs it.
        message_id: The same in every try: receivers know a second one by it.
        body: A CloudEvent.
    """

    delivery_id: int
    webhook_id: int
    url: str
    secrets: tuple[str, ...]
    message_id: str
    body: str


@dataclass(frozen=True)
class Outcome:
    """What became of a try.

    Attributes:
        status: Of the answer; None when there was none.
        took_s: How long it took.
        error: Why there was no answer, in a few words.
        answer: How the answer begins.
        retry_after_s: What the receiver asked for.
    """

    status: int | None
    took_s: float
    error: str | None = None
    answer: str | None = None
    retry_after_s: float | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


def fan_out(session: Session, webhook_id: int, head: int, moment: datetime) -> int:
    """Makes the deliveries of one subscription for what is new in the log.

    Args:
        session: A write transaction.
        webhook_id: Whose.
        head: The newest notice.
        moment: Now.

    Returns:
        How many; another process that is at it leaves none.
    """
    locked = select(Webhook).where(Webhook.id == webhook_id, Webhook.enabled).with_for_update(skip_locked=True)
    webhook = session.scalar(locked)
    if webhook is None or webhook.reached >= head:
        return 0
    found = read(session, webhook.reached, *conditions(wanted_by(webhook)), until=head)
    _add(session, webhook.id, found, moment)
    # A short page means that nothing else was wanted up to the head.
    webhook.reached = found[-1].sequence if len(found) == PAGE_ROWS else head
    return len(found)


def claim(session: Session, webhook_id: int, count: int, moment: datetime, public_url: str | None) -> list[Parcel]:
    """Leases deliveries that are due; of each subject only the first one that waits.

    Args:
        session: A write transaction.
        webhook_id: Whose.
        count: At most so many.
        moment: Now.
        public_url: For links.
    """
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or not webhook.enabled:
        return []
    ahead = aliased(Delivery)
    is_behind = (
        select(ahead.id)
        .where(
            ahead.webhook_id == webhook_id,
            ahead.subject == Delivery.subject,
            ahead.state == WAITING,
            ahead.id < Delivery.id,
        )
        .exists()
    )
    due = (
        select(Delivery)
        .where(
            Delivery.webhook_id == webhook_id,
            Delivery.state == WAITING,
            Delivery.due_at <= moment,
            _is_free(moment),
            ~is_behind,
        )
        .order_by(Delivery.due_at, Delivery.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    leased = session.scalars(due).all()
    for delivery in leased:
        delivery.leased_until = moment + timedelta(seconds=LEASE_S)
        delivery.tries += 1
    return [_parcel(session, webhook, delivery, moment, public_url) for delivery in leased]


def finish(session: Session, parcel: Parcel, outcome: Outcome, moment: datetime, chance: float) -> str:
    """Writes down what became of a try.

    Returns:
        The delivery's state now, `waiting` when it will be tried again.
    """
    delivery = session.get(Delivery, parcel.delivery_id, with_for_update=True)
    if delivery is None:  # the subscription has been deleted meanwhile
        return DEAD
    session.add(
        DeliveryTry(
            delivery_id=delivery.id,
            at=moment,
            status=outcome.status,
            took_ms=round(outcome.took_s * 1000),
            error=outcome.error and outcome.error[:ANSWER_CHARACTERS],
            answer=outcome.answer and outcome.answer[:ANSWER_CHARACTERS],
        )
    )
    if delivery.state != WAITING:  # its lease had run out, and another process was quicker
        return delivery.state
    delivery.leased_until = None
    due_at = None if outcome.is_taken else due_after(moment, delivery.tries, chance, outcome.retry_after_s)
    if outcome.status == GONE:
        webhook = session.get_one(Webhook, parcel.webhook_id, with_for_update=True)
        webhook.enabled, webhook.disabled_why = False, "The receiver answered 410 Gone."
        due_at = None
    _move_those_behind(session, delivery, due_at or moment)
    if due_at is not None:
        delivery.due_at = due_at
        return WAITING
    delivery.state = DELIVERED if outcome.is_taken else DEAD
    delivery.finished_at = moment
    return delivery.state


def _move_those_behind(session: Session, delivery: Delivery, due_at: datetime) -> None:
    """What waits behind a delivery is due when that one is: else a long queue is looked through twice a second in vain."""
    behind = update(Delivery).where(
        Delivery.webhook_id == delivery.webhook_id,
        Delivery.subject == delivery.subject,
        Delivery.state == WAITING,
        Delivery.id > delivery.id,
    )
    session.execute(behind.values(due_at=due_at).execution_options(synchronize_session=False))


def replay(
    session: Session, webhook: Webhook, moment: datetime, *chosen: ColumnElement[bool], limit: int
) -> int | None:
    """Queues notices once more, of those that the subscription asks for.

    Args:
        session: A write transaction.
        webhook: Whose.
        moment: Now.
        chosen: Which ones.
        limit: At most so many.

    Returns:
        How many; None when there are more than the limit, and then nothing is queued.
    """
    found = read(session, 0, *conditions(wanted_by(webhook)), *chosen, limit=limit + 1)
    if len(found) > limit:
        return None
    _add(session, webhook.id, found, moment)
    return len(found)


def add_ping(session: Session, webhook_id: int, moment: datetime) -> Delivery:
    """Queues a try-out."""
    ping = Delivery(**_row(webhook_id, None, f"webhooks/{webhook_id}", moment))
    session.add(ping)
    session.flush()
    return ping


def due_webhooks(moment: datetime) -> Select[int]:
    """The subscriptions that have something due."""
    return (
        select(Webhook.id)
        .where(
            Webhook.enabled,
            select(Delivery.id)
            .where(
                Delivery.webhook_id == Webhook.id,
                Delivery.state == WAITING,
                Delivery.due_at <= moment,
                _is_free(moment),
            )
            .exists(),
        )
        .order_by(Webhook.id)
    )


def backlog(session: Session) -> dict[str, int]:
    """How many deliveries wait, and how many were given up and not replayed or pruned."""
    states = select(Delivery.state, func.count()).where(Delivery.state != DELIVERED).group_by(Delivery.state)
    return {WAITING: 0, DEAD: 0, **dict(session.execute(states).all())}


def _is_free(moment: datetime) -> ColumnElement[bool]:
    return or_(Delivery.leased_until.is_(None), Delivery.leased_until < moment)


def _add(session: Session, webhook_id: int, notices: Sequence[Notice], moment: datetime) -> None:
    if notices:
        session.execute(_INSERT, [_row(webhook_id, item.sequence, item.subject, moment) for item in notices])


def _row(webhook_id: int, sequence: int | None, subject: str, moment: datetime) -> dict[str, object]:
    return {
        "webhook_id": webhook_id,
        "sequence": sequence,
        "subject": subject,
        "state": WAITING,
        "tries": 0,
        "due_at": moment,
        "created_at": moment,
    }


def _parcel(session: Session, webhook: Webhook, delivery: Delivery, moment: datetime, public_url: str | None) -> Parcel:
    if delivery.sequence is None:
        event = ping_of(delivery.id, webhook.id, delivery.created_at, public_url)
    else:
        event = event_of(session.get_one(Notice, delivery.sequence), public_url)
    return Parcel(delivery.id, webhook.id, webhook.url, valid_secrets(webhook, moment), event["id"], body_of(event))
