"""People over a camera's looks: who stays in a place and since when, and who came near, stopped and went.

Between two patrol looks everybody who walks has gone, so a person is followed by place, like a thing, and only while at rest.
At full rate the same holds: a walker leaves one place after the other before the time of a rest is over.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box

SEED_SCORE = 0.25
"""Somebody half hidden behind their goods scores no more than this; a slip of the detector does not last."""
SAME_PLACE = 0.3
"""In body heights, half a metre: a step aside. A walker makes 1.6 between two patrol looks; another one who happens to come by
is seldom so close to the same place twice."""
REST_S = 3.8
"""Stopping for less than two patrol intervals is looking for the way, or another one who passes in the same place."""
REST_LOOKS, REST_SHARE = 3, 0.65
"""Two looks may show two walkers who happened to be in one place; in many looks, walkers show in a few of them."""
STRAYS = 0.12
"""In body heights, from second to second, on the mean: who stands shifts by a hand's breadth; walkers pass at all distances."""
MISSED_S = 5.0
"""Two patrol looks may miss somebody who is there."""
HIDDEN_S = 20.0
"""Somebody who rests is remembered so long while nobody sees them: customers stand in front."""
BACK_S = 1.5
"""Who was missed for longer must be back for this time: a walker who crosses the place is not."""
SURE_SCORE = 0.35
ROW_BAND = 0.06
"""People whose feet are so little higher or lower in the picture are as tall there, nearly."""
ROW_MIN, ROW_KEPT = 5, 200
"""Of so many that were seen, the median is a height; so many are remembered: minutes at a busy place, hours elsewhere."""
LEARN_EVERY_S = 1.0
PLACE_BOXES = 5
"""The place is the median of so many boxes: it follows who edges aside, not who walks."""
DOUBLE_SHARE = 0.6
"""Of the smaller of two boxes: the upper half of somebody is often reported beside the whole."""
DOUBLE_APART = 0.15
"""In body heights, sideways: two people who stand one before the other are further apart."""
AGAIN_S = 8.0
"""Whoever stands where somebody stood so long ago is the next one: four patrol looks do not all miss the same person."""
VISIT_MAX_S = 30.0
"""Whoever buys in the street has gone by then; who stays longer keeps company, or waits for the same bus."""
TOGETHER_S = 2.5
"""Who leaves together came together; who stops somewhere else this soon after leaving is the same. One patrol look."""
FINISHED_S = 4.5
"""Not seen for so long, a visitor has gone: two patrol looks."""


def _apart(a: Box, b: Box, aspect: float) -> float:
    """Distance of two boxes of somebody, in heights of the frame: of the heads or the feet, one of which may be hidden."""
    aside = abs(a.center[0] - b.center[0]) * aspect
    return math.hypot(aside, min(abs(a.top - b.top), abs(a.bottom - b.bottom)))


@dataclass(eq=False)
class Person:
    """Somebody in one place. `since_s` and `last_s` are media time: the first and the last look at them there."""

    id: int
    since_s: float
    last_s: float
    from_start: bool
    """Was there at the first look of all: nobody knows since when."""
    boxes: list[Box] = field(repr=False)
    looks: int = 1
    """That showed them there."""
    taken: int = 1
    """Looks since the first."""
    strays: list[float] = field(default_factory=list, repr=False)
    """How far they shifted from second to second, in body heights, until it is a rest."""
    rests: bool = False
    """True for somebody who has stopped there, not walked through."""
    score: float = 0.0
    """Of the newest sighting."""
    learned_s: float = 0.0
    back_since_s: float | None = None
    place: Box = field(init=False)
    """The median of the last boxes, once it is a rest."""
    height: float = field(init=False)
    """As a fraction of the frame's height, of what is usually seen."""

    def __post_init__(self) -> None:
        self._settle()

    def _settle(self) -> None:
        # Until it is a rest, the place is where it began: a walker who comes towards the camera creeps through the picture.
        boxes = self.boxes if self.rests else self.boxes[:1]
        self.place = Box(*(median(sides) for sides in zip(*boxes, strict=True)))
        heights = sorted(box.bottom - box.top for box in self.boxes)
        # Boxes are cut by what stands in front more often than they are too tall.
        self.height = heights[-(-3 * (len(heights) - 1) // 4)]

    def seen(self, box: Box, score: float, now_s: float, aspect: float) -> None:
        """Is there, or somebody else who crosses the place."""
        if now_s - self.last_s > MISSED_S:
            self.back_since_s = now_s if self.back_since_s is None else self.back_since_s
            if now_s - self.back_since_s < BACK_S:
                return
        self.back_since_s = None
        self.last_s, self.score = now_s, score
        self.looks += 1
        if now_s - self.learned_s >= LEARN_EVERY_S:
            self.learned_s = now_s
            if not self.rests:
                self.strays.append(_apart(self.boxes[-1], box, aspect) / self.height)
                self.rests = self._has_stopped(now_s)
            self.boxes = [*self.boxes[1 - PLACE_BOXES :], box]
            self._settle()

    def _has_stopped(self, now_s: float) -> bool:
        often = self.looks >= max(REST_LOOKS, REST_SHARE * self.taken)
        return now_s - self.since_s >= REST_S and often and sum(self.strays) <= STRAYS * len(self.strays)

    def missed(self, now_s: float) -> bool:
        """Is not seen there; False once it is time to forget them."""
        if self.back_since_s is not None and now_s - self.back_since_s > BACK_S:
            self.back_since_s = None
        return now_s - self.last_s <= (HIDDEN_S if self.rests else MISSED_S)

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged."""
        self.boxes = [box.shifted(dx, dy) for box in self.boxes]
        self._settle()


class PeopleKeeper:
    """Follows the people before one camera by place, at any rate of looks. Pure: pictures and times come in."""

    def __init__(self) -> None:
        self.people: list[Person] = []
        self.aspect = 1.0
        """Width of the picture by its height: distances are taken in heights."""
        self._next_id = 1
        self._first_s: float | None = None
        self._heights: deque[tuple[float, float]] = deque(maxlen=ROW_KEPT)
        self._measured_s = -math.inf

    def update(self, look: Look) -> None:
        """Takes a look; everybody who is seen in it has it as their `last_s`."""
        height, width = look.luma.shape
        self.aspect = width / height
        self._first_s = look.time_s if self._first_s is None else self._first_s
        sightings = singled(look.of("person"), self.aspect)
        taken: set[int] = set()
        seen: set[int] = set()
        for person in self.people:
            person.taken += 1
        self._measure(sightings, look.time_s)
        for _, index, number in self._pairs(sightings):
            person = self.people[index]
            if person.id not in seen and number not in taken:
                seen.add(person.id)
                taken.add(number)
                person.seen(sightings[number].box, sightings[number].score, look.time_s, self.aspect)
        self.people = [it for it in self.people if it.id in seen or it.missed(look.time_s)]
        for number, sighting in enumerate(sightings):
            if number not in taken and sighting.score >= SEED_SCORE:
                self._start(sighting, look.time_s)

    def body_at(self, foot: float) -> float | None:
        """How tall people are who stand on a row of the picture, both in fractions of its height; None: not seen yet."""
        heights = [height for row, height in self._heights if abs(row - foot) <= ROW_BAND]
        return median(heights) if len(heights) >= ROW_MIN else None

    def _measure(self, sightings: Sequence[Sighting], now_s: float) -> None:
        if now_s - self._measured_s < LEARN_EVERY_S:
            return
        self._measured_s = now_s
        for it in sightings:
            if it.score >= SURE_SCORE:
                self._heights.append((it.box.bottom, it.box.bottom - it.box.top))

    def at_rest(self) -> list[Person]:
        """Those who have stopped where they are, whether the newest look shows them or not."""
        return [person for person in self.people if person.rests]

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        for person in self.people:
            person.shift(dx, dy)

    def _pairs(self, sightings: Sequence[Sighting]) -> list[tuple[float, int, int]]:
        """Distance in body heights, index of the person and number of the sighting: closest first, same places alone."""
        if not self.people or not sightings:
            return []
        places = self._spots([person.place for person in self.people])
        boxes = self._spots([sighting.box for sighting in sightings])
        heights = np.array([person.height for person in self.people])
        apart = np.abs(places[:, None, :] - boxes[None, :, :])
        # Feet are hidden behind goods, heads behind a parasol: either will do.
        distance = np.hypot(apart[..., 0], apart[..., 1:].min(axis=-1)) / heights[:, None]
        near = np.argwhere(distance <= SAME_PLACE)
        return sorted((float(distance[row, column]), int(row), int(column)) for row, column in near)

    def _spots(self, boxes: Sequence[Box]) -> NDArray[np.float64]:
        """`(N, 3)` float64: middle, head and feet; in heights of the frame."""
        sides = np.array(boxes)
        return np.stack([(sides[:, 0] + sides[:, 2]) / 2 * self.aspect, sides[:, 1], sides[:, 3]], axis=1)

    def _start(self, sighting: Sighting, now_s: float) -> None:
        self.people.append(
            Person(
                self._next_id, now_s, now_s, now_s == self._first_s, [sighting.box],
                score=sighting.score, learned_s=now_s,
            )
        )  # fmt: skip
        self._next_id += 1


def singled(sightings: Sequence[Sighting], aspect: float) -> list[Sighting]:
    """Everybody once: the detector reports somebody half hidden as a whole and as a half.

    Args:
        sightings: Of people, best score first.
        aspect: Width of the picture by its height.
    """
    if not sightings:
        return []
    left, top, right, bottom = np.array([sighting.box for sighting in sightings]).T[:, :, None]
    shared_x = np.clip(np.minimum(right, right.T) - np.maximum(left, left.T), 0.0, None)
    shared_y = np.clip(np.minimum(bottom, bottom.T) - np.maximum(top, top.T), 0.0, None)
    area = (right - left) * (bottom - top)
    apart = np.abs(left + right - left.T - right.T) / 2 * aspect
    height = bottom - top
    double = (shared_x * shared_y >= DOUBLE_SHARE * np.minimum(area, area.T)) & (
        apart <= DOUBLE_APART * np.maximum(height, height.T)
    )
    kept: list[int] = []
    for index in range(len(sightings)):
        if not double[index, kept].any():
            kept.append(index)
    return [sightings[index] for index in kept]


@dataclass
class _Visit:
    person: Person
    since_s: float
    last_s: float


class Visits:
    """Counts who came near a place, stopped and went. Somebody who edges aside, or a couple, is one visit."""

    def __init__(self) -> None:
        self._open: list[_Visit] = []
        self._done = 0

    def note(self, visitors: Iterable[Person], now_s: float) -> None:
        """Those who are near at this look, besides whoever belongs there."""
        for person in visitors:
            known = next((it for it in reversed(self._open) if it.person is person), None)
            if known is None:
                self._open.append(_Visit(person, person.since_s, now_s))
            elif now_s - known.last_s > AGAIN_S:
                self._open.append(_Visit(person, now_s, now_s))
            else:
                known.last_s = now_s
        # What is long over can't be continued by anybody any more.
        if all(now_s - it.last_s > HIDDEN_S for it in self._open):
            self._done += self._finished(now_s)
            self._open = []

    def count(self, now_s: float) -> int:
        """How many so far. Whoever is still there counts once another has gone: people who talk come and stay."""
        finished = self._done + self._finished(now_s)
        there = sum(now_s - last_s <= FINISHED_S for _, last_s in self._spells(now_s))
        return finished + (there if finished else 0)

    def _finished(self, now_s: float) -> int:
        return len([1 for _, last_s in self._spells(now_s) if now_s - last_s > FINISHED_S])

    def _spells(self, now_s: float) -> list[tuple[float, float]]:
        """Begin and end of each visit."""
        spells: list[tuple[float, float]] = []
        rested = [it for it in self._open if it.person.rests and it.last_s - it.since_s >= REST_S]
        for visit in sorted(rested, key=lambda it: it.last_s):
            since_s, last_s = spells[-1] if spells else (0.0, -TOGETHER_S)
            left_together = visit.last_s - last_s <= TOGETHER_S and visit.since_s <= last_s
            went_on = 0 <= visit.since_s - last_s <= TOGETHER_S
            if spells and (left_together or went_on):
                spells[-1] = (min(since_s, visit.since_s), visit.last_s)
            else:
                spells.append((visit.since_s, visit.last_s))
        return [(since_s, last_s) for since_s, last_s in spells if min(last_s, now_s) - since_s <= VISIT_MAX_S]
