"""Cameras are known from when somebody first names one: an incident, a worker's sign of life, or the registry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from api.storage.tables import Camera

_AT_ONCE: Final = 500  # parameters of a statement


def make_known(session: Session, names: Sequence[str], moment: datetime) -> None:
    """Adds those that are not known yet.

    Args:
        session: A write transaction.
        names: Of cameras, some perhaps twice.
        moment: Now.
    """
    wanted = list(dict.fromkeys(names))
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        known = set(session.scalars(select(Camera.id).where(Camera.id.in_(some))))
        new = [{"id": name, "registered_at": moment} for name in some if name not in known]
        if new:
            # Others may name them at the same time: whoever comes second finds them known.
            insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
            session.execute(insert(Camera).values(new).on_conflict_do_nothing())
