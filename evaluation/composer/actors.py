"""Who is where at a time: passages that halt, vehicles that are driven in, and things that are carried and put down."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

from evaluation.composer.cutouts import Cutout
from evaluation.composer.passages import Passage, Step
from evaluation.composer.recipe import Place

PERSON_M: Final = 1.7
LOWER_S: Final = 0.6  # from the hand to the ground
_BRAKE_S: Final = 1.5  # short, so that no picture before the onset looks like one of the rest
_SWAY_PX: Final = 1.2
_SWAY_PERIOD_S: Final = 3.1
_HAND: Final = (0.2, 0.3)  # of the body's height: to the side, above the ground
_BESIDE: Final = 0.3  # of the body's height, from the feet to what was put down


class Actor(Protocol):
    """Something that is in the picture at times."""

    def at(self, time_s: float) -> Step | None:
        """What it looks like and where it is, in px of the composed frame; None when it is not there."""


@dataclass(frozen=True)
class Halt:
    """A rest.

    Attributes:
        from_s: media time of its beginning.
        until_s: media time of its end.
    """

    from_s: float
    until_s: float


def person_px(place: Place, foot: float, height: int) -> float:
    """How many rows a person takes who stands on row `foot` of a frame of that height."""
    (y0, h0), (y1, h1) = place.person
    share = h0 + (foot / height - y0) * (h1 - h0) / (y1 - y0)
    return max(share, min(h0, h1) * 0.3) * height


@dataclass(frozen=True)
class Walk:
    """A passage in the composed frame; it halts once if told to, and may come again.

    Attributes:
        passage: its steps are in px of the composed frame.
        start_s: when its first picture is shown.
        stop_s: how far into it the halt lies; None: it doesn't halt.
        wait_s: how long that takes.
        every_s: after how long it comes again.
        sways: somebody who stands is never quite still.
    """

    passage: Passage
    start_s: float
    stop_s: float | None = None
    wait_s: float = 0.0
    every_s: float | None = None
    sways: bool = True

    @property
    def takes_s(self) -> float:
        """How long it is in the picture."""
        return self.passage.duration_s + self.wait_s

    def halts(self, until_s: float) -> Iterator[Halt]:
        """When it rests, each time it comes, up to a time."""
        if self.stop_s is None:
            return
        from_s = self.start_s + self.stop_s
        while from_s < until_s:
            yield Halt(from_s, from_s + self.wait_s)
            from_s += self.every_s or math.inf

    def first_halt(self) -> Halt:
        """When it rests first; only asked of one that does."""
        return next(self.halts(math.inf))

    def resting(self) -> Step:
        """What it looks like where it rests; only asked of one that does."""
        return self.passage.at(self.stop_s or 0.0)

    def at(self, time_s: float) -> Step | None:
        """See `Actor`."""
        since_s = time_s - self.start_s
        if self.every_s is not None and since_s >= 0:
            since_s %= self.every_s
        halted_s = 0.0 if self.stop_s is None else min(max(since_s - self.stop_s, 0.0), self.wait_s)
        moving_s = since_s - halted_s
        if not 0 <= moving_s <= self.passage.duration_s:
            return None
        step = self.passage.at(moving_s)
        if self.sways and 0 < halted_s < self.wait_s:
            lean = _SWAY_PX * math.sin(2 * math.pi * halted_s / _SWAY_PERIOD_S)
            return replace(step, cutout=step.cutout.leaning(lean))
        return step


@dataclass(frozen=True)
class _Leg:
    """A straight piece of a way: at full speed, but for braking before a stop and gathering speed after one.

    Attributes:
        distance_px: its length.
        speed_px_s: full speed.
        starts: it begins with a stop.
        stops: it ends with one.
    """

    distance_px: float
    speed_px_s: float
    starts: bool
    stops: bool

    @property
    def _brake_s(self) -> float:
        return min(_BRAKE_S, self.distance_px / self.speed_px_s)

    @property
    def duration_s(self) -> float:
        """Half of the time of braking is lost."""
        return self.distance_px / self.speed_px_s + self._brake_s / 2 * (self.starts + self.stops)

    def share(self, since_s: float) -> float:
        """The part of the way that is made after a time."""
        speed, brake_s, way = self.speed_px_s, self._brake_s, 0.0
        if not self.distance_px:
            return 0.0
        if self.starts:
            if since_s < brake_s:
                return speed * since_s**2 / (2 * brake_s) / self.distance_px
            way, since_s = speed * brake_s / 2, since_s - brake_s
        braking_s = max(since_s - (self.duration_s - brake_s * (self.starts + self.stops)), 0.0) if self.stops else 0.0
        lost = speed * braking_s**2 / (2 * brake_s)
        return min((way + speed * since_s - lost) / self.distance_px, 1.0)


@dataclass(frozen=True)
class Drive:
    """A vehicle on a path of straight pieces; it brakes before each inner point, and rests there.

    Attributes:
        cutout: as cut out.
        points: ground contacts in px, `(N, 2)` as tuples.
        onset_s: when it rests at the first inner point.
        waits_s: how long it rests at each.
        speed_px_s: at which it cruises.
        height_m: of the cut-out.
        place: says how large it is where.
        frame_height: of the composed frame, px.
    """

    cutout: Cutout
    points: tuple[tuple[float, float], ...]
    onset_s: float
    waits_s: tuple[float, ...]
    speed_px_s: float
    height_m: float
    place: Place
    frame_height: int

    def _leg(self, leg: int) -> _Leg:
        distance = math.dist(self.points[leg], self.points[leg + 1])
        last = len(self.points) - 2
        return _Leg(distance, self.speed_px_s, starts=leg > 0, stops=leg < last)

    @property
    def halts(self) -> tuple[Halt, ...]:
        """When it rests where, in order."""
        halts: list[Halt] = []
        from_s = self.onset_s
        for leg, wait_s in enumerate(self.waits_s, start=1):
            halts.append(Halt(from_s, from_s + wait_s))
            from_s += wait_s + self._leg(leg).duration_s
        return tuple(halts)

    def at(self, time_s: float) -> Step | None:
        """See `Actor`."""
        begins_s = self.onset_s - (self._leg(0).duration_s if self.waits_s else 0.0)
        last = len(self.points) - 2
        for leg in range(last + 1):
            way = self._leg(leg)
            ends_s = begins_s + way.duration_s
            if time_s < begins_s:
                return None if leg == 0 else self.standing(leg)
            if time_s < ends_s:
                return self._between(leg, way.share(time_s - begins_s))
            begins_s = ends_s + (self.waits_s[leg] if leg < last else 0.0)
        return None

    def standing(self, point: int) -> Step:
        """At a point of its path."""
        return self._sized(*self.points[point])

    def _between(self, leg: int, share: float) -> Step:
        (x0, y0), (x1, y1) = self.points[leg], self.points[leg + 1]
        return self._sized(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)

    def _sized(self, x: float, foot: float) -> Step:
        return Step(resized(self.cutout, self.height_m, self.place, foot, self.frame_height), x, foot)


def resized(cutout: Cutout, height_m: float, place: Place, foot: float, frame_height: int) -> Cutout:
    """A thing of that height as it looks on that row."""
    return _resized(_Same(cutout), round(height_m / PERSON_M * person_px(place, foot, frame_height)))


@dataclass(frozen=True, eq=False)
class _Same:
    """Pictures can't be compared fast, so a cut-out is itself alone."""

    cutout: Cutout

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.cutout is self.cutout

    def __hash__(self) -> int:
        return id(self.cutout)


def grown(cutout: Cutout, factor: float) -> Cutout:
    """A cut-out in another size; asked again for the same, it gives the same one."""
    return _resized(_Same(cutout), round(cutout.height_px * factor))


@lru_cache(maxsize=64)
def _resized(same: _Same, rows: int) -> Cutout:
    if rows == same.cutout.height_px:
        return same.cutout
    return same.cutout.scaled(max(rows, 2) / same.cutout.height_px)


@dataclass(frozen=True)
class Carried:
    """A thing that somebody brings and puts down beside themselves, and somebody may take away.

    Attributes:
        cutout: in the size it has on the ground.
        bringer: who halts for it.
        side: -1 left, 1 right.
        taker: who halts where it lies.
    """

    cutout: Cutout
    bringer: Walk
    side: int
    taker: Walk | None = None

    @property
    def halt(self) -> Halt:
        """When it lies on the ground; without end if nobody takes it."""
        taken_s = self.taker.first_halt().from_s if self.taker else math.inf
        return Halt(self.bringer.first_halt().from_s + LOWER_S, taken_s)

    def rest(self) -> Step:
        """Where it lies."""
        feet = self.bringer.resting()
        return Step(self.cutout, feet.x + self.side * _BESIDE * feet.cutout.height_px, feet.foot + 2)

    def at(self, time_s: float) -> Step | None:
        """See `Actor`."""
        halt, rest = self.halt, self.rest()
        if halt.from_s <= time_s < halt.until_s:
            return rest
        carrier = self.bringer if time_s < halt.from_s else self.taker
        body = carrier.at(time_s) if carrier else None
        if body is None:
            return None
        hand_x, hand_y = _HAND[0] * self.side * body.cutout.height_px, _HAND[1] * body.cutout.height_px
        held = Step(self.cutout, body.x + hand_x, body.foot - hand_y)
        down = 1 - min(
            (halt.from_s - time_s) / LOWER_S if time_s < halt.from_s else (time_s - halt.until_s) / LOWER_S, 1
        )
        return Step(self.cutout, held.x + (rest.x - held.x) * down, held.foot + (rest.foot - held.foot) * down)
