"""Where somebody works on a case: who, on which, by whose rules, at what moment; and what is written down of it."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from api.casework.case_summary import event_document, lock_document
from api.casework.workflow import Action
from api.identity.scope import Scope
from api.notices.telling import tell_event
from api.problems import Problem
from api.records.audit import Actor, Deed, append
from api.schema import content_digest
from api.settings import Settings
from api.storage.tables import CaseEvent, CaseLock, Incident


@dataclass(frozen=True)
class Desk:
    """What every change of a case needs.

    Attributes:
        session: A write transaction that holds the incident's row.
        settings: The department's.
        actor: Who changes it.
        incident: Whose case.
        moment: Now.
        cameras: What they may see; None: all. A case elsewhere is not named to them.
    """

    session: Session
    settings: Settings
    actor: Actor
    incident: Incident
    moment: datetime
    cameras: Scope

    def of(self, other: Incident) -> "Desk":
        """The same person at another case."""
        return replace(self, incident=other)

    def require(self, action: Action) -> None:
        """Checks that the department lets this role do this, that a person does it, and that nobody else is at the case.

        Raises:
            Problem: 403 or 409.
        """
        self.require_role(action)
        self.require_unlocked()

    def require_role(self, action: Action) -> None:
        """Checks that the department lets this role do this, and that a person does it.

        Raises:
            Problem: 403.
        """
        actor = self.actor
        if not self.settings.rules.may(actor.role, action):
            allowed = ", ".join(self.settings.step_roles.get(action, ())) or "nobody"
            raise Problem(403, f"{actor.name} is a {actor.role}; {action.value} takes one of: {allowed}.")
        if actor.user_id is None:
            raise Problem(403, f"Only a person can {action.value} a case: this token acts for nobody.")

    def require_unlocked(self) -> None:
        """Checks that nobody else is at the case right now.

        Raises:
            Problem: 409, saying who and until when.
        """
        lock = self.session.get(CaseLock, self.incident.id)
        if lock is not None and lock.user_id != self.actor.user_id and lock.expires_at > self.moment:
            raise Problem(409, f"{lock.user_name} is at {self.incident.id} right now.", lock=lock_document(lock))

    def write(self, action: str, **said: str | None) -> CaseEvent:
        """Appends an event to the case, its notice, and its entry to the audit log."""
        actor = self.actor
        event = CaseEvent(
            incident_id=self.incident.id,
            at=self.moment,
            who=actor.name,
            unit=actor.unit,
            role=actor.role,
            user_id=actor.user_id,
            action=str(action),
            **said,
        )
        self.incident.updated_at = self.moment
        self.session.add(event)
        self.session.flush()
        tell_event(self.session, self.incident, event)
        digest = content_digest(event_document(event))
        self.log(f"case.{event.action}", reason=event.reason or event.note, content_sha256=digest)
        return event

    def log(self, action: str, *, reason: str | None = None, content_sha256: str | None = None) -> None:
        """Appends an entry to the audit log alone."""
        path = f"/v1/cases/{self.incident.id}"
        append(self.session, self.actor, Deed(action, path, self.incident.id, reason, content_sha256), self.moment)
