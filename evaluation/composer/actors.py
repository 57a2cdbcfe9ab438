"""Who is where at a time: passages that halt, and vehicles that are driven in."""

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
_BRAKE_S: Final = 1.5  # short, so that no picture before the onset looks like one of the rest
_SWAY_PX: Final = 1.2
_SWAY_PERIOD_S: Final = 3.1


class Actor(Protocol):
    """Something that is in the picture at times."""

    @property
    def shade(self) -> float:
        """How wide the ground is darkened under it, in its widths."""

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
        from_s: not seen before: whoever gets out of a vehicle or comes out of a door.
        until_s: not seen from then on.
        returns: after the halt it goes back the way it came.
    """

    passage: Passage
    start_s: float
    stop_s: float | None = None
    wait_s: float = 0.0
    every_s: float | None = None
    sways: bool = True
    from_s: float = -math.inf
    until_s: float = math.inf
    returns: bool = False

    @property
    def shade(self) -> float:
        """Of feet, or of a vehicle."""
        return 0.6 if self.sways else 0.95

    @property
    def _moves_s(self) -> float:
        return 2 * (self.stop_s or 0.0) if self.returns else self.passage.duration_s

    @property
    def takes_s(self) -> float:
        """How long it is in the picture."""
        return self._moves_s + self.wait_s

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
        if not self.from_s <= time_s < self.until_s:
            return None
        since_s = time_s - self.start_s
        if self.every_s is not None and since_s >= 0:
            since_s %= self.every_s
        halted_s = 0.0 if self.stop_s is None else min(max(since_s - self.stop_s, 0.0), self.wait_s)
        moving_s = since_s - halted_s
        if not 0 <= moving_s <= self._moves_s:
            return None
        step = self._step(moving_s)
        if self.sways and 0 < halted_s < self.wait_s:
            lean = _SWAY_PX * math.sin(2 * math.pi * halted_s / _SWAY_PERIOD_S)
            return replace(step, cutout=step.cutout.leaning(lean))
        return step

    def _step(self, moving_s: float) -> Step:
        back_s = moving_s - (self.stop_s or 0.0)
        if not self.returns or back_s <= 0:
            return self.passage.at(moving_s)
        step = self.passage.at((self.stop_s or 0.0) - back_s)
        return replace(step, cutout=_turned(_Same(step.cutout)))


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

    @property
    def shade(self) -> float:
        """Of a vehicle."""
        return 0.95

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


@lru_cache(maxsize=256)
def _turned(same: _Same) -> Cutout:
    return same.cutout.mirrored()
