"""Access to footage: who saw or took it, when and what for, goes into the audit log before the first byte goes out."""

from collections.abc import Mapping

from api.clock import now
from api.problems import Problem
from api.records.audit import Actor, Deed, append, is_known
from api.schema import content_digest
from api.storage.database import Database

PURPOSE_CHARACTERS = 500


def register_view(
    database: Database, actor: Actor, *, incident_id: str, name: str, sha256: str, purpose: str | None
) -> None:
    """Registers that a file of evidence was looked at. A player's many pieces of one clip are one view."""
    deed = Deed("view", f"/v1/incidents/{incident_id}/evidence/{name}", incident_id, purpose, sha256)
    moment = now()
    with database.read() as session:
        if is_known(session, actor, deed, moment):
            return
    with database.write(about=incident_id) as session:
        append(session, actor, deed, moment)


def download_of(incident_id: str, purpose: str, digests: Mapping[str, str]) -> Deed:
    """The deed of taking an evidence pack.

    Args:
        incident_id: Whose.
        purpose: What for.
        digests: SHA-256 of each file in it, by name; the entry carries the digest of this.
    """
    return Deed("download", f"/v1/incidents/{incident_id}/package", incident_id, purpose, content_digest(digests))


def checked_purpose(purpose: str | None) -> str:
    """Checks the reason for which somebody wants footage.

    Raises:
        Problem: 422: there is none, or it is too long.
    """
    text = " ".join((purpose or "").split())
    if not text or len(text) > PURPOSE_CHARACTERS:
        raise Problem(422, f"purpose: say what the evidence is needed for, in 1 to {PURPOSE_CHARACTERS} characters.")
    return text
