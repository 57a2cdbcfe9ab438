"""The way of a case: its steps, and everything else that people do to it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from api.casework import case_upkeep
from api.casework.assignees import assignees
from api.casework.case_flow import Demand, reasons_of, take_step
from api.casework.case_summary import (
    event_document,
    event_documents,
    events_of,
    lock_document,
    photo_documents,
    summaries,
    worked_at_steps,
)
from api.casework.cases import find_incident
from api.casework.desk import Desk
from api.casework.workflow import ASKED_FOR, MOVES, Action, Step, open_to
from api.clock import now
from api.identity.principals import CurrentPrincipal, JudgePrincipal, Principal
from api.parts import CurrentParts, Parts
from api.problems import documented
from api.records.audit import actor_of
from api.routers.parameters import IncidentInPath
from api.schema import IncidentId
from api.settings import Settings
from api.storage.tables import Incident

router = APIRouter(tags=["cases"])

_STRIPPED = BeforeValidator(lambda value: (value.strip() or None) if isinstance(value, str) else value)
Note = Annotated[Annotated[str, Field(max_length=2000)] | None, _STRIPPED]
Code = Annotated[Annotated[str, Field(max_length=40)] | None, _STRIPPED]
Account = Annotated[Annotated[str, Field(max_length=100)] | None, _STRIPPED]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
TagInPath = Annotated[str, Path(pattern=r"^[\w][\w .-]{0,39}$", description="Letters, digits, blanks, `.`, `-`")]
Move = Literal["accept", "dispatch", "handle", "return", "verify", "archive", "appraise", "reject", "reopen"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StepBody(_Body):
    """A step to take."""

    action: Move
    reason: Code = Field(default=None, description="A code of its table")
    note: Note = None
    assignee: Account = Field(default=None, description="To dispatch it to")
    at_step: Step | None = Field(default=None, description="The step it was seen at; 409 when it has moved on")
    revision: int | None = Field(default=None, ge=1, description="The revision that was looked at")


class CommentBody(_Body):
    """A comment."""

    text: Words


class AssigneeBody(_Body):
    """Whose case it becomes; null: nobody's."""

    name: Account


class HoldBody(_Body):
    """Why footage must stay."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class MergeBody(_Body):
    """The incident whose case becomes a part of this one."""

    incident: IncidentId
    note: Note = None


class OpenStep(BaseModel):
    """A step that whoever asks may take now, and what it needs."""

    action: Action
    to: Step
    needs: list[str]
    reasons: list[str]


class CaseDocument(BaseModel):
    """Where a case stands, and what was done to it."""

    id: str
    case: dict[str, Any]
    worked_s: dict[str, float] = Field(description="Working time spent at each step so far")
    allowed: list[OpenStep]
    may: list[str] = Field(description="What else whoever asks may do to it")
    photos: list[dict[str, Any]]
    events: list[dict[str, Any]]


class Assignee(BaseModel):
    """Somebody a case can go to."""

    name: str
    unit: str | None
    role: str


class Assignees(BaseModel):
    """Everybody a case can go to."""

    assignees: list[Assignee]


_ERRORS = documented(401, 403, 404, 409, 413, 422)


@contextmanager
def at_desk(parts: Parts, request: Request, principal: Principal, incident_id: str) -> Generator[Desk]:
    """Sits somebody down at a case, whose row is held until they get up."""
    with parts.database.write(about=incident_id) as session:
        incident = find_incident(session, principal, incident_id, for_change=True)
        yield Desk(session, parts.settings, actor_of(principal, request), incident, now(), principal.cameras)


@router.get("/v1/cases/{incident_id}", responses=documented(401, 404, 422))
def get_case(incident_id: IncidentInPath, parts: CurrentParts, principal: CurrentPrincipal) -> CaseDocument:
    """Where a case stands, which steps whoever asks may take now, and everything that was done to it."""
    with parts.database.read() as session:
        incident = find_incident(session, principal, incident_id)
        moves, may = _open_steps(parts.settings, principal, incident)
        moment, events = now(), events_of(session, incident_id)
        return CaseDocument(
            id=incident_id,
            case=summaries(session, [incident], principal.cameras, moment)[incident_id],
            worked_s=worked_at_steps(events, incident, parts.settings.calendar, moment),
            allowed=moves,
            may=may,
            photos=photo_documents(session, incident_id),
            events=event_documents(session, events, incident, principal.cameras),
        )


@router.post("/v1/cases/{incident_id}/steps", status_code=201, responses=_ERRORS)
def post_step(
    request: Request, incident_id: IncidentInPath, body: StepBody, parts: CurrentParts, principal: CurrentPrincipal
) -> dict[str, Any]:
    """Moves a case on. 409 says in `allowed` which steps are possible now."""
    demand = Demand(**{**body.model_dump(), "action": Action(body.action)})
    with at_desk(parts, request, principal, incident_id) as desk:
        event = take_step(desk, demand)
        answer = {"id": incident_id, "event": event_document(event), "step": desk.incident.step}
    if demand.action in (Action.ACCEPT, Action.REJECT):
        parts.metrics.reviews.labels("confirm" if demand.action is Action.ACCEPT else "reject").inc()
    return answer


@router.post("/v1/cases/{incident_id}/comments", status_code=201, responses=_ERRORS)
def post_comment(
    request: Request, incident_id: IncidentInPath, body: CommentBody, parts: CurrentParts, principal: CurrentPrincipal
) -> dict[str, Any]:
    """Appends a comment."""
    with at_desk(parts, request, principal, incident_id) as desk:
        return {"id": incident_id, "event": event_document(case_upkeep.comment(desk, body.text))}


@router.put("/v1/cases/{incident_id}/assignee", status_code=204, responses=_ERRORS)
def put_assignee(
    request: Request, incident_id: IncidentInPath, body: AssigneeBody, parts: CurrentParts, principal: CurrentPrincipal
) -> None:
    """Gives a case to somebody, or to nobody."""
    with at_desk(parts, request, principal, incident_id) as desk:
        case_upkeep.assign(desk, body.name)


@router.put("/v1/cases/{incident_id}/tags/{tag}", status_code=204, responses=_ERRORS)
def put_tag(
    request: Request, incident_id: IncidentInPath, tag: TagInPath, parts: CurrentParts, principal: CurrentPrincipal
) -> None:
    """Puts a tag on a case."""
    with at_desk(parts, request, principal, incident_id) as desk:
        case_upkeep.tag(desk, tag, add=True)


@router.delete("/v1/cases/{incident_id}/tags/{tag}", status_code=204, responses=_ERRORS)
def delete_tag(
    request: Request, incident_id: IncidentInPath, tag: TagInPath, parts: CurrentParts, principal: CurrentPrincipal
) -> None:
    """Takes a tag off."""
    with at_desk(parts, request, principal, incident_id) as desk:
        case_upkeep.tag(desk, tag, add=False)


@router.put("/v1/cases/{incident_id}/lock", responses=_ERRORS)
def put_lock(
    request: Request, incident_id: IncidentInPath, parts: CurrentParts, principal: JudgePrincipal
) -> dict[str, Any]:
    """Takes a case for a while, or keeps it for longer; nobody else moves it on meanwhile."""
    with at_desk(parts, request, principal, incident_id) as desk:
        return {"id": incident_id, "lock": lock_document(case_upkeep.lock(desk))}


@router.delete("/v1/cases/{incident_id}/lock", status_code=204, responses=_ERRORS)
def delete_lock(
    request: Request, incident_id: IncidentInPath, parts: CurrentParts, principal: JudgePrincipal
) -> Response:
    """Lets a case go; an administrator can let go for others."""
    with at_desk(parts, request, principal, incident_id) as desk:
        case_upkeep.unlock(desk)
    return Response(status_code=204)


@router.put("/v1/cases/{incident_id}/hold", status_code=204, responses=_ERRORS)
def put_hold(
    request: Request, incident_id: IncidentInPath, body: HoldBody, parts: CurrentParts, principal: CurrentPrincipal
) -> None:
    """Puts a legal hold on a case: its footage stays, whatever the retention rule says."""
    with at_desk(parts, request, principal, incident_id) as desk:
        case_upkeep.hold(desk, body.reason)


@router.delete("/v1/cases/{incident_id}/hold", status_code=204, responses=_ERRORS)
def delete_hold(
    request: Request, incident_id: IncidentInPath, parts: CurrentParts, principal: CurrentPrincipal
) -> None:
    """Takes the legal hold off."""
    with at_desk(parts, request, principal, incident_id) as desk:
        case_upkeep.hold(desk, None)


@router.post("/v1/cases/{incident_id}/merged", status_code=204, responses=_ERRORS)
def post_merged(
    request: Request, incident_id: IncidentInPath, body: MergeBody, parts: CurrentParts, principal: CurrentPrincipal
) -> None:
    """Makes another case a part of this one."""
    with _at_two_desks(parts, request, principal, incident_id, body.incident) as (desk, part):
        case_upkeep.merge(desk, part, body.note)


@router.delete("/v1/cases/{incident_id}/merged/{part_id}", status_code=204, responses=_ERRORS)
def delete_merged(
    request: Request,
    incident_id: IncidentInPath,
    part_id: IncidentInPath,
    parts: CurrentParts,
    principal: CurrentPrincipal,
    note: Annotated[str | None, Query(max_length=2000)] = None,
) -> None:
    """Makes a part a case of its own again, at the step at which it was merged."""
    with _at_two_desks(parts, request, principal, incident_id, part_id) as (desk, part):
        case_upkeep.split(desk, part, note)


@router.get("/v1/assignees", responses=documented(401, 403, 404, 422))
def get_assignees(
    parts: CurrentParts,
    principal: JudgePrincipal,
    incident: Annotated[IncidentId | None, Query(description="Only who may see this one")] = None,
) -> Assignees:
    """Everybody a case can go to: who handles cases, and may see it."""
    with parts.database.read() as session:
        cameras = principal.cameras
        if incident is not None:
            cameras = frozenset({find_incident(session, principal, incident).camera_id})
        users = assignees(session, parts.settings, cameras)
        return Assignees(assignees=[Assignee(name=user.name, unit=user.unit, role=user.role) for user in users])


@contextmanager
def _at_two_desks(
    parts: Parts, request: Request, principal: Principal, lead_id: str, part_id: str
) -> Generator[tuple[Desk, Incident]]:
    """Holds two cases, always in the order of their ids, so that two people who cross don't wait for each other."""
    with parts.database.write() as session:
        found = {name: find_incident(session, principal, name, for_change=True) for name in sorted({lead_id, part_id})}
        desk = Desk(session, parts.settings, actor_of(principal, request), found[lead_id], now(), principal.cameras)
        yield desk, found[part_id]


def _open_steps(settings: Settings, principal: Principal, incident: Incident) -> tuple[list[OpenStep], list[str]]:
    """The steps that a principal may take now, and what else they may do; nothing for whoever is no person."""
    if principal.user_id is None:
        return [], []
    step, role, rules = Step(incident.step), principal.role.value, settings.rules
    moves = [
        OpenStep(
            action=action,
            to=MOVES[action][step],
            needs=[*ASKED_FOR.get(action, ())],
            reasons=[*reasons_of(settings, action)],
        )
        for action in open_to(step, role, rules)
        if not (action is Action.VERIFY and rules.verified_by_another and incident.handled_by == principal.user_id)
    ]
    return moves, [action.value for action in Action if action not in MOVES and rules.may(role, action)]
