"""To whom a case can go: people whose role handles cases, and who may see it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework.desk import Desk
from api.casework.workflow import Action
from api.identity.scope import Scope, scope_of_user, sees_any_of
from api.problems import Problem
from api.settings import Settings
from api.storage.tables import User


def assignees(session: Session, settings: Settings, cameras: Scope) -> Sequence[User]:
    """Everybody who handles cases and may see at least one of these cameras, or all there are; by name."""
    roles = settings.rules.roles.get(Action.HANDLE, ())
    handle_cases = select(User).where(User.role.in_(roles), User.disabled_at.is_(None))
    return session.scalars(handle_cases.where(sees_any_of(cameras)).order_by(User.name)).all()


def find_assignee(desk: Desk, name: str) -> User:
    """Finds the account of somebody that the case at a desk can go to.

    Raises:
        Problem: 422: there is no such account, its role handles no cases, or this one is hidden from it: whoever gets a
            case has to be able to open it.
    """
    user = desk.session.scalar(select(User).where(User.name == name))
    if user is None or user.disabled_at is not None or not desk.settings.rules.may(user.role, Action.HANDLE):
        roles = ", ".join(desk.settings.step_roles.get(Action.HANDLE, ()))
        raise Problem(422, f"assignee is {name!r}; allowed is an account with one of the roles {roles}.")
    cameras = scope_of_user(desk.session, user.id)
    if cameras is not None and desk.incident.camera_id not in cameras:
        raise Problem(422, f"assignee is {name!r}; allowed is somebody who may see camera {desk.incident.camera_id}.")
    return user
