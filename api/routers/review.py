"""Verdicts: a case is not evidence until a named person has confirmed it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import select

from api.casework.case_flow import Demand, follow_verdict
from api.casework.cases import find_incident, review_document
from api.casework.desk import Desk
from api.casework.workflow import Action
from api.clock import now
from api.identity.principals import JudgePrincipal
from api.parts import CurrentParts
from api.problems import Problem, documented
from api.records.audit import actor_of
from api.routers.parameters import IncidentInPath
from api.storage.tables import Review

router = APIRouter(tags=["review"])


class Verdict(BaseModel):
    """What a person says about a case."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["confirm", "reject"]
    reason: Annotated[str | None, BeforeValidator(lambda value: value or None)] = Field(
        default=None, description="A code of the table; needed to reject"
    )
    note: str | None = Field(default=None, max_length=2000)
    revision: int | None = Field(
        default=None, ge=1, description="The revision that was looked at; the latest if left out"
    )


@router.post("/v1/incidents/{incident_id}/review", status_code=201, responses=documented(401, 403, 404, 413, 422))
def post_review(
    request: Request,
    incident_id: IncidentInPath,
    verdict: Verdict,
    parts: CurrentParts,
    principal: JudgePrincipal,
) -> dict[str, Any]:
    """Appends a verdict under the reviewer's name.

    Earlier ones stay in the history; the latest counts, and moves the case: a confirmation accepts it, a rejection ends
    it.
    """
    _check_reason(verdict, tuple(parts.settings.reject_reasons))
    if principal.user_id is None:
        raise Problem(403, "Only a person can review: this token acts for nobody.")
    moment = now()
    demand = Demand(
        Action.ACCEPT if verdict.verdict == "confirm" else Action.REJECT,
        reason=verdict.reason,
        note=(verdict.note or "").strip() or None,
        revision=verdict.revision,
    )
    with parts.database.write(about=incident_id) as session:
        incident = find_incident(session, principal, incident_id, for_change=True)
        is_first = session.scalar(select(Review.id).where(Review.incident_id == incident_id).limit(1)) is None
        desk = Desk(session, parts.settings, actor_of(principal, request), incident, moment, principal.cameras)
        review = follow_verdict(desk, demand)
        received_at = incident.received_at
    parts.metrics.reviews.labels(verdict.verdict).inc()
    if is_first:
        parts.metrics.review_delay_s.observe((moment - received_at).total_seconds())
    return {"id": incident_id, **review_document(review)}


def _check_reason(verdict: Verdict, allowed: tuple[str, ...]) -> None:
    if verdict.reason is None and verdict.verdict == "confirm":
        return
    if verdict.reason not in allowed:
        given = "missing" if verdict.reason is None else repr(verdict.reason)
        raise Problem(422, f"reason is {given}; allowed are {', '.join(allowed)}.", allowed=list(allowed))
