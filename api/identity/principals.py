"""Who is asking, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request

from api.problems import Problem


class Role(StrEnum):
    """What an account or a token may do."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OFFICER = "officer"
    ENGINEER = "engineer"
    ADMINISTRATOR = "administrator"
    WORKER = "worker"


PERSONS = (Role.VIEWER, Role.REVIEWER, Role.OFFICER, Role.ENGINEER, Role.ADMINISTRATOR)
"""Roles of people; a worker is a machine and has no account."""

JUDGES = (Role.REVIEWER, Role.OFFICER, Role.ADMINISTRATOR)
"""Roles that may say whether a case stands, and take its evidence away."""


REGISTRARS = (Role.ENGINEER, Role.ADMINISTRATOR)
"""Roles that may set up cameras and zones."""


@dataclass(frozen=True)
class Principal:
    """Whoever sent a request.

    Attributes:
        name: The person's account name, or the token's name.
        role: What they may do.
        cameras: The cameras they may see and write to; None means all.
        user_id: The person, if there is one.
        token_id: The token, if one was used.
        csrf_token: Present with a session cookie: what a page must send back in `X-CSRF-Token`.
        must_change_password: The person still uses the one-time password.
        unit: The person's department, where it is known.
        second_factor: The person signs in with one, or at the city's own provider, which sees to that.
    """

    name: str
    role: Role
    cameras: frozenset[str] | None = None
    user_id: int | None = None
    token_id: int | None = None
    csrf_token: str | None = None
    must_change_password: bool = False
    unit: str | None = None
    second_factor: bool = False

    def covers(self, camera: str) -> bool:
        """Whether this camera is within the scope."""
        return self.cameras is None or camera in self.cameras

    def require_camera(self, camera: str) -> None:
        """Checks the scope.

        Raises:
            Problem: 403.
        """
        if not self.covers(camera):
            raise Problem(403, f"{self.name} is not allowed camera {camera!r}.")


def _current(request: Request) -> Principal:
    principal = request.scope.get("principal")
    if not isinstance(principal, Principal):
        raise Problem(401, "Sign in, or send a token.")
    return principal


CurrentPrincipal = Annotated[Principal, Depends(_current)]
"""A route's parameter: whoever is asking (the gate has let them in already)."""


@dataclass(frozen=True)
class RequiredRoles:
    """A dependency that lets only some roles through.

    Attributes:
        roles: Those.
        unrestricted: And of them only who may see all cameras: what this is about is everybody's.
    """

    roles: tuple[Role, ...]
    unrestricted: bool = False

    def __call__(self, request: Request) -> Principal:
        """Whoever asks.

        Raises:
            Problem: 403, naming what is allowed.
        """
        principal = _current(request)
        if principal.role not in self.roles:
            raise Problem(403, f"{principal.name} is a {principal.role}; this takes one of: {', '.join(self.roles)}.")
        if self.unrestricted and principal.cameras is not None:
            raise Problem(403, f"{principal.name} may see some cameras only; this is about all of them.")
        return principal


def requires(*roles: Role) -> RequiredRoles:
    """A dependency that lets only these roles through."""
    return RequiredRoles(roles)


WorkerPrincipal = Annotated[Principal, Depends(requires(Role.WORKER))]
JudgePrincipal = Annotated[Principal, Depends(requires(*JUDGES))]
RegistrarPrincipal = Annotated[Principal, Depends(requires(*REGISTRARS))]
AdministratorPrincipal = Annotated[Principal, Depends(requires(Role.ADMINISTRATOR))]
ChiefPrincipal = Annotated[Principal, Depends(RequiredRoles((Role.ADMINISTRATOR,), unrestricted=True))]
