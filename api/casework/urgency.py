"""How urgent a case is: what the review queue is ordered by."""

import math
from datetime import datetime

from api.schema import IncidentRevision, IncidentState

STILL_THERE = 10.0
"""Added while the thing is still there: somebody can still be sent. More than everything else together (at most 5)."""

OVER_LIMIT_CAP = 16.0
"""Sixteen times the permitted time is as bad as it gets; beyond that a forgotten wreck would hide the rest."""


def urgency_of(revision: IncidentRevision) -> float:
    """Score, raised by how often the permitted time has been used up, and lifted while it goes on.

    Returns:
        A number without unit; 0 to 15.
    """
    worth = revision.score * (1.0 + math.log2(min(max(_times_over_limit(revision), 1.0), OVER_LIMIT_CAP)))
    return worth + (STILL_THERE if revision.state is IncidentState.CONFIRMED else 0.0)


def _times_over_limit(revision: IncidentRevision) -> float:
    since = revision.onset_at or revision.seen_from_at
    if since is None or not revision.dwell_s or revision.dwell_s <= 0:
        return 1.0
    return (_last_seen_at(revision, since) - since).total_seconds() / revision.dwell_s


def _last_seen_at(revision: IncidentRevision, since: datetime) -> datetime:
    moments = [since, *(item.end_at for item in revision.evidence)]
    return revision.ended_at or max(*moments, revision.confirmed_at or since)
