"""Leases: a camera belongs to one worker at a time, and every change of hands has a number.

Called within a transaction about "fleet", so that of two workers that ask at once the second sees what the first has got.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.identity.scope import scope_of_token
from api.problems import Problem
from api.schema import as_utc_text
from api.storage.tables import CameraLease, WorkerReport

SUBJECT = "fleet"
"""What the transactions of leases are about."""

AT_ONCE = 500
"""Values in one statement."""


@dataclass(frozen=True)
class Holder:
    """A worker that asks.

    Attributes:
        worker: Its id.
        token_id: What it signs in with.
    """

    worker: str
    token_id: int | None


def take(
    session: Session, holder: Holder, cameras: Sequence[str], moment: datetime, lease_s: float
) -> tuple[list[CameraLease], list[CameraLease]]:
    """Leases cameras to a worker, as far as nobody else has them; what it holds beside them becomes free.

    Args:
        session: The transaction.
        holder: Who asks.
        cameras: What it wants, all of it.
        moment: Now.
        lease_s: How long a lease lasts.

    Returns:
        Its leases, and those of others that it wanted; each in the order of `cameras`.
    """
    give_back(session, holder, moment, but=cameras)
    until = moment + timedelta(seconds=lease_s)
    known = _leases(session, cameras)
    own: list[CameraLease] = []
    elsewhere: list[CameraLease] = []
    for camera in dict.fromkeys(cameras):
        lease = known.get(camera)
        if lease is None:
            lease = CameraLease(
                camera_id=camera,
                epoch=1,
                worker=holder.worker,
                token_id=holder.token_id,
                granted_at=moment,
                expires_at=until,
            )
            session.add(lease)
        elif lease.worker == holder.worker:
            # Also after it ran out: nobody has had the camera since.
            lease.token_id, lease.expires_at = holder.token_id, until
        elif lease.expires_at <= moment:
            lease.epoch += 1
            lease.worker, lease.token_id = holder.worker, holder.token_id
            lease.granted_at, lease.expires_at = moment, until
        else:
            elsewhere.append(lease)
            continue
        own.append(lease)
    session.flush()
    return own, elsewhere


def give_back(session: Session, holder: Holder, moment: datetime, *, but: Collection[str] = ()) -> None:
    """Frees a worker's cameras at once, but for some."""
    live = select(CameraLease).where(CameraLease.worker == holder.worker, CameraLease.expires_at > moment)
    kept = set(but)
    for lease in session.scalars(live):
        if lease.camera_id not in kept:
            lease.expires_at = moment
    session.flush()


@dataclass
class Peer:
    """Another worker that takes what the registry has.

    Attributes:
        scope: The cameras that its token covers; None: all.
        capacity: So many it can take.
        held: So many it has.
    """

    scope: frozenset[str] | None
    capacity: int
    held: int

    def may_take(self, camera: str) -> bool:
        """Whether it could have one camera more."""
        return self.held < self.capacity and (self.scope is None or camera in self.scope)


def choose(
    session: Session, holder: Holder, cameras: Sequence[str], capacity: int, moment: datetime, lease_s: float
) -> list[str]:
    """What a worker without a list of its own watches: what it has, and of what is free as much as it can take.

    It leaves a camera to another one that may watch it and would still have fewer: so one that joins gets its part. In between
    nothing moves, and what nobody else may watch is never left.

    Args:
        session: The transaction.
        holder: Who asks.
        cameras: All that it may watch.
        capacity: What it can take.
        moment: Now.
        lease_s: How long a lease lasts: who was seen within that time is there.
    """
    peers = _peers(session, holder, moment, moment - timedelta(seconds=lease_s))
    known = _leases(session, cameras)
    own = [camera for camera in cameras if _is_own(known.get(camera), holder, moment)]
    free = [camera for camera in cameras if camera not in known or known[camera].expires_at <= moment]
    mine = own[:capacity]
    for camera in reversed(own[:capacity]):
        if _goes_to_another(peers, camera, len(mine)):
            mine.remove(camera)
    for camera in free:
        if len(mine) < capacity and not _goes_to_another(peers, camera, len(mine) + 1):
            mine.append(camera)
    return mine


def _goes_to_another(peers: Sequence[Peer], camera: str, mine: int) -> bool:
    """Whether somebody may have this camera who has fewer than `mine` even with it; it counts as theirs from then on."""
    able = [peer for peer in peers if peer.may_take(camera) and peer.held + 1 < mine]
    if not able:
        return False
    min(able, key=lambda peer: peer.held).held += 1
    return True


def _peers(session: Session, holder: Holder, moment: datetime, seen_since: datetime) -> list[Peer]:
    rows = session.scalars(
        select(WorkerReport).where(
            WorkerReport.seen_at > seen_since, WorkerReport.capacity > 0, WorkerReport.id != holder.worker
        )
    ).all()
    counted = select(CameraLease.worker, func.count()).where(CameraLease.expires_at > moment)
    rows_of = session.execute(counted.group_by(CameraLease.worker)).all()
    held: dict[str, int] = {row[0]: row[1] for row in rows_of}
    return [
        Peer(
            None if row.token_id is None else scope_of_token(session, row.token_id),
            row.capacity or 0,
            held.get(row.id, 0),
        )
        for row in rows
    ]


def check_epoch(
    session: Session, camera: str, epoch: int | None, token_id: int | None, seen_at: datetime | None, moment: datetime
) -> None:
    """Refuses what a worker writes about a camera that has passed to another one since.

    What it saw while the camera was still its own is welcome, however late: nobody else has seen that.

    Args:
        session: Of the write.
        camera: Whose incident it is.
        epoch: What the write carries, if anything.
        token_id: Whose write it is.
        seen_at: For an incident that nobody knows yet, when it was confirmed; None for one that is known.
        moment: Now.

    Raises:
        Problem: 409, with the epoch of today.
    """
    lease = session.get(CameraLease, camera)
    if lease is None:
        return
    is_anothers = lease.expires_at > moment and lease.token_id != token_id
    # An epoch is no secret: naming today's makes nobody its holder.
    stale = is_anothers or (epoch is not None and epoch != lease.epoch)
    if not stale or (seen_at is not None and seen_at < lease.granted_at):
        return
    raise Problem(
        409,
        f"Camera {camera!r} has been another worker's since {as_utc_text(lease.granted_at)} (epoch {lease.epoch}).",
        epoch=lease.epoch,
    )


def require_lease(session: Session, holder_token: int | None, camera: str, epoch: int) -> CameraLease:
    """The lease that a worker writes under.

    Raises:
        Problem: 409: it is not the worker's, or not of that epoch.
    """
    lease = session.get(CameraLease, camera)
    if lease is None or lease.epoch != epoch or lease.token_id != holder_token:
        held = f"its epoch is {lease.epoch}" if lease is not None else "nobody has leased it"
        raise Problem(409, f"Camera {camera!r} is not yours with epoch {epoch}: {held}.")
    return lease


def _is_own(lease: CameraLease | None, holder: Holder, moment: datetime) -> bool:
    return lease is not None and lease.worker == holder.worker and lease.expires_at > moment


def _leases(session: Session, cameras: Sequence[str]) -> dict[str, CameraLease]:
    found: dict[str, CameraLease] = {}
    wanted = list(dict.fromkeys(cameras))
    for start in range(0, len(wanted), AT_ONCE):
        some = CameraLease.camera_id.in_(wanted[start : start + AT_ONCE])
        found |= {lease.camera_id: lease for lease in session.scalars(select(CameraLease).where(some))}
    return found
