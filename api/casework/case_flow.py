"""Moving a case from step to step: who may, what it asks for, what is written down, and what the camera does itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework.assignees import find_assignee
from api.casework.case_summary import within
from api.casework.cases import latest_document, review_document
from api.casework.desk import Desk
from api.casework.workflow import (
    ASKED_FOR,
    MOVES,
    PROOF_STILL,
    Action,
    NotAllowedError,
    Step,
    open_to,
    proof_of_clear,
    target_of,
    verdict_moves,
)
from api.casework.working_hours import due_at
from api.notices.telling import tell_verdict
from api.problems import Problem
from api.records.audit import Actor
from api.schema import IncidentState, content_digest
from api.settings import Settings
from api.storage.tables import CaseEvent, EvidenceFile, Incident, IncidentRevisionRow, Review


@dataclass(frozen=True)
class Demand:
    """What somebody wants a case to do.

    Attributes:
        action: The step to take.
        reason: A code of the action's table.
        note: What they say about it; for `handle` the feedback.
        assignee: The account it goes to.
        at_step: The step they saw it at: a case that has moved on meanwhile is not moved once more.
        revision: The revision that was looked at, for a verdict.
    """

    action: Action
    reason: str | None = None
    note: str | None = None
    assignee: str | None = None
    at_step: Step | None = None
    revision: int | None = None


def take_step(desk: Desk, demand: Demand) -> CaseEvent:
    """Moves a case on.

    Returns:
        What has been written down.

    Raises:
        Problem: 403 for their role, or for verifying what they handled themselves; 409 when the step does not allow it
            (`allowed` says what it does), somebody else holds the case, or it has moved on; 422 when something is
            missing.
    """
    desk.require(demand.action)
    incident, actor, rules = desk.incident, desk.actor, desk.settings.rules
    step = Step(incident.step)
    if demand.at_step is not None and demand.at_step is not step:
        raise _conflict(desk, f"{incident.id} is {step.value} by now, not {demand.at_step.value}.")
    try:
        target = target_of(step, demand.action)
    except NotAllowedError as error:
        raise _conflict(desk, f"{incident.id}: {error}") from None
    _require_said(desk.settings, incident, demand)
    if demand.action is Action.VERIFY and rules.verified_by_another and incident.handled_by == actor.user_id:
        raise Problem(403, f"{actor.name} handled {incident.id} and does not verify it: somebody else has to.")
    if demand.action in (Action.ACCEPT, Action.REJECT):
        add_review(desk, demand)
    if target is Step.DISCOVERED:
        incident.verdict = None
    assignee_id = incident.assignee_id
    if demand.assignee is not None:
        incident.assignee_id = find_assignee(desk, demand.assignee).id
    event = move(desk, demand, target, goes_on=target is step and incident.assignee_id == assignee_id)
    verify_by_camera(desk.session, desk.settings, incident, desk.moment)
    return event


def follow_verdict(desk: Desk, demand: Demand) -> Review:
    """Stores a verdict that was given beside the steps, and moves the case where it leads.

    Raises:
        Problem: 403: the role may not accept, or not reject, or not take up again what is over; 422: there is no such
            revision.
    """
    desk.require_role(demand.action)
    step = Step(desk.incident.step)
    leads = verdict_moves(step, verdict_of(demand.action))
    if leads is not None and step not in MOVES[demand.action]:
        # What is over is taken up again with it.
        desk.require_role(Action.REOPEN)
    review = add_review(desk, demand)
    if leads is not None:
        move(desk, demand, leads)
        verify_by_camera(desk.session, desk.settings, desk.incident, desk.moment)
    return review


def move(desk: Desk, demand: Demand, target: Step, *, goes_on: bool = False) -> CaseEvent:
    """Writes a step down that has been found allowed; who only says again what is so gets no more time for it."""
    incident = desk.incident
    origin = incident.step
    incident.step = target.value
    if not goes_on:
        incident.step_at = desk.moment
        incident.due_at = limit_of(desk.settings, incident, desk.moment)
    if target is Step.HANDLED:
        incident.handled_by = desk.actor.user_id
    return desk.write(
        demand.action,
        from_step=origin,
        to_step=target.value,
        reason=demand.reason,
        note=demand.note,
        value=demand.assignee,
    )


def add_review(desk: Desk, demand: Demand) -> Review:
    """Appends a verdict: accepting a case confirms it, and a case is not evidence until a person has done so.

    Raises:
        Problem: 403: nobody's name can stand under it; 422: there is no such revision.
    """
    incident, actor = desk.incident, desk.actor
    revision = demand.revision or incident.revision
    if desk.session.get(IncidentRevisionRow, (incident.id, revision)) is None:
        raise Problem(422, f"revision is {revision}, which never came; the latest is {incident.revision}.")
    if actor.user_id is None:
        raise Problem(403, "Only a person can review: this token acts for nobody.")
    review = Review(
        incident_id=incident.id,
        revision=revision,
        verdict=verdict_of(demand.action),
        reason=demand.reason,
        note=demand.note,
        user_id=actor.user_id,
        user_name=actor.name,
        reviewed_at=desk.moment,
    )
    desk.session.add(review)
    incident.verdict = review.verdict
    incident.updated_at = desk.moment
    desk.session.flush()
    tell_verdict(desk.session, incident, review, actor.role, actor.unit)
    digest = content_digest(review_document(review))
    desk.log(f"review.{review.verdict}", reason=review.reason, content_sha256=digest)
    return review


def verdict_of(action: Action) -> str:
    """What accepting, or rejecting, says of a case."""
    return "confirm" if action is Action.ACCEPT else "reject"


def verify_by_camera(session: Session, settings: Settings, incident: Incident, moment: datetime) -> CaseEvent | None:
    """Verifies a case when its camera saw the place clear, and says so with a still that has arrived.

    Call it whenever something has come that this hangs on: a revision, the still, a step.

    Returns:
        What has been written down; None when it is not time for it.
    """
    if Step(incident.step) not in settings.rules.camera_verifies or incident.state != IncidentState.ENDED:
        return None
    files = session.scalars(
        select(EvidenceFile).where(
            EvidenceFile.incident_id == incident.id, EvidenceFile.name == PROOF_STILL, EvidenceFile.deleted_at.is_(None)
        )
    )
    proof = proof_of_clear(latest_document(session, incident), {file.name: file.sha256 for file in files})
    if proof is None or _was_doubted(session, incident):
        return None
    camera = Actor(name=f"camera {incident.camera_id}", role="worker")
    demand = Demand(Action.VERIFY, note=f"The camera saw the place clear: {proof}")
    return move(Desk(session, settings, camera, incident, moment, cameras=None), demand, Step.VERIFIED)


def _was_doubted(session: Session, incident: Incident) -> bool:
    """Whether a person sent the case back after the camera had said that the place is clear: they know better."""
    said_at = session.get_one(IncidentRevisionRow, (incident.id, incident.revision)).received_at
    doubts = select(CaseEvent.id).where(
        CaseEvent.incident_id == incident.id,
        CaseEvent.action.in_((Action.RETURN.value, Action.REOPEN.value)),
        CaseEvent.at >= said_at,
    )
    return session.scalar(doubts.limit(1)) is not None


def limit_of(settings: Settings, incident: Incident, moment: datetime) -> datetime | None:
    """When a case has to leave the step that it came to at `moment`; None: no limit, or only a candidate so far."""
    hours = settings.time_limits.hours(Step(incident.step), incident.type)
    if hours is None or incident.state == IncidentState.CANDIDATE:
        return None
    return due_at(moment, hours, settings.calendar)


def reasons_of(settings: Settings, action: Action) -> tuple[str, ...]:
    """The codes that an action takes as its reason."""
    tables = {
        Action.REJECT: settings.reject_reasons,
        Action.RETURN: settings.return_reasons,
        Action.APPRAISE: settings.grades,
    }
    return tuple(tables.get(action, ()))


def _require_said(settings: Settings, incident: Incident, demand: Demand) -> None:
    """Checks that everything has been said that the action asks for.

    Raises:
        Problem: 422.
    """
    asked = ASKED_FOR.get(demand.action, ())
    if "note" in asked and not demand.note:
        raise Problem(422, f"note: {demand.action.value} says in words what was done, or why.")
    if "assignee" in asked and demand.assignee is None and incident.assignee_id is None:
        raise Problem(422, "assignee: say to whom the case goes.")
    if "assignee" not in asked and demand.assignee is not None:
        raise Problem(422, f"assignee: {demand.action.value} takes none.")
    allowed = reasons_of(settings, demand.action)
    if demand.reason is None and "reason" not in asked:
        return
    if demand.reason not in allowed:
        given = "missing" if demand.reason is None else repr(demand.reason)
        told = ", ".join(allowed) or "none"
        raise Problem(422, f"reason is {given}; allowed are {told}.", allowed=list(allowed))


def _conflict(desk: Desk, detail: str) -> Problem:
    step = Step(desk.incident.step)
    allowed = [action.value for action in open_to(step, desk.actor.role, desk.settings.rules)]
    members: dict[str, Any] = {"step": step.value, "allowed": allowed}
    lead = desk.incident.merged_into
    if lead and within(desk.session, desk.cameras, {lead}):
        members["merged_into"] = lead
    return Problem(409, detail, **members)
