"""Things on the ground that were not there before, seen as change and not by class: a detector has no class for most rubbish.

A region that has changed and stayed becomes a thing, unless it is light, or what shows where something has left, or the doing
of somebody who stands there. From then on its cells are compared with how it looks and with how the ground looked.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from detector.following.bystanders import Bystanders
from detector.following.cells import Corners, Mask, Reach, reach_of, without
from detector.following.ground import Ground
from detector.following.lying import IN_VIEW, SHOWN_SHARE, Lying, has_left, shown_by_cells, shown_by_looks
from detector.following.moves import Moves
from detector.following.template import patch_at
from detector.following.things import ADAPT, ANCHOR_BOXES, Presence, Thing, Update
from detector.following.traces import AREA_MAX, WEIGHT_MIN, Nature, Trace, nature, near, traces, weight
from detector.rules.signs import Company
from detector.watching.looks import Look, unwatched_s
from detector.zoning.geometry import Box, iou, overlap

__all__ = ["ChangeKeeper", "Corners"]

THING = "thing"
"""Class of what the detector has no word for."""
NOTICED_S = 1.5
"""What has stayed this long is looked at in every picture from then on."""
STAYED_S = 3.4
STAYED_LOOKS = 3
"""So long, and in so many looks, until it is a thing: three samples of patrol."""
EDGE = 0.008
"""Part of the frame along its edge: of what is cut there nobody knows what it is, or where it stands."""
OPEN_VIEW = 0.8
GROWS_S = 10.0
"""What comes to lie beside a thing so soon after it is a part of it."""
UNSEEN_SHARE = 0.5
"""What lies beside it and was covered when it was first seen is so, too, whenever it shows ..."""
REVEALED_MAX = 2.0
"""... if it is no more than twice as large: else it is a thing of its own that has come since."""
LOST_SHARE = 0.15
"""Part of its cells that may look otherwise: outlines are rough."""
CLASSED_IOU = 0.3
ITSELF_IOU = 0.6
"""A detection this close to a thing is the thing under another name, not something in front."""
NEAR_GAP_S = 6.5
"""Looks further apart than this tell nothing of who stayed near meanwhile: where it matters, every patrol look is taken."""
AROUND = 0.15
"""Who is further away from the ground than this part of the frame is of no matter."""


class ChangeKeeper:
    """Follows what has been put on the ground of some zones, at any rate of looks. Pure: pictures and times come in.

    Args:
        ground: Polygons of the zones, in fractions of the frame.
    """

    def __init__(self, ground: Sequence[Corners]) -> None:
        self.ground = Ground(ground)
        self.bystanders = Bystanders(_around(ground))
        self._moves = Moves()
        self._lying: dict[int, Lying] = {}
        self._next_id = 1
        self._now_s = -math.inf

    @property
    def things(self) -> list[Thing]:
        """All that lies there, settled or not."""
        return [lying.thing for lying in self._lying.values()]

    def update(self, look: Look) -> Update:
        """Takes a look; gives what settled and what left with it."""
        if not self.ground.due(look.time_s):
            return Update()
        if self._lying and look.luma.shape != self.ground.cells.picture:
            self.relearn()
        self._pass(look.time_s)
        self.bystanders.look(look)
        self.ground.look(look.time_s, look.luma, self.bystanders.covering())
        if self.ground.holding:
            return Update()
        gone = []
        for lying in [it for it in self._lying.values() if it.thing.settled]:
            self._observe(lying, look)
            if has_left(lying, look.time_s):
                gone.append(lying.thing)
                if not lying.adopted:
                    self.ground.release(lying.mask)
                del self._lying[lying.thing.id]
        return Update(tuple(self._notice(look)), tuple(gone))

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        self.ground.shift(dx, dy)
        self.bystanders.place = self.bystanders.place.shifted(dx, dy)
        for lying in self._lying.values():
            thing = lying.thing
            thing.anchor = thing.anchor.shifted(dx, dy)
            thing.boxes = [box.shifted(dx, dy) for box in thing.boxes]
            lying.reach = self.ground.cells.reach(thing.anchor)
            lying.mask = self.ground.cells.mask([thing.anchor])
            if thing.settled:
                lying.mask = np.asarray(cv2.bitwise_and(lying.mask, self.ground.layers.claimed), np.uint8)
            lying.unseen = None

    def relearn(self) -> None:
        """What the camera sees from now on is its view: what was learned of the ground counts no more."""
        self.ground.relearn()
        self._moves = Moves()
        for lying in [*self._lying.values()]:
            if lying.thing.settled:
                # Its own looks are all that is left of it: it stays if the new view shows it there.
                self._take_over(lying.thing)
            else:
                del self._lying[lying.thing.id]

    def adopt(self, thing: Thing) -> None:
        """Follows a thing that was followed before a restart: it goes by its own looks, as the ground beneath is not known."""
        thing.id = self._next_id
        self._next_id += 1
        self._take_over(thing)

    def signs(self, thing: Thing) -> Company:
        """Who is near one of its things, and what else speaks for or against it."""
        lying = self._lying.get(thing.id)
        if lying is None or lying.thing is not thing:
            return Company(alone_s=0.0)
        return Company(
            alone_s=max(0.0, self._now_s - lying.stayed_near_s),
            moved=lying.moved,
            covered=lying.covered / max(1, lying.looks),
        )

    def _pass(self, now_s: float) -> None:
        """Time goes on to a look: who stayed near while nobody looked is not known, so that does not count as being alone."""
        first = self._now_s == -math.inf
        for lying in self._lying.values():
            if lying.thing.absent_since_s is not None:
                lying.thing.unwatched_s += unwatched_s(self._now_s, now_s)
            lying.stayed_near_s = now_s if first else lying.stayed_near_s + unwatched_s(self._now_s, now_s, NEAR_GAP_S)
        self._now_s = now_s

    def _take_over(self, thing: Thing) -> None:
        nothing = np.zeros(self.ground.cells.shape, np.uint8)
        self._lying[thing.id] = Lying(thing, nothing, Reach(0, 0, 0, 0), thing.last_s, adopted=True)

    def _notice(self, look: Look) -> list[Thing]:
        """Looks through what has changed and stayed; gives the things that settled."""
        pending: set[int] = set()
        settled: list[Thing] = []
        for trace in traces(self.ground, NOTICED_S):
            box = self.ground.cells.box(trace.reach)
            if self.bystanders.explains(box, look.luma, trace.since_s, look.time_s):
                self.ground.doubt(trace.mask)
            elif not self._shows(trace) or _cut(box):
                continue
            elif trace.stayed_s < STAYED_S or trace.looks < STAYED_LOOKS:
                if box.area <= AREA_MAX:
                    pending.add(self._pending(box, trace, look).thing.id)
            elif self._is_object(box, trace, look.time_s) and not self._grows(trace, look):
                lying = self._pending(box, trace, look)
                self._settle(lying, look)
                settled.append(lying.thing)
        for key in [key for key, it in self._lying.items() if not it.thing.settled and key not in pending]:
            del self._lying[key]
        return settled

    def _shows(self, trace: Trace) -> bool:
        """True while the newest look shows a change as it was: of what is hidden just now nothing can be said."""
        ground, reach = self.ground, trace.reach
        own = reach.of(trace.mask) > 0
        clear = own & (reach.of(ground.covered) == 0)
        shown = np.count_nonzero(clear & (reach.of(ground.agrees) > 0) & (reach.of(ground.changed) > 0))
        in_view = np.count_nonzero(clear)
        return bool(shown >= SHOWN_SHARE * in_view and in_view >= IN_VIEW * np.count_nonzero(own))

    def _is_object(self, box: Box, trace: Trace, now_s: float) -> bool:
        """Whether a change is something that was put there; anything else becomes part of the ground."""
        if any(it.adopted and overlap(it.thing.anchor, box) >= UNSEEN_SHARE * box.area for it in self._lying.values()):
            return False
        what = nature(self.ground, trace)
        if what is Nature.OBJECT and box.area <= AREA_MAX and weight(self.ground, trace) >= WEIGHT_MIN:
            return True
        if what is Nature.LIGHT:
            self.ground.absorb_light(trace.mask)
        else:
            self._moves.left(self.ground, trace.reach, now_s)
            self.ground.absorb(trace.mask)
        return False

    def _pending(self, box: Box, trace: Trace, look: Look) -> Lying:
        """The thing that a change is going to be, or else a new one."""
        unsettled = (it for it in self._lying.values() if not it.thing.settled)
        lying = next((it for it in unsettled if overlap(it.thing.anchor, box) > 0), None)
        if lying is None:
            thing = Thing(self._next_id, box, patch_at(look.luma, box), trace.since_s, look.time_s)
            thing.classes[THING] += 1
            self._next_id += 1
            lying = self._lying[thing.id] = Lying(thing, trace.mask, trace.reach, trace.since_s)
        thing = lying.thing
        thing.last_s = thing.learned_s = look.time_s
        thing.counts[Presence.SEEN] = lying.looks = trace.looks
        thing.score_sum = float(trace.looks)
        self._cover(lying, trace.mask, trace.reach, look)
        self._mind(lying, look.time_s)
        return lying

    def _cover(self, lying: Lying, mask: Mask, reach: Reach, look: Look) -> None:
        """Says which cells a thing has."""
        lying.mask, lying.reach = mask, reach
        thing = lying.thing
        thing.anchor = self.ground.cells.box(reach)
        thing.template = patch_at(look.luma, thing.anchor)
        # The outline comes from many looks: more boxes would not make it any better.
        thing.boxes = [thing.anchor] * ANCHOR_BOXES

    def _settle(self, lying: Lying, look: Look) -> None:
        lying.thing.settled = True
        lying.unseen = self.ground.covered
        lying.moved = self._moves.brought(self.ground, lying.reach, look.time_s)
        self.ground.claim(lying.mask)
        self._name(lying, look)

    def _grows(self, trace: Trace, look: Look) -> bool:
        """True for a part of a thing that is already known: it gets its cells."""
        for lying in self._lying.values():
            if not lying.thing.settled or lying.adopted or not near(lying.reach, trace.reach):
                continue
            small = cv2.countNonZero(trace.mask) <= REVEALED_MAX * cv2.countNonZero(lying.mask)
            revealed = small and _share(trace.mask, lying.unseen) >= UNSEEN_SHARE
            if trace.since_s - lying.thing.first_s <= GROWS_S or revealed:
                mask = np.asarray(cv2.bitwise_or(lying.mask, trace.mask), np.uint8)
                self.ground.claim(mask)
                self._cover(lying, mask, lying.reach.with_(trace.reach), look)
                return True
        return False

    def _mind(self, lying: Lying, now_s: float) -> None:
        """Notes whether somebody stays near."""
        if self.bystanders.stays_near(lying.thing.anchor, lying.thing.first_s, now_s):
            lying.stayed_near_s = now_s

    def _observe(self, lying: Lying, look: Look) -> None:
        thing = lying.thing
        self._mind(lying, look.time_s)
        lying.looks += 1
        in_front = [box for box in self.bystanders.covering() if iou(box, thing.anchor) < ITSELF_IOU]
        hidden = max((overlap(box, thing.anchor) for box in in_front), default=0.0) / max(thing.anchor.area, 1e-9)
        lying.covered += hidden > IN_VIEW
        thing.presence, in_view = (
            shown_by_looks(lying, look, hidden) if lying.adopted else shown_by_cells(lying, self.ground)
        )
        thing.counts[thing.presence] += 1
        if thing.presence is Presence.SEEN:
            thing.last_s = look.time_s
            thing.absent_since_s, thing.unwatched_s, thing.absent_looks, lying.otherwise_since_s = None, 0.0, 0, None
            thing.score_sum += 1.0
            self._name(lying, look)
            if hidden == 0 and not lying.adopted:
                self._learn(lying, look)
            return
        thing.absent_since_s = look.time_s if thing.absent_since_s is None else thing.absent_since_s
        thing.absent_looks += thing.presence is Presence.ABSENT
        if lying.otherwise_since_s is None and thing.presence is Presence.HIDDEN and in_view >= OPEN_VIEW:
            lying.otherwise_since_s = look.time_s

    def _learn(self, lying: Lying, look: Look) -> None:
        """Follows how a thing looks that is in full view; where something else has come to lie on it, that is left out."""
        thing, ground, reach = lying.thing, self.ground, lying.reach
        own = reach.of(lying.mask) > 0
        agrees = own & (reach.of(ground.agrees) > 0)
        lying.lost_looks = lying.lost_looks + 1 if np.count_nonzero(agrees) <= (1 - LOST_SHARE) * own.sum() else 0
        others = (it for it in self._lying.values() if it is not lying and it.thing.settled)
        if lying.lost_looks >= STAYED_LOOKS and any(near(it.reach, reach) for it in others):
            lost = np.zeros_like(lying.mask)
            reach.of(lost)[own & ~agrees] = 255
            ground.release(lost)
            lying.lost_looks = 0
            kept = without(lying.mask, lost)
            self._cover(lying, kept, reach_of(kept), look)
        elif lying.lost_looks == 0:
            blended = (1 - ADAPT) * thing.template + ADAPT * patch_at(look.luma, thing.anchor)
            thing.template = (blended / max(float(np.linalg.norm(blended)), 1e-6)).astype(np.float32)

    @staticmethod
    def _name(lying: Lying, look: Look) -> None:
        for sighting in look.of("goods", "stall"):
            if iou(sighting.box, lying.thing.anchor) >= CLASSED_IOU:
                lying.thing.classes[sighting.class_name] += 1


def _around(ground: Sequence[Corners]) -> Box:
    """Where somebody must be to matter: on the ground, or some steps beside it."""
    corners = np.array([corner for zone in ground for corner in zone])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return Box(float(left) - AROUND, float(top) - AROUND, float(right) + AROUND, float(bottom) + AROUND)


def _share(mask: Mask, of: Mask | None) -> float:
    """Part of a mask's cells that lie in another."""
    return 0.0 if of is None else cv2.countNonZero(cv2.bitwise_and(mask, of)) / max(1, cv2.countNonZero(mask))


def _cut(box: Box) -> bool:
    return box.left < EDGE or box.top < EDGE or box.right > 1 - EDGE or box.bottom > 1 - EDGE
