"""What is done to a case without moving it on: assignee, comments, tags, lock, legal hold, photos; merging and splitting."""

from datetime import timedelta

from sqlalchemy import func, select

from api.casework.assignees import find_assignee
from api.casework.case_flow import Demand, move
from api.casework.case_summary import within
from api.casework.desk import Desk
from api.casework.workflow import MERGE_STEPS, PHOTO_STEPS, Action, Step, verdict_moves
from api.problems import Problem
from api.storage.tables import CaseEvent, CaseLock, CasePhoto, CaseTag, EvidenceFile, Incident

TAGS_MAX = 20
"""Words on one case: more are a text, and belong into a comment."""


def assign(desk: Desk, name: str | None) -> None:
    """Gives a case to somebody, or to nobody.

    Raises:
        Problem: 403, 409; 422 when they can't handle cases, or can't see this one.
    """
    desk.require(Action.ASSIGN)
    user = find_assignee(desk, name) if name else None
    if desk.incident.assignee_id == (user.id if user else None):
        return
    desk.incident.assignee_id = user.id if user else None
    desk.write(Action.ASSIGN, value=name or None)


def comment(desk: Desk, text: str) -> CaseEvent:
    """Appends a comment. It needs no lock: it changes nothing that somebody may be looking at.

    Raises:
        Problem: 403.
    """
    desk.require_role(Action.COMMENT)
    return desk.write(Action.COMMENT, note=text)


def tag(desk: Desk, word: str, *, add: bool) -> None:
    """Puts a tag on a case, or takes it off; nothing happens when it is so already.

    Raises:
        Problem: 403; 409 when somebody else holds the case or it has tags enough.
    """
    desk.require(Action.TAG)
    row = desk.session.get(CaseTag, (desk.incident.id, word))
    if (row is not None) == add:
        return
    if row is not None:
        desk.session.delete(row)
    else:
        of_case = select(func.count()).select_from(CaseTag).where(CaseTag.incident_id == desk.incident.id)
        if (desk.session.scalar(of_case) or 0) >= TAGS_MAX:
            raise Problem(409, f"{desk.incident.id} has {TAGS_MAX} tags, and no more are taken.")
        desk.session.add(CaseTag(incident_id=desk.incident.id, tag=word))
    desk.write("tag" if add else "untag", value=word)


def lock(desk: Desk) -> CaseLock:
    """Takes a case for a while, or keeps it for longer.

    Raises:
        Problem: 409 when somebody else has it.
    """
    desk.require_unlocked()
    user_id = desk.actor.user_id
    if user_id is None:
        raise Problem(403, "Only a person can hold a case: this token acts for nobody.")
    until = desk.moment + timedelta(seconds=desk.settings.workflow.lock_s)
    held = desk.session.get(CaseLock, desk.incident.id)
    is_new = held is None or held.user_id != user_id or held.expires_at <= desk.moment
    if held is None:
        held = CaseLock(incident_id=desk.incident.id, user_id=user_id, user_name=desk.actor.name, expires_at=until)
        desk.session.add(held)
    held.user_id, held.user_name, held.expires_at = user_id, desk.actor.name, until
    if is_new:  # staying is no news
        desk.log("case.lock")
    return held


def unlock(desk: Desk) -> None:
    """Lets a case go; an administrator can let go for others.

    Raises:
        Problem: 409 when somebody else has it.
    """
    if desk.actor.role != "administrator":
        desk.require_unlocked()
    held = desk.session.get(CaseLock, desk.incident.id)
    if held is not None:
        desk.session.delete(held)
        desk.session.flush()
        desk.log("case.unlock")


def hold(desk: Desk, reason: str | None) -> None:
    """Puts a legal hold on a case, whose footage then stays whatever the rules say; None takes it off.

    Raises:
        Problem: 403.
    """
    desk.require_role(Action.HOLD)
    if desk.incident.hold_reason == reason:
        return
    desk.incident.hold_reason = reason
    desk.write("hold" if reason else "release", note=reason)


def merge(desk: Desk, part: Incident, note: str | None) -> None:
    """Makes another case a part of this one: it is worked on here, and in no queue any more.

    Args:
        desk: The case that stays; the session holds the row of `part` as well.
        part: The incident whose case becomes a part.
        note: Why.

    Raises:
        Problem: 403, 409; 422 for a case and itself.
    """
    desk.require(Action.MERGE)
    desk.of(part).require_unlocked()
    lead = desk.incident
    if part.id == lead.id:
        raise Problem(422, f"incident is {part.id}: a case can't be merged into itself.")
    for case in (lead, part):
        if Step(case.step) not in MERGE_STEPS:
            into = within(desk.session, desk.cameras, {case.merged_into} if case.merged_into else ())
            told = "".join(f" into {name}" for name in into)
            allowed = [step.value for step in MERGE_STEPS]
            raise Problem(409, f"{case.id} is {case.step}{told}; merged are only cases at: {', '.join(allowed)}.")
    own_parts = desk.session.scalars(select(Incident.id).where(Incident.merged_into == part.id)).all()
    if own_parts:
        named = ", ".join(sorted(within(desk.session, desk.cameras, own_parts))) or "cases of other cameras"
        raise Problem(409, f"{part.id} leads {named}: split them from it first, or merge the other way.")
    part.merged_into = lead.id
    move(desk.of(part), Demand(Action.MERGE, note=note), Step.MERGED)
    desk.write("merge", note=note, value=part.id)


def split(desk: Desk, part: Incident, note: str | None) -> None:
    """Makes a part a case of its own again; it goes on at the step at which it was merged.

    Raises:
        Problem: 403; 404 when it is no part of this case; 409.
    """
    desk.require(Action.SPLIT)
    if part.merged_into != desk.incident.id:
        raise Problem(404, f"{part.id} is no part of {desk.incident.id}.")
    last = desk.session.scalars(
        select(CaseEvent)
        .where(CaseEvent.incident_id == part.id, CaseEvent.to_step == Step.MERGED.value)
        .order_by(CaseEvent.id.desc())
        .limit(1)
    ).one()
    step = Step(last.from_step or Step.DISCOVERED)
    # A verdict that came meanwhile counts.
    target = (verdict_moves(step, part.verdict) if part.verdict else None) or step
    desk.of(part).require_unlocked()
    part.merged_into = None
    if part.hold_reason is None and desk.incident.hold_reason is not None:
        # As a part it was kept with the case: it must not lose that by standing alone.
        part.hold_reason = desk.incident.hold_reason
    move(desk.of(part), Demand(Action.SPLIT, note=note), target)
    desk.write("split", note=note, value=part.id)


def require_photo(desk: Desk, name: str, *, declared: bool) -> None:
    """Checks that a photo of this name may come now.

    Args:
        desk: The case.
        name: The photo's.
        declared: Whether the camera's evidence has a file of this name.

    Raises:
        Problem: 403, 409.
    """
    desk.require(Action.PHOTO)
    step = Step(desk.incident.step)
    if step not in PHOTO_STEPS:
        allowed = ", ".join(photo_step.value for photo_step in PHOTO_STEPS)
        raise Problem(409, f"{desk.incident.id} is {step.value}; photos come while it is one of: {allowed}.")
    is_file = desk.session.get(EvidenceFile, (desk.incident.id, name)) is not None
    is_photo = desk.session.get(CasePhoto, (desk.incident.id, name)) is not None
    if declared or (is_file and not is_photo):
        raise Problem(409, f"{name} is evidence of the camera; choose another name.")


def add_photo(desk: Desk, name: str, sha256: str) -> None:
    """Writes down that a stored file is a photo of what was done; once."""
    if desk.actor.user_id is None or desk.session.get(CasePhoto, (desk.incident.id, name)) is not None:
        return
    desk.session.add(
        CasePhoto(
            incident_id=desk.incident.id,
            name=name,
            user_id=desk.actor.user_id,
            user_name=desk.actor.name,
            added_at=desk.moment,
        )
    )
    desk.write(Action.PHOTO, value=name, reason=None, note=f"sha256 {sha256}")
