"""The entries themselves: what is, and all that was. Nothing is changed by somebody who has not seen what it is now."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.problems import Problem
from api.registry.documents import Kind
from api.schema import canonical_json
from api.storage.tables import RegistryEntry, RegistryVersion

SUBJECT = "registry"
"""What the transactions of changes are about."""


def find(session: Session, kind: Kind, name: str) -> RegistryEntry:
    """An entry that is there.

    Raises:
        Problem: 404.
    """
    entry = session.get(RegistryEntry, (kind.value, name))
    if entry is None or entry.document is None:
        raise Problem(404, f"The registry has no {kind.value} {name!r}.")
    return entry


def document_of(entry: RegistryEntry | RegistryVersion) -> dict[str, Any]:
    """What an entry says."""
    document: dict[str, Any] = json.loads(entry.document or "{}")
    return document


def documents(session: Session, kind: Kind) -> dict[str, dict[str, Any]]:
    """All entries of a kind, by name."""
    rows = session.scalars(
        select(RegistryEntry)
        .where(RegistryEntry.kind == kind.value, RegistryEntry.document.is_not(None))
        .order_by(RegistryEntry.name)
    )
    return {row.name: document_of(row) for row in rows}


def put(
    session: Session,
    kind: Kind,
    name: str,
    document: Mapping[str, Any] | None,
    *,
    seen: int | None,
    who: str,
    moment: datetime,
) -> RegistryEntry:
    """Sets an entry, or removes it; what it was is kept.

    Args:
        session: A transaction about the registry.
        kind: What it is.
        name: Its name.
        document: What it says from now on; None removes it.
        seen: The version that whoever changes it has seen; None: it is new.
        who: Whoever changes it.
        moment: Now.

    Raises:
        Problem: 404: what shall be removed is not there; 412: it is another one by now, or it is there already.
    """
    entry = session.get(RegistryEntry, (kind.value, name))
    is_there = entry is not None and entry.document is not None
    if not is_there and document is None:
        raise Problem(404, f"The registry has no {kind.value} {name!r}.")
    version = entry.version if entry is not None and is_there else None
    if version != seen:
        now_is = f"it is at version {version}" if is_there else "it is not there"
        had = f"version {seen}" if seen is not None else "none"
        raise Problem(412, f"{kind.value} {name!r}: you have seen {had}, and {now_is}.", version=version)
    if entry is None:
        entry = RegistryEntry(kind=kind.value, name=name, version=0)
        session.add(entry)
    entry.version += 1
    entry.document = None if document is None else canonical_json(document).decode()
    entry.changed_at, entry.changed_by = moment, who
    session.add(
        RegistryVersion(
            kind=kind.value,
            name=name,
            version=entry.version,
            document=entry.document,
            changed_at=moment,
            changed_by=who,
        )
    )
    session.flush()
    return entry


def history(session: Session, kind: Kind, name: str) -> list[RegistryVersion]:
    """All that an entry was, newest first.

    Raises:
        Problem: 404: it has never been.
    """
    chosen = select(RegistryVersion).where(RegistryVersion.kind == kind.value, RegistryVersion.name == name)
    found = session.scalars(chosen.order_by(RegistryVersion.version.desc())).all()
    if not found:
        raise Problem(404, f"The registry has never had a {kind.value} {name!r}.")
    return list(found)
