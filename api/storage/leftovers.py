"""Bytes in the evidence store that nothing refers to any more."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.storage.evidence_store import EvidenceStore
from api.storage.tables import EvidenceFile, JobFile, UploadBlock


def remove_unused(session: Session, store: EvidenceStore, digests: set[str]) -> None:
    """Removes those of some files that no case has any more, no job, and nothing that is still arriving.

    Args:
        session: The transaction in which something has stopped referring to them; about everything.
        store: Where they lie.
        digests: Of the files.

    Raises:
        StoreUnavailableError: It did not work.
    """
    session.flush()
    used = set(
        session.scalars(
            select(EvidenceFile.sha256).where(EvidenceFile.sha256.in_(digests), EvidenceFile.deleted_at.is_(None))
        )
    )
    for table in (JobFile, UploadBlock):
        used |= set(session.scalars(select(table.sha256).where(table.sha256.in_(digests))))
    for sha256 in digests - used:
        store.remove(sha256)
