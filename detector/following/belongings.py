"""What lies beside somebody who stands: noticed while they are there, and weighed less strictly than rubbish.

Rubbish must show by itself once everybody has gone. Goods lie half hidden behind their vendor, so that little of them shows;
but they are only a part of the evidence. What the ground has noticed near a standing person is followed here by its looks.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from detector.following.changes import ChangeKeeper
from detector.following.ground import LOOK_EVERY_S, Ground
from detector.following.people import Person
from detector.following.template import LOOKS_SAME, likeness, patch_at
from detector.following.things import Presence, Thing
from detector.following.traces import AREA_MAX, Nature, Trace, nature, traces
from detector.watching.looks import Look
from detector.zoning.geometry import Box, overlap

NOTICED_S = 1.4
"""Two patrol looks, give or take a little."""
STAYED_S, STAYED_LOOKS = 3.4, 3
"""Then it lies there, as other things do."""
WEIGHT_MIN = 90.0
"""Mean change in steps of 1.1 %, times the root of its cells; more than of rubbish: a shadow lies beside somebody."""
WORN_SHARE = 0.5
"""Of a change, within somebody's box: it is their shadow, or theirs to carry."""
BESIDE = 0.75
"""In body heights: from somebody's box to what is theirs, 1.3 m."""
COVERED_SHARE = 0.3
"""Of its box, behind somebody: then nothing can be said."""
SAME_SHARE = 0.3
"""Of the smaller of two boxes: the same thing, of which more shows now."""
GONE_S = 6.0
"""Looks otherwise for so long: three patrol looks."""


class Belongings:
    """Follows what lies beside people who stand, at any rate of looks. Pure: pictures and times come in.

    Args:
        changes: Knows the ground; up to date with a look when this takes it.
    """

    def __init__(self, changes: ChangeKeeper) -> None:
        self.things: list[Thing] = []
        self._changes = changes
        self._sought_s = -math.inf
        self._next_id = 1

    def update(self, look: Look, people: Sequence[Person]) -> None:
        """Takes a look.

        Args:
            look: What the camera shows.
            people: Who is before it; up to date with the look.
        """
        for thing in self.things:
            _observe(thing, look)
        others = [thing.anchor for thing in self._changes.things if thing.settled]
        self.things = [it for it in self.things if _stays(it, look.time_s) and not _is_one_of(it.anchor, others)]
        came = [it.place for it in people if it.last_s == look.time_s and it.looks > 1 and not it.from_start]
        if not came or look.time_s - self._sought_s < LOOK_EVERY_S:
            return
        self._sought_s = look.time_s
        bodies = _bodies(look)
        aspect = look.luma.shape[1] / look.luma.shape[0]
        ground = self._changes.ground
        for trace in traces(ground, NOTICED_S):
            box = ground.cells.box(trace.reach)
            known = [*others, *(thing.anchor for thing in self.things)]
            worn = any(overlap(box, body) >= WORN_SHARE * box.area for body in bodies)
            if (
                not worn
                and _is_beside(box, came, aspect)
                and not _is_one_of(box, known)
                and _is_object(ground, trace, box)
            ):
                self._start(box, trace, look)

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        for thing in self.things:
            thing.anchor = thing.anchor.shifted(dx, dy)

    def _start(self, box: Box, trace: Trace, look: Look) -> None:
        thing = Thing(self._next_id, box, patch_at(look.luma, box), trace.since_s, look.time_s, learned_s=look.time_s)
        thing.classes["thing"] += 1
        thing.counts[Presence.SEEN] += trace.looks
        self._next_id += 1
        self.things.append(thing)


def _observe(thing: Thing, look: Look) -> None:
    if likeness(thing.template, look.luma, thing.anchor) >= LOOKS_SAME:
        thing.presence, thing.last_s, thing.absent_since_s = Presence.SEEN, look.time_s, None
        thing.settled = thing.settled or (
            look.time_s - thing.first_s >= STAYED_S and thing.counts[Presence.SEEN] + 1 >= STAYED_LOOKS
        )
    elif any(overlap(box, thing.anchor) >= COVERED_SHARE * thing.anchor.area for box in _bodies(look)):
        thing.presence = Presence.HIDDEN
    else:
        thing.presence = Presence.ABSENT
        thing.absent_since_s = look.time_s if thing.absent_since_s is None else thing.absent_since_s
    thing.counts[thing.presence] += 1


def _stays(thing: Thing, now_s: float) -> bool:
    return thing.absent_since_s is None or (thing.settled and now_s - thing.absent_since_s < GONE_S)


def _is_one_of(box: Box, others: Iterable[Box]) -> bool:
    return any(overlap(box, other) >= SAME_SHARE * min(box.area, other.area) for other in others)


def _is_beside(box: Box, people: Sequence[Box], aspect: float) -> bool:
    """Close to somebody who has been there for two looks."""
    for person in people:
        aside = max(person.left - box.right, box.left - person.right, 0.0) * aspect
        deep = max(box.top - person.bottom, person.top - box.bottom, 0.0)
        if max(aside, deep) <= BESIDE * (person.bottom - person.top):
            return True
    return False


def _bodies(look: Look) -> list[Box]:
    return [sighting.box for sighting in look.of("person", "vehicle")]


def _is_object(ground: Ground, trace: Trace, box: Box) -> bool:
    layers = ground.layers
    if layers is None or box.area > AREA_MAX or nature(ground, trace) is not Nature.OBJECT:
        return False
    own = trace.reach.of(trace.mask) > 0
    change = np.abs(trace.reach.of(layers.candidate) - trace.reach.of(layers.reference))[own]
    return float(change.mean()) * float(np.sqrt(own.sum())) >= WEIGHT_MIN
