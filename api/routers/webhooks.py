"""Subscriptions of other systems: who is told what, where it goes, and how it went."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from api.clock import now
from api.identity.principals import ChiefPrincipal, Principal
from api.notices import queue
from api.notices.delivery_log import PAGE, delivery_documents
from api.notices.log import head_of
from api.notices.receivers import check_receiver
from api.notices.sending import RefusedError
from api.notices.subscriptions import listed, new_secret, rotate, wanted_by
from api.parts import CurrentParts
from api.problems import Problem, documented
from api.records.audit import Deed, actor_of, append
from api.routers.webhook_bodies import (
    Deliveries,
    NewWebhook,
    Queued,
    Replay,
    Rotation,
    WebhookChange,
    WebhookDocument,
    Webhooks,
)
from api.schema import as_utc_text, content_digest
from api.settings import Settings
from api.storage.tables import Delivery, Notice, Webhook

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

WEBHOOKS_MAX = 100
"""Systems that a city connects are counted on two hands; each costs a filter per notice."""

REPLAY_MAX = 10_000
"""Notices of one replay: a city's day, queued in one transaction."""

INTEGER_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1

WebhookInPath = Annotated[int, Path(ge=1, le=INTEGER_MAX, description="The subscription's number")]

_ERRORS = documented(401, 403, 404, 413, 422)


@router.post("", status_code=201, responses=documented(401, 403, 409, 413, 422))
def post_webhook(request: Request, body: NewWebhook, parts: CurrentParts, principal: ChiefPrincipal) -> WebhookDocument:
    """Subscribes another system to what happens from now on. The secret in the answer is shown this once."""
    _check_url(body.url, parts.settings)
    with parts.database.write() as session:
        if (session.scalar(select(func.count()).select_from(Webhook)) or 0) >= WEBHOOKS_MAX:
            raise Problem(409, f"There are {WEBHOOKS_MAX} subscriptions, and no more are taken.")
        webhook = Webhook(
            name=body.name,
            url=body.url,
            types=listed(body.types),
            cameras=listed(body.cameras),
            secret=new_secret(),
            enabled=body.enabled,
            reached=head_of(session),
            created_at=now(),
            created_by=principal.name,
        )
        session.add(webhook)
        session.flush()
        _log(session, principal, request, "create", webhook)
        return _document(webhook, {}, secret=webhook.secret)


@router.get("", responses=documented(401, 403))
def get_webhooks(parts: CurrentParts, _principal: ChiefPrincipal) -> Webhooks:
    """All subscriptions."""
    with parts.database.read() as session:
        counts = _counts(session)
        found = session.scalars(select(Webhook).order_by(Webhook.id))
        return Webhooks(webhooks=[_document(webhook, counts) for webhook in found])


@router.get("/{webhook_id}", responses=documented(401, 403, 404, 422))
def get_webhook(webhook_id: WebhookInPath, parts: CurrentParts, _principal: ChiefPrincipal) -> WebhookDocument:
    """One subscription."""
    with parts.database.read() as session:
        return _document(_find(session, webhook_id), _counts(session))


@router.patch("/{webhook_id}", responses=_ERRORS)
def patch_webhook(
    request: Request,
    webhook_id: WebhookInPath,
    body: WebhookChange,
    parts: CurrentParts,
    principal: ChiefPrincipal,
) -> WebhookDocument:
    """Changes a subscription, or switches it on or off."""
    if body.url is not None:
        _check_url(body.url, parts.settings)
    with parts.database.write() as session:
        webhook = _find(session, webhook_id, for_change=True)
        webhook.name, webhook.url = body.name or webhook.name, body.url or webhook.url
        if body.types is not None:
            webhook.types = listed(body.types)
        if body.cameras is not None:
            webhook.cameras = listed(body.cameras)
        if body.enabled is not None:
            webhook.enabled, webhook.disabled_why = body.enabled, None
        session.flush()
        document = _document(webhook, _counts(session))
        _log(session, principal, request, "change", webhook)
        return document


@router.delete("/{webhook_id}", status_code=204, responses=documented(401, 403, 404, 422))
def delete_webhook(
    request: Request, webhook_id: WebhookInPath, parts: CurrentParts, principal: ChiefPrincipal
) -> Response:
    """Ends a subscription; what waits for it is not delivered any more, and how deliveries went is forgotten."""
    with parts.database.write() as session:
        webhook = _find(session, webhook_id, for_change=True)
        _log(session, principal, request, "delete", webhook)
        session.execute(delete(Webhook).where(Webhook.id == webhook_id))
    return Response(status_code=204)


@router.post("/{webhook_id}/secret", status_code=201, responses=_ERRORS)
def post_secret(
    request: Request, webhook_id: WebhookInPath, body: Rotation, parts: CurrentParts, principal: ChiefPrincipal
) -> WebhookDocument:
    """Gives a subscription a new secret, shown this once; meanwhile both sign, so that the receiver can change over."""
    moment = now()
    with parts.database.write() as session:
        webhook = _find(session, webhook_id, for_change=True)
        secret = rotate(webhook, moment + timedelta(hours=body.overlap_hours))
        session.flush()
        document = _document(webhook, _counts(session), secret=secret)
        _log(session, principal, request, "secret", webhook)
        return document


@router.post("/{webhook_id}/ping", status_code=202, responses=documented(401, 403, 404, 409, 422))
def post_ping(request: Request, webhook_id: WebhookInPath, parts: CurrentParts, principal: ChiefPrincipal) -> Queued:
    """Sends a try-out; `GET …/deliveries` says how it went."""
    with parts.database.write() as session:
        webhook = _find(session, webhook_id, for_change=True)
        if not webhook.enabled:
            raise Problem(409, f"Subscription {webhook_id} is switched off.")
        queue.add_ping(session, webhook_id, now())
        _log(session, principal, request, "ping", webhook)
    return Queued(queued=1)


@router.post("/{webhook_id}/replay", status_code=202, responses=_ERRORS)
def post_replay(
    request: Request, webhook_id: WebhookInPath, body: Replay, parts: CurrentParts, principal: ChiefPrincipal
) -> Queued:
    """Delivers once more what the subscription asks for, under the same ids: what came already is known as such."""
    chosen: list[ColumnElement[bool]] = [Notice.id.in_(body.ids)] if body.ids is not None else []
    if body.from_ is not None:
        chosen.append(Notice.at >= body.from_)
    if body.until is not None:
        chosen.append(Notice.at < body.until)
    with parts.database.write() as session:
        webhook = _find(session, webhook_id, for_change=True)
        queued = queue.replay(session, webhook, now(), *chosen, limit=REPLAY_MAX)
        if queued is None:
            raise Problem(
                422, f"These are more than {REPLAY_MAX} notices: choose a shorter span, and go on from its end."
            )
        _log(session, principal, request, "replay", webhook)
    return Queued(queued=queued)


@router.get("/{webhook_id}/deliveries", responses=documented(401, 403, 404, 422))
def get_deliveries(
    webhook_id: WebhookInPath,
    parts: CurrentParts,
    _principal: ChiefPrincipal,
    state: Annotated[Literal["waiting", "delivered", "dead"] | None, Query()] = None,
    before: Annotated[int | None, Query(ge=1, le=LONG_MAX, description="`next` of the page before")] = None,
) -> Deliveries:
    """How deliveries went, newest first, each with its tries. Kept for 30 days."""
    with parts.database.read() as session:
        _find(session, webhook_id)
        found = delivery_documents(session, webhook_id, state=state, before=before)
    return Deliveries(deliveries=found, next=found[-1]["id"] if len(found) == PAGE else None)


def _check_url(url: str, settings: Settings) -> None:
    """Looks whether notices may go there.

    Raises:
        Problem: 422.
    """
    try:
        check_receiver(url, settings)
    except RefusedError as error:
        raise Problem(422, f"url: {error}") from None


def _find(session: Session, webhook_id: int, *, for_change: bool = False) -> Webhook:
    """Finds a subscription.

    Raises:
        Problem: 404.
    """
    webhook = session.get(Webhook, webhook_id, with_for_update=for_change)
    if webhook is None:
        raise Problem(404, f"There is no subscription {webhook_id}.")
    return webhook


def _counts(session: Session) -> dict[tuple[int, str], int]:
    """How many deliveries of each subscription wait, or were given up."""
    grouped = (
        select(Delivery.webhook_id, Delivery.state, func.count())
        .where(Delivery.state != queue.DELIVERED)
        .group_by(Delivery.webhook_id, Delivery.state)
    )
    return {(webhook_id, state): count for webhook_id, state, count in session.execute(grouped)}


def _document(webhook: Webhook, counts: Mapping[tuple[int, str], int], secret: str | None = None) -> WebhookDocument:
    wanted, until = wanted_by(webhook), webhook.previous_until
    return WebhookDocument(
        id=webhook.id,
        name=webhook.name,
        url=webhook.url,
        types=list(wanted.types),
        cameras=list(wanted.cameras),
        enabled=webhook.enabled,
        disabled_why=webhook.disabled_why,
        created_at=as_utc_text(webhook.created_at),
        created_by=webhook.created_by,
        previous_secret_until=as_utc_text(until) if until else None,
        waiting=counts.get((webhook.id, queue.WAITING), 0),
        dead=counts.get((webhook.id, queue.DEAD), 0),
        secret=secret,
    )


def _log(session: Session, principal: Principal, request: Request, done: str, webhook: Webhook) -> None:
    said = _document(webhook, {}).model_dump(include={"name", "url", "types", "cameras", "enabled"})
    deed = Deed(
        f"webhook.{done}", f"/v1/webhooks/{webhook.id}", reason=webhook.name, content_sha256=content_digest(said)
    )
    append(session, actor_of(principal, request), deed, now())
