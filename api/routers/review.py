"""Verdicts: a case is not evidence until a named person has confirmed it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import select

from api.cases import find_incident, review_document
from api.clock import now
from api.parts import CurrentParts
from api.principals import JudgePrincipal
from api.problems import Problem, documented
from api.routers.paths import IncidentInPath
from api.tables import Incident, Review

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
    incident_id: IncidentInPath,
    verdict: Verdict,
    parts: CurrentParts,
    principal: JudgePrincipal,
) -> dict[str, Any]:
    """Appends a verdict under the reviewer's name. Earlier ones stay in the history; the latest counts."""
    _check_reason(verdict, tuple(parts.settings.reject_reasons))
    if principal.user_id is None:
        raise Problem(403, "Only a person can review: this token acts for nobody.")
    moment = now()
    with parts.database.write() as session:
        incident = find_incident(session, principal, incident_id)
        _check_revision(verdict, incident)
        is_first = session.scalar(select(Review.id).where(Review.incident_id == incident_id).limit(1)) is None
        review = Review(
            incident_id=incident_id,
            revision=verdict.revision or incident.revision,
            verdict=verdict.verdict,
            reason=verdict.reason,
            note=(verdict.note or "").strip() or None,
            user_id=principal.user_id,
            user_name=principal.name,
            reviewed_at=moment,
        )
        session.add(review)
        incident.verdict = verdict.verdict
        incident.updated_at = moment
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


def _check_revision(verdict: Verdict, incident: Incident) -> None:
    if verdict.revision is not None and verdict.revision > incident.revision:
        raise Problem(422, f"revision is {verdict.revision}; the latest is {incident.revision}.")
