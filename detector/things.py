"""Things in places: what stands still, recognised by where it is and how it looks.

Dwell belongs to a thing in a place, not to a track: between two patrol samples everything that moves has gone, so a
sighting is associated by place, and where the detector misses it, the place itself is compared with how it looked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from detector.geometry import Box, iou, overlap
from detector.looks import Look, Sighting
from detector.template import Patch, patch_at, similarity

SEED_SCORE = 0.35
"""A new thing needs a sighting that the detector is fairly sure of; one that is there already may be seen more faintly."""
SAME_PLACE_IOU = 0.5
"""A sighting this close to the anchor is of the same place: a parked car's box varies by a fifth, or is cut by a passer-by."""
UNMOVED_IOU = 0.8
"""This close, what changed is the light, not the thing: a successor never stops on the same spot to a tenth of its size."""
LOOKS_SAME = 0.8
"""Similarity from which a place shows what it showed before. Measured on real footage: a parked car keeps 0.96 and more, 0.7
while somebody walks in front of it; two different cars in one lane, seen from above, reach 0.77."""
LIKELY_SAME = 0.5
"""Enough where the detector also sees it unmoved: a change of light is blind to place, a successor is not."""
SETTLE_S = 3.5
"""At rest this long, a thing is settled; slower than any crawling queue moves by half a car."""
SETTLE_SEEN = 2
GONE_S = 3.0
"""A place must look empty this long, and in this many looks, before its thing has left."""
GONE_LOOKS = 2
HIDDEN_OVERLAP = 0.2
"""Something else that covers this part of the anchor may be what hides the thing."""
ADAPT = 0.1
"""Share of the newest patch in the template: follows the sun, not a passer-by."""
ANCHOR_BOXES = 15
"""The anchor is the median of the first boxes, up to this many; then it stays, so that what creeps is not followed."""
LEARN_EVERY_S = 0.5
"""Looks closer together than this teach nothing new about a thing, however many there are."""


class Presence(StrEnum):
    """How a thing showed itself in one look."""

    SEEN = "seen"
    HELD = "held"  # missed by the detector, but its place looks as before
    HIDDEN = "hidden"  # something stands in front
    ABSENT = "absent"


@dataclass
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
    absent_looks: int = 0
    changed_looks: int = 0
    boxes: list[Box] = field(default_factory=list, repr=False)
    learned_s: float = 0.0

    @property
    def class_name(self) -> str:
        """What the detector called it most often."""
        return self.classes.most_common(1)[0][0]

    @property
    def mean_score(self) -> float:
        """Mean score of its sightings."""
        return self.score_sum / max(1, self.counts[Presence.SEEN])


@dataclass(frozen=True, slots=True)
class Update:
    """What one look changed."""

    settled: tuple[Thing, ...] = ()
    gone: tuple[Thing, ...] = ()
    """Settled things that have left; `absent_since_s` says since when the place looked empty."""


class ThingKeeper:
    """Follows the stationary things of one camera, at any rate of looks. Pure: pictures and times come in."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self._next_id = 1

    def update(self, look: Look) -> Update:
        """Takes a look; gives what settled and what left with it."""
        matched = self._match(look.sightings)
        taken = {index for index in matched.values() if index is not None}
        for thing in self.things:
            index = matched[thing.id]
            self._observe(thing, look, None if index is None else look.sightings[index], taken)
        gone = tuple(thing for thing in self.things if thing.settled and self._has_left(thing, look.time_s))
        self.things = [thing for thing in self.things if thing not in gone and self._keeps(thing)]
        for index, sighting in enumerate(look.sightings):
            if index not in taken and sighting.score >= SEED_SCORE and not self._double(sighting):
                self._start(sighting, look)
        return Update(tuple(self._settle(look)), gone)

    def _match(self, sightings: Sequence[Sighting]) -> dict[int, int | None]:
        """Thing id to index of the sighting in the same place: best overlap first, one to one, settled things first."""
        pairs = [
            (not thing.settled, -iou(thing.anchor, sighting.box), thing.id, index)
            for thing in self.things
            for index, sighting in enumerate(sightings)
            if iou(thing.anchor, sighting.box) >= SAME_PLACE_IOU
        ]
        matched: dict[int, int | None] = {thing.id: None for thing in self.things}
        taken: set[int] = set()
        for _, _, thing_id, index in sorted(pairs):
            if matched[thing_id] is None and index not in taken:
                matched[thing_id] = index
                taken.add(index)
        return matched

    def _observe(self, thing: Thing, look: Look, sighting: Sighting | None, taken: set[int]) -> None:
        likeness = similarity(thing.template, patch_at(look.luma, thing.anchor))
        same = likeness >= LOOKS_SAME
        unmoved = sighting is not None and likeness >= LIKELY_SAME and iou(thing.anchor, sighting.box) >= UNMOVED_IOU
        if sighting is not None and (same or unmoved):
            presence = Presence.SEEN
        elif same:
            presence = Presence.HELD
        elif sighting is not None or self._covered(thing, look, taken):
            presence = Presence.HIDDEN
        else:
            presence = Presence.ABSENT
        thing.presence = presence
        thing.counts[presence] += 1
        if presence is Presence.ABSENT:
            thing.absent_looks += 1
            thing.absent_since_s = look.time_s if thing.absent_since_s is None else thing.absent_since_s
            return
        # A sighting that is neither unmoved nor similar may be a passer-by in the same place, or a successor.
        thing.changed_looks = thing.changed_looks + 1 if sighting is not None and presence is Presence.HIDDEN else 0
        if presence is Presence.HIDDEN:
            if thing.changed_looks == 1:
                thing.absent_since_s = look.time_s
            return
        thing.absent_since_s, thing.absent_looks, thing.last_s = None, 0, look.time_s
        if sighting is not None:
            self._learn(thing, look, sighting, same=same)

    def _learn(self, thing: Thing, look: Look, sighting: Sighting, *, same: bool) -> None:
        thing.classes[sighting.class_name] += 1
        thing.score_sum += sighting.score
        if look.time_s - thing.learned_s < LEARN_EVERY_S:
            return
        thing.learned_s = look.time_s
        if len(thing.boxes) < ANCHOR_BOXES:
            thing.boxes.append(sighting.box)
            if thing.settled:
                # Until then it stays where it was first seen, so that what creeps leaves it.
                thing.anchor = _median(thing.boxes)
        patch = patch_at(look.luma, thing.anchor)
        blended = (1 - ADAPT) * thing.template + ADAPT * patch if same else patch
        norm = float(np.linalg.norm(blended))
        thing.template = (blended / norm if norm > 0 else blended).astype(np.float32)

    def _covered(self, thing: Thing, look: Look, taken: set[int]) -> bool:
        free = [sighting.box for index, sighting in enumerate(look.sightings) if index not in taken]
        return any(overlap(thing.anchor, box) >= HIDDEN_OVERLAP * thing.anchor.area for box in (*free, *look.others))

    def _has_left(self, thing: Thing, now_s: float) -> bool:
        if thing.absent_since_s is None:
            return False
        long_enough = now_s - thing.absent_since_s >= GONE_S
        return long_enough and (thing.absent_looks >= GONE_LOOKS or thing.changed_looks > GONE_LOOKS)

    @staticmethod
    def _keeps(thing: Thing) -> bool:
        # What has not settled is dropped with the first look that does not show it: it was passing.
        return thing.settled or thing.presence in (Presence.SEEN, Presence.HELD)

    def _double(self, sighting: Sighting) -> bool:
        return any(thing.settled and iou(thing.anchor, sighting.box) >= SAME_PLACE_IOU for thing in self.things)

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
        return ready


def _median(boxes: Sequence[Box]) -> Box:
    return Box(*(float(value) for value in np.median(np.array(boxes), axis=0)))
