"""A thing that lies on the ground: which cells it has, and how it shows itself."""

from dataclasses import dataclass

import numpy as np

from detector.following.cells import Mask, Plane, Reach
from detector.following.ground import Ground
from detector.following.template import LOOKS_SAME, likeness
from detector.following.things import GONE_LOOKS, GONE_S, HIDDEN_MAX_S, Presence, Thing
from detector.watching.looks import Look

SHOWN_SHARE = 0.6
"""Part of a thing's cells in view that must look like it: the rest may be in the shadow of somebody who passes."""
BACK_SHARE = 0.6
"""Part of them that must look like the ground before, until it has gone."""
IN_VIEW = 0.3
"""Less of it in view tells nothing."""
OTHERWISE_S = 25.0
"""A place that for so long has shown neither the thing nor the ground shows something else: the thing has gone."""
PLAIN = 4.0
"""Standard deviation, in steps of brightness, under which cells have nothing in them that could be recognised."""
HELD_LIKE = 0.75
"""Likeness of its place from which a thing shows that was known before a restart."""


@dataclass(eq=False)
class Lying:
    """What the ground knows of a thing."""

    thing: Thing
    mask: Mask
    """Its cells."""
    reach: Reach
    stayed_near_s: float
    """When somebody last stayed near it; when it was put there, if nobody has."""
    moved: bool = False
    unseen: Mask | None = None
    """What was covered when it settled."""
    otherwise_since_s: float | None = None
    """Since when its place, in open view, has shown neither it nor the ground."""
    looks: int = 0
    covered: int = 0
    """Looks in which somebody stood in front of it."""
    lost_looks: int = 0
    """Looks in a row in which a part of it showed something else."""
    adopted: bool = False
    """Known before a restart: nobody knows the ground beneath it."""


def shown_by_cells(lying: Lying, ground: Ground) -> tuple[Presence, float]:
    """How a thing shows itself, and the part of its cells that is in view, 0 to 1."""
    reach = lying.reach
    own = reach.of(lying.mask) > 0
    total = max(1, int(np.count_nonzero(own)))
    agrees = own & (reach.of(ground.agrees) > 0)
    if np.count_nonzero(agrees) >= SHOWN_SHARE * total:
        # Whatever was detected there, the thing shows.
        return Presence.SEEN, 1.0
    clear = own & (reach.of(ground.covered) == 0)
    in_view = int(np.count_nonzero(clear))
    if in_view < IN_VIEW * total:
        return Presence.HIDDEN, in_view / total
    if np.count_nonzero(agrees & clear) >= SHOWN_SHARE * in_view:
        return Presence.SEEN, in_view / total
    if _alike(reach.of(ground.now)[clear], reach.of(ground.layers.candidate)[clear]) >= LOOKS_SAME:
        # The light has changed: what is black has not become as much darker as the rest, but it shows what it showed.
        return Presence.SEEN, in_view / total
    back = np.count_nonzero(clear & (reach.of(ground.changed) == 0))
    return Presence.ABSENT if back >= BACK_SHARE * in_view else Presence.HIDDEN, in_view / total


def _alike(now: Plane, before: Plane) -> float:
    """Correlation of how some cells look with how they looked, -1 to 1; 0 where there is nothing to recognise."""
    if min(float(now.std()), float(before.std())) < PLAIN:
        return 0.0
    return float(np.corrcoef(now, before)[0, 1])


def shown_by_looks(lying: Lying, look: Look, hidden: float) -> tuple[Presence, float]:
    """The same of a thing whose ground is not known; `hidden` is the part of it that somebody stands in front of."""
    thing = lying.thing
    if likeness(thing.template, look.luma, thing.anchor) >= HELD_LIKE:
        return Presence.SEEN, 1.0 - hidden
    return Presence.HIDDEN if hidden > IN_VIEW else Presence.ABSENT, 1.0 - hidden


def has_left(lying: Lying, now_s: float) -> bool:
    """True once a thing has been gone for so long, and in so many looks, that it will not show again."""
    thing = lying.thing
    if thing.absent_since_s is None:
        return False
    if lying.otherwise_since_s is not None and now_s - lying.otherwise_since_s >= OTHERWISE_S:
        return True
    unseen_s = now_s - thing.absent_since_s
    return (unseen_s >= GONE_S and thing.absent_looks >= GONE_LOOKS) or unseen_s - thing.unwatched_s >= HIDDEN_MAX_S
