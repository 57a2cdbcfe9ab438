"""The register of access: who saw or took which footage, when, and what for."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request

from api.clock import now
from api.principals import Principal
from api.problems import Problem
from api.tables import AccessLogEntry

PURPOSE_CHARACTERS = 500
SAME_VIEW = timedelta(minutes=1)
"""A player fetches one clip in many pieces: what the same person fetches again within a minute is the same view."""


def register_view(
    session: Session, principal: Principal, request: Request, *, incident_id: str, name: str, purpose: str | None
) -> None:
    """Registers that a file of evidence was looked at."""
    entry = _entry(principal, request, incident_id)
    seen = session.scalar(
        select(AccessLogEntry.id).where(
            AccessLogEntry.incident_id == incident_id,
            AccessLogEntry.name == name,
            AccessLogEntry.who == entry.who,
            AccessLogEntry.token_id == entry.token_id,
            AccessLogEntry.purpose == purpose,
            AccessLogEntry.at > entry.at - SAME_VIEW,
        )
    )
    if seen is None:
        entry.action, entry.name, entry.purpose = "view", name, purpose
        session.add(entry)


def register_download(
    session: Session, principal: Principal, request: Request, *, incident_id: str, purpose: str
) -> None:
    """Registers that the evidence pack was taken."""
    entry = _entry(principal, request, incident_id)
    entry.action, entry.purpose = "download", purpose
    session.add(entry)


def checked_purpose(purpose: str | None) -> str:
    """Checks the reason for which somebody wants footage.

    Raises:
        Problem: 422: there is none, or it is too long.
    """
    text = " ".join((purpose or "").split())
    if not text or len(text) > PURPOSE_CHARACTERS:
        raise Problem(422, f"purpose: say what the evidence is needed for, in 1 to {PURPOSE_CHARACTERS} characters.")
    return text


def _entry(principal: Principal, request: Request, incident_id: str) -> AccessLogEntry:
    return AccessLogEntry(
        at=now(),
        who=principal.name,
        user_id=principal.user_id,
        token_id=principal.token_id,
        role=principal.role.value,
        incident_id=incident_id,
        client=request.client.host if request.client else None,
    )
