"""Bystanders: bodies that stand somewhere, also while the detector misses them, and who stays near a thing."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.following.template import Patch, likeness, patch_at
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box, iou, overlap

ROLES = ("person", "vehicle", "two_wheeler")
"""Roles of what moves by itself, in the registry's words."""
SURE = 0.4
"""Score of a body that explains a change; fainter ones are also rubbish that resembles one."""
FAINT = 0.25
"""Enough to look elsewhere in this one picture."""
SAME_PLACE_IOU = 0.4
"""A person who stands turns and stoops: the box is less steady than a car's."""
UNMOVED_IOU = 0.6
"""A post's box hardly varies."""
SAME_VEHICLE_IOU = 0.6
LOOKS_SAME = 0.75
"""Likeness of a place from which who stood there still does: a standing person keeps 0.8, a successor has 0.6 at most."""
UNBROKEN_S = 3.0
"""After a longer gap between two sightings the place must look the same, or it is somebody else."""
REMEMBERED_S = 6.0
"""A body that was seen in its place once is forgotten after this ..."""
STOOD_MAX_S = 120.0
"""... one that stood there after this, if it is not seen again and its place shows it no more."""
RECENT_S = 3.0
"""So long after its last sighting a body is taken to be there still."""
COVERS = 0.08
"""A body's box is grown by this share on each side: arms and shadows reach out of it."""
ARMS = 0.25
"""What lies at the feet of somebody who stands is looked at once he has gone: until then it is his."""
SHADOW = 0.45
"""A vehicle's shadow and the shine of its lamps reach out so far; they came with it ..."""
TOGETHER_S = 6.5
"""... give or take three looks."""
EXPLAINS = 0.5
"""Part of a change that a body must cover to explain it."""
STAYS_S = ((1.4, 3.2), (3.2, 6.0))
"""Who stays was in the same place at both times before now; a walker has gone two body heights in 2 s."""
STAYS_HEIGHTS = 0.4
NEAR_HEIGHTS = 1.5
"""Distances in body heights: 0.7 m and 2.5 m on the ground, nearly."""
BEGAN_S, ALWAYS_S = 3.0, 60.0
"""Who stood there when watching began, or this long before a thing was put down, has nothing to do with it."""
HEIGHTS_KEPT = 100
HEIGHTS_MIN = 2
SCALE_BAND = 0.12
"""People whose feet are so little higher or lower in the picture are as far away."""
LEAST_HEIGHTS = {"person": (0.7, 0.0), "vehicle": (0.85, 0.5)}
"""In body heights, where the detector is not so sure and where it is: armchairs pass for people and sacks for cars. A car seen
from the front is nearly as high as a person, but no vehicle is half as high; a person may sit or be a child."""
PLAIN_SCORE = 0.6
"""The detector is sure from this score on."""


@dataclass(eq=False)
class Body:
    """Somebody or something that moves by itself, at the place where it was last seen. Moments are media time."""

    role: str
    first: Box
    """In its first sighting."""
    box: Box
    first_s: float
    last_s: float
    """Last sighting."""
    looks: int
    score: float
    """Best of its sightings."""
    template: Patch | None = field(default=None, repr=False)
    """What its place looked like in its last sighting; of one that stood there and is missed now."""


class Bystanders:
    """Remembers the bodies before one camera. Pure: looks come in.

    Args:
        place: Only who reaches into it counts, in fractions of the frame.
    """

    def __init__(self, place: Box) -> None:
        self.place = place
        self.bodies: list[Body] = []
        self._now: list[Sighting] = []
        self._people: deque[tuple[float, list[Box]]] = deque()
        self._heights: deque[tuple[float, float]] = deque(maxlen=HEIGHTS_KEPT)
        self._aspect = 1.0
        self._last: Look | None = None
        self._began_s = math.inf
        self._after_gap = False
        """True where the last look is too long ago to tell who stays."""

    def look(self, look: Look) -> None:
        """Takes a look."""
        height, width = look.luma.shape
        self._aspect = width / height
        self._began_s = min(self._began_s, look.time_s)
        self._after_gap = self._last is not None and look.time_s - self._last.time_s > STAYS_S[-1][1]
        near = (it for it in look.of(*ROLES) if overlap(it.box, self.place) > 0)
        self._now = [it for it in near if self._plausible(it.role, it.box, it.score)]
        people = [it for it in self._now if it.role == "person"]
        self._heights.extend((it.box.bottom, _height(it.box)) for it in people if it.score >= SURE)
        self._people.append((look.time_s, [it.box for it in people]))
        while look.time_s - self._people[0][0] > STAYS_S[-1][1]:
            self._people.popleft()
        new = self._matched(self._now, look)
        self._remember(look)
        self.bodies = [body for body in self.bodies if _kept(body, look.time_s)]
        self.bodies += [Body(it.role or "", it.box, it.box, look.time_s, look.time_s, 1, it.score) for it in new]

    def covering(self) -> list[Box]:
        """Where the newest look shows bodies, grown a little."""
        return [it.box.grown(COVERS) for it in self._now if it.score >= FAINT]

    def explains(self, box: Box, luma: NDArray[np.uint8], since_s: float, now_s: float) -> bool:
        """True while a change in a box is a body's doing, whether the detector sees that in this look or not.

        Args:
            box: Where something changed.
            luma: `(height, width)` uint8, the newest look.
            since_s: When it changed, in media time.
            now_s: Media time of the look.
        """
        return any(
            overlap(body.box.grown(_reach(body, since_s)), box) >= EXPLAINS * box.area
            and body.score >= SURE
            and self._plausible(body.role, body.box, body.score)
            and (now_s - body.last_s <= RECENT_S or _still_there(body, luma))
            for body in self.bodies
        )

    def stays_near(self, box: Box, since_s: float, now_s: float) -> bool:
        """True while somebody stays near a thing: in one place from look to look; who only passes does not count.

        In the first look after a gap nobody can tell the one from the other: whoever is near may have stayed.

        Args:
            box: Where the thing lies.
            since_s: When it was put there, in media time: who stood there long before is a part of the place, such as a post
                that passes for a person.
            now_s: Media time of the newest look.
        """
        newest = self._people[-1][1] if self._people else []
        near = [person for person in newest if self._distance(person, box) <= NEAR_HEIGHTS * _height(person)]
        # Where the thing is older than the watching, as after a restart, who stood there at first may have put it down.
        known_s = max(self._began_s + BEGAN_S if since_s >= self._began_s else -math.inf, since_s - ALWAYS_S)
        fixtures = [body.first for body in self.bodies if body.looks > 1 and body.first_s <= known_s]
        near = [person for person in near if all(iou(person, it) < UNMOVED_IOU for it in fixtures)]
        if not near:
            return False
        spans = [
            [people for time_s, people in self._people if since_s <= now_s - time_s < until_s]
            for since_s, until_s in STAYS_S
        ]
        # Where no look falls into one of the spans, the other must do.
        spans = [looks for looks in spans if looks]
        if not spans:
            return self._after_gap
        return any(
            all(any(self._same_place(person, it) for people in looks for it in people) for looks in spans)
            for person in near
        )

    def _matched(self, sightings: Sequence[Sighting], look: Look) -> list[Sighting]:
        """Brings bodies that are seen in their places again up to date; gives the sightings of the others."""
        if not self.bodies or not sightings:
            return list(sightings)
        alike = _ious([body.box for body in self.bodies], [it.box for it in sightings])
        order = np.argsort(-alike, axis=None, kind="stable")[: np.count_nonzero(alike >= SAME_PLACE_IOU)]
        taken: set[int] = set()
        known: set[int] = set()
        for number, index in ((int(it) // len(sightings), int(it) % len(sightings)) for it in order):
            body, again = self.bodies[number], sightings[index]
            if index in taken or number in known or again.role != body.role:
                continue
            if body.role == "vehicle" and alike[number, index] < SAME_VEHICLE_IOU:
                continue
            if look.time_s - body.last_s > UNBROKEN_S and not _resembles(body, look.luma, again.box):
                # Somebody else stands there now.
                continue
            taken.add(index)
            known.add(number)
            body.box, body.last_s, body.looks = again.box, look.time_s, body.looks + 1
            body.score = max(body.score, again.score)
            body.template = None
        return [it for index, it in enumerate(sightings) if index not in taken]

    def _remember(self, look: Look) -> None:
        """Of who stood there in the last look, and is missed in this one: how the place looked then."""
        for body in self.bodies:
            if body.looks > 1 and self._last is not None and body.last_s == self._last.time_s:
                body.template = patch_at(self._last.luma, body.box)
        self._last = look

    def _plausible(self, role: str | None, box: Box, score: float) -> bool:
        """False for what is too small for what it was called: the size of others tells."""
        faint, sure = LEAST_HEIGHTS.get(role or "", (0.0, 0.0))
        least = sure if score >= PLAIN_SCORE else faint
        if least == 0:
            return True
        heights = sorted(high for foot, high in self._heights if abs(foot - box.bottom) <= SCALE_BAND)
        if len(heights) < HEIGHTS_MIN:
            return True
        size = _height(box) if role == "person" else max((box.right - box.left) * self._aspect, _height(box))
        return size >= least * heights[len(heights) // 2]

    def _distance(self, person: Box, box: Box) -> float:
        """From somebody's feet to the nearest point of a box, in heights of the frame."""
        x, y = person.ground_contact
        across = max(box.left - x, 0.0, x - box.right) * self._aspect
        return float(np.hypot(across, max(box.top - y, 0.0, y - box.bottom)))

    def _same_place(self, person: Box, other: Box) -> bool:
        (x, y), (other_x, other_y) = person.ground_contact, other.ground_contact
        return float(np.hypot((x - other_x) * self._aspect, y - other_y)) <= STAYS_HEIGHTS * _height(person)


def _reach(body: Body, since_s: float) -> float:
    """How far beyond its box a body explains what changed at some time."""
    if body.role != "person":
        return SHADOW if abs(body.first_s - since_s) <= TOGETHER_S else COVERS
    return ARMS if body.looks > 1 else COVERS


def _resembles(body: Body, luma: NDArray[np.uint8], box: Box) -> bool:
    return body.template is None or likeness(body.template, luma, box) >= LOOKS_SAME


def _still_there(body: Body, luma: NDArray[np.uint8]) -> bool:
    return body.template is not None and likeness(body.template, luma, body.box) >= LOOKS_SAME


def _kept(body: Body, now_s: float) -> bool:
    return now_s - body.last_s <= (STOOD_MAX_S if body.looks > 1 else REMEMBERED_S)


def _height(box: Box) -> float:
    return box.bottom - box.top


def _ious(some: Sequence[Box], others: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of each with each: `(len(some), len(others))`."""
    a, b = np.array(some)[:, None], np.array(others)[None]
    wide = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    high = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    shared = np.maximum(wide, 0) * np.maximum(high, 0)
    area_a, area_b = ((it[..., 2] - it[..., 0]) * (it[..., 3] - it[..., 1]) for it in (a, b))
    return np.asarray(shared / np.maximum(area_a + area_b - shared, 1e-12), np.float64)
