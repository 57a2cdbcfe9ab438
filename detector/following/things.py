"""Things in places: what stands still, recognised by where it is and how it looks.

Dwell belongs to a thing in a place, not to a track: between two patrol samples everything that moves has gone, so a
sighting is associated by place, and where the detector misses it, the place itself is compared with how it looked.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from detector.following.riders import unridden
from detector.following.road import Departure, Road
from detector.following.template import DETAILS_SAME, LOOKS_SAME, Patch, details_alike, likeness, patch_at, shows
from detector.following.traffic import Standing
from detector.rules.signs import Traffic
from detector.watching.looks import Look, Sighting, unwatched_s
from detector.zoning.geometry import Box, iou, overlap

SEED_SCORE = 0.35
"""A new thing needs a sighting that the detector is fairly sure of; one that is there already may be seen more faintly."""
SAME_PLACE_IOU = 0.5
"""A sighting this close to the anchor is of the same place: a parked car's box varies by a fifth, or is cut by a passer-by."""
UNMOVED_IOU = 0.8
"""This close, it is the same place, not something in front; at a stop line successors reach 0.92, so looks decide as well."""
LIKELY_SAME = 0.75
"""Enough where the detector also sees it unmoved: the same car keeps 0.72 to 0.83 under passing headlights, another one that
stops on the very same spot has 0.58 at the median and 0.74 at most."""
LIT_SAME = 0.3
"""Under a lamp that trebles the light on one side a parked car keeps this much at least; the details then decide."""
SETTLE_S = 3.5
"""At rest this long, a thing is settled; slower than any crawling queue moves by half a car."""
SETTLE_SEEN = 2
GONE_S = 3.0
"""A place must look empty this long, and in this many looks, before its thing has left."""
GONE_LOOKS = 2
HIDDEN_MAX_S = 150.0
"""Something may stand in front this long (a queue at a red light); then its thing counts as gone since it was last seen."""
HIDDEN_OVERLAP = 0.2
"""Something else that covers this part of the anchor may be what hides the thing."""
ADAPT = 0.1
"""Share of the newest patch in the template: follows the sun, not a passer-by."""
ANCHOR_BOXES = 15
"""The anchor is the median of the first boxes, up to this many; then it stays, so that what creeps is not followed."""
LEARN_EVERY_S = 0.5
"""Looks closer together than this teach nothing new about a thing, however many there are."""
AWAY_S = 20.0
"""After so long without a look, watching begins anew: what came meanwhile came nobody knows when. Longer than two re-checks."""

RIDDEN = "two_wheeler"
"""Role of what can stand there with somebody on it, and is then not left there."""


class Presence(StrEnum):
    """How a thing showed itself in one look."""

    SEEN = "seen"
    HELD = "held"  # missed by the detector, but its place looks as before
    HIDDEN = "hidden"  # something stands in front
    ABSENT = "absent"


@dataclass(eq=False)
class Thing:
    """One stationary thing. `first_s` and `last_s` are media time."""

    id: int
    anchor: Box
    template: Patch = field(repr=False)
    first_s: float
    """First look at it in this place."""
    last_s: float
    """Last look that showed it there."""
    presence: Presence = Presence.SEEN
    settled: bool = False
    counts: Counter[Presence] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    score_sum: float = 0.0
    absent_since_s: float | None = None
    unwatched_s: float = 0.0
    """How much of the time since then had no looks."""
    absent_looks: int = 0
    changed_looks: int = 0
    """Looks in a row in which something else stood exactly in its place."""
    beside: tuple[Box, ...] = field(default=(), repr=False)
    """What overlapped it when it was last seen (a bench, a neighbour): that does not hide it."""
    boxes: list[Box] = field(default_factory=list, repr=False)
    learned_s: float = 0.0
    from_start: bool = False
    """True for what stood there already when watching began."""
    steady: bool = True
    """False for what moves within its place (a pitch with its people): how the place looks proves nothing there."""

    @property
    def class_name(self) -> str:
        """What the detector called it most often."""
        return self.classes.most_common(1)[0][0]

    @property
    def mean_score(self) -> float:
        """Mean score of its sightings."""
        return self.score_sum / max(1, self.counts[Presence.SEEN])

    @property
    def seen_share(self) -> float:
        """Share of all looks that showed it, 0 to 1."""
        return self.counts[Presence.SEEN] / max(1, sum(self.counts.values()))

    def has_stood_since(self, since_s: float) -> None:
        """Counts the looks before its first sighting in which it stood there and was missed, at the pace of those since."""
        pace_s = (self.last_s - self.first_s) / max(1, sum(self.counts.values()) - 1)
        if pace_s > 0:
            self.counts[Presence.HELD] += max(0, round((self.first_s - since_s) / pace_s) - 1)


@dataclass(frozen=True, slots=True)
class Update:
    """What one look changed."""

    settled: tuple[Thing, ...] = ()
    gone: tuple[Thing, ...] = ()
    """Settled things that have left; `absent_since_s` says since when the place looked empty."""
    merged: tuple[Thing, ...] = ()
    """Settled things that turned out to be an older one: no longer followed."""


class ThingKeeper:
    """Follows the stationary things of one camera that the detector has a class for, at any rate of looks.

    Args:
        roles: Roles of the classes that it follows; everything else can only stand in front.
    """

    def __init__(self, roles: Collection[str] = ("vehicle",)) -> None:
        self.things: list[Thing] = []
        self._roles = frozenset(roles)
        self._next_id = 1
        self._first: Look | None = None
        self._looked_s = -math.inf
        self._road = Road()
        self._traffic: dict[int, Traffic] = {}

    def update(self, look: Look) -> Update:
        """Takes a look; gives what settled and what left with it."""
        if look.time_s - self._looked_s > AWAY_S:
            self._first = look
        for thing in (it for it in self.things if it.absent_since_s is not None):
            thing.unwatched_s += unwatched_s(self._looked_s, look.time_s)
        self._looked_s = look.time_s
        self._traffic = {}
        sightings = unridden(look) if self._roles == {RIDDEN} else look.of(*self._roles)
        matched = self._match(sightings)
        taken: set[int] = set()
        for thing in self.things:
            index = matched[thing.id]
            self._observe(thing, look, None if index is None else sightings[index])
            if index is not None and thing.presence is Presence.SEEN:
                taken.add(index)
        gone = tuple(thing for thing in self.things if thing.settled and self._has_left(thing, look.time_s))
        passed = [thing for thing in self.things if not self._keeps(thing)]
        self.things = [thing for thing in self.things if thing not in gone and thing not in passed]
        left = [Departure(_standing(thing), thing.last_s) for thing in gone]
        self._road.moved(look.time_s, left, (thing.anchor for thing in passed))
        doubles = self._doubles()
        self.things = [thing for thing in self.things if thing not in doubles]
        for index, sighting in enumerate(sightings):
            if index not in taken and sighting.score >= SEED_SCORE and not self._double(sighting):
                self._start(sighting, look)
        return Update(tuple(self._settle(look)), gone, tuple(thing for thing in doubles if thing.settled))

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        for thing in self.things:
            thing.anchor = thing.anchor.shifted(dx, dy)
            thing.boxes = [box.shifted(dx, dy) for box in thing.boxes]
            thing.beside = tuple(box.shifted(dx, dy) for box in thing.beside)
        self._road.shift(dx, dy)

    def adopt(self, thing: Thing) -> None:
        """Follows a thing that was followed before a restart."""
        thing.id = self._next_id
        self._next_id += 1
        self.things.append(thing)

    def relearn(self) -> None:
        """What is in the next look was there when watching began. What is known keeps its looks: they are its own."""
        self._looked_s = -math.inf

    def signs(self, thing: Thing) -> Traffic:
        """How the vehicles around it stand, in the newest look."""
        if not self._traffic:
            settled = [it for it in self.things if it.settled]
            around = self._road.around([*map(_standing, settled)])
            self._traffic = {it.id: sign for it, sign in zip(settled, around, strict=True)}
        return self._traffic.get(thing.id, Traffic(in_file=0, neighbours=0))

    def _match(self, sightings: Sequence[Sighting]) -> dict[int, int | None]:
        """Thing id to index of the sighting in the same place: best overlap first, one to one."""
        pairs = [
            (-iou(thing.anchor, sighting.box), thing.id, index)
            for thing in self.things
            for index, sighting in enumerate(sightings)
            if iou(thing.anchor, sighting.box) >= SAME_PLACE_IOU
        ]
        matched: dict[int, int | None] = {thing.id: None for thing in self.things}
        taken: set[int] = set()
        for _, thing_id, index in sorted(pairs):
            if matched[thing_id] is None and index not in taken:
                matched[thing_id] = index
                taken.add(index)
        return matched

    def _observe(self, thing: Thing, look: Look, sighting: Sighting | None) -> None:
        alike = likeness(thing.template, look.luma, thing.anchor)
        in_place = sighting is not None and iou(thing.anchor, sighting.box) >= UNMOVED_IOU
        same = alike >= LOOKS_SAME or ((thing.settled or in_place) and self._lit_otherwise(thing, look, alike))
        if sighting is not None and (same or (in_place and alike >= LIKELY_SAME)):
            thing.presence = Presence.SEEN
        elif same:
            thing.presence = Presence.HELD
        elif sighting is not None or self._covered(thing, look):
            thing.presence = Presence.HIDDEN
        else:
            thing.presence = Presence.ABSENT
        thing.counts[thing.presence] += 1
        if thing.presence in (Presence.SEEN, Presence.HELD):
            thing.absent_since_s, thing.unwatched_s, thing.absent_looks, thing.changed_looks = None, 0.0, 0, 0
            thing.last_s = look.time_s
            if sighting is not None:
                self._learn(thing, look, sighting, same=same)
            return
        thing.absent_looks += thing.presence is Presence.ABSENT
        # What stands in front is nearer, so its box is another; what has the same box and looks different is a successor.
        thing.changed_looks = thing.changed_looks + 1 if in_place else 0
        thing.absent_since_s = look.time_s if thing.absent_since_s is None else thing.absent_since_s

    @staticmethod
    def _lit_otherwise(thing: Thing, look: Look, alike: float) -> bool:
        """True where a lamp or a beam lies on a part of it: the whole looks different, its details do not."""
        return alike >= LIT_SAME and details_alike(thing.template, look.luma, thing.anchor) >= DETAILS_SAME

    def _learn(self, thing: Thing, look: Look, sighting: Sighting, *, same: bool) -> None:
        thing.classes[sighting.class_name] += 1
        thing.score_sum += sighting.score
        boxes = (other.box for other in look.sightings if other is not sighting)
        thing.beside = tuple(box for box in boxes if overlap(thing.anchor, box) > 0)
        # What only resembles it may have a passer-by in it: the template learns from clear views alone.
        if not same or look.time_s - thing.learned_s < LEARN_EVERY_S:
            return
        thing.learned_s = look.time_s
        if len(thing.boxes) < ANCHOR_BOXES:
            thing.boxes.append(sighting.box)
            if thing.settled:
                # Until then it stays where it was first seen, so that what creeps leaves it.
                thing.anchor = _median(thing.boxes)
        patch = patch_at(look.luma, thing.anchor)
        blended = (1 - ADAPT) * thing.template + ADAPT * patch
        norm = float(np.linalg.norm(blended))
        thing.template = (blended / norm if norm > 0 else blended).astype(np.float32)

    @staticmethod
    def _covered(thing: Thing, look: Look) -> bool:
        return any(
            overlap(thing.anchor, other.box) >= HIDDEN_OVERLAP * thing.anchor.area
            and all(iou(other.box, known) < SAME_PLACE_IOU for known in thing.beside)
            for other in look.sightings
        )

    @staticmethod
    def _has_left(thing: Thing, now_s: float) -> bool:
        if thing.absent_since_s is None:
            return False
        unseen_s = now_s - thing.absent_since_s
        empty = thing.absent_looks >= GONE_LOOKS or thing.changed_looks > GONE_LOOKS
        return (unseen_s >= GONE_S and empty) or unseen_s - thing.unwatched_s >= HIDDEN_MAX_S

    @staticmethod
    def _keeps(thing: Thing) -> bool:
        # What has not settled is dropped with the first look that does not show it: it was passing.
        return thing.settled or thing.presence in (Presence.SEEN, Presence.HELD)

    def _doubles(self) -> list[Thing]:
        """Younger things that are an older one: its place shows it, and the two have but one sighting between them."""
        present = [thing for thing in self.things if thing.presence in (Presence.SEEN, Presence.HELD)]
        return [
            younger
            for younger in present
            if any(
                older.id < younger.id
                and Presence.HELD in (older.presence, younger.presence)
                and iou(older.anchor, younger.anchor) >= SAME_PLACE_IOU
                for older in present
            )
        ]

    def _double(self, sighting: Sighting) -> bool:
        return any(
            thing.settled
            and thing.presence in (Presence.SEEN, Presence.HELD)
            and iou(thing.anchor, sighting.box) >= SAME_PLACE_IOU
            for thing in self.things
        )

    def _was_there(self, thing: Thing) -> bool:
        """True when the first look shows it already: the detector may have missed it there."""
        first = self._first
        if first is None or thing.first_s <= first.time_s:
            return True
        return shows(thing.template, first.luma, thing.anchor)

    def _start(self, sighting: Sighting, look: Look) -> None:
        thing = Thing(self._next_id, sighting.box, patch_at(look.luma, sighting.box), look.time_s, look.time_s)
        thing.counts[Presence.SEEN] += 1
        thing.classes[sighting.class_name] += 1
        thing.score_sum, thing.boxes, thing.learned_s = sighting.score, [sighting.box], look.time_s
        self._next_id += 1
        self.things.append(thing)

    def _settle(self, look: Look) -> list[Thing]:
        ready = [
            thing
            for thing in self.things
            if not thing.settled
            and thing.presence is Presence.SEEN
            and look.time_s - thing.first_s >= SETTLE_S
            and thing.counts[Presence.SEEN] >= SETTLE_SEEN
        ]
        for thing in ready:
            thing.settled = True
            thing.anchor = _median(thing.boxes)
            thing.template = patch_at(look.luma, thing.anchor)
            thing.from_start = self._was_there(thing)
        return ready


def _standing(thing: Thing) -> Standing:
    return Standing(thing.anchor, None if thing.from_start else thing.first_s)


def _median(boxes: Sequence[Box]) -> Box:
    return Box(*(float(value) for value in np.median(np.array(boxes), axis=0)))
