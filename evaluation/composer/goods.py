"""Things that don't move by themselves: carried, put down, taken away, moved a little, or held over a head."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evaluation.composer.actors import Drive, Halt, Walk
from evaluation.composer.cutouts import Cutout, blend
from evaluation.composer.passages import Passage, Step

LOWER_S: Final = 0.6  # from the hand to the ground
_HAND: Final = (0.2, 0.3)  # of the body's height: to the side, above the ground
_TAIL: Final = (0.5, 0.25)  # of a vehicle's width to the side, of its height above the ground
_UMBRELLA: Final = 0.82  # of the body's height: where the rim of an umbrella is held


@dataclass(frozen=True)
class Carried:
    """A thing that somebody brings and puts down beside themselves, and somebody may take away.

    Attributes:
        cutout: in the size it has on the ground.
        bringer: who halts for it; a vehicle has it inside until then.
        place: where it comes to lie: column of its middle and row of its ground contact, px.
        side: -1 left, 1 right.
        taker: who halts where it lies.
        takes_along: its bringer takes it, at the end of the halt.
        rolls: it stays on the ground on its way: a cart, a trolley.
        offends: False for what nobody would report: a bicycle that is parked.
    """

    cutout: Cutout
    bringer: Walk | Drive
    place: tuple[float, float]
    side: int
    taker: Walk | None = None
    takes_along: bool = False
    rolls: bool = False
    offends: bool = True

    @property
    def shade(self) -> float:
        """Of something that stands on the ground."""
        return 0.6

    @property
    def bringer_halts(self) -> Halt:
        """When whoever brings it halts for it."""
        return self.bringer.first_halt() if isinstance(self.bringer, Walk) else self.bringer.halts[0]

    @property
    def halt(self) -> Halt:
        """When it lies on the ground; without end if nobody takes it."""
        brought = self.bringer_halts
        taken_s = self.taker.first_halt().from_s if self.taker else math.inf
        if self.takes_along:
            taken_s = brought.until_s - LOWER_S
        return Halt(brought.from_s + LOWER_S, taken_s)

    def rest(self) -> Step:
        """Where it lies."""
        return Step(self.cutout, *self.place)

    def at(self, time_s: float) -> Step | None:
        """See `Actor`."""
        halt, rest = self.halt, self.rest()
        if halt.from_s <= time_s < halt.until_s:
            return rest
        carrier = self.bringer if time_s < halt.from_s or self.takes_along else self.taker
        if isinstance(carrier, Drive) and not halt.from_s - LOWER_S <= time_s < halt.until_s + LOWER_S:
            return None
        body = carrier.at(time_s) if carrier else None
        if body is None:
            return None
        held = self._held(body, vehicle=isinstance(carrier, Drive))
        away_s = halt.from_s - time_s if time_s < halt.from_s else time_s - halt.until_s
        down = 1 - min(away_s / LOWER_S, 1)
        return Step(self.cutout, held.x + (rest.x - held.x) * down, held.foot + (rest.foot - held.foot) * down)

    def _held(self, body: Step, *, vehicle: bool) -> Step:
        height, width = body.cutout.alpha.shape
        if vehicle:
            return Step(self.cutout, body.x + _TAIL[0] * self.side * width, body.foot - _TAIL[1] * height)
        if self.rolls:
            standing = self.bringer_stands()
            return Step(self.cutout, body.x + self.place[0] - standing.x, body.foot + self.place[1] - standing.foot)
        return Step(self.cutout, body.x + _HAND[0] * self.side * height, body.foot - _HAND[1] * height)

    def bringer_stands(self) -> Step:
        """What its bringer looks like where they halt, and where that is."""
        return self.bringer.resting() if isinstance(self.bringer, Walk) else self.bringer.standing(1)


@dataclass(frozen=True)
class Move:
    """A shift of something that lies.

    Attributes:
        at_s: when it begins.
        takes_s: how long it takes.
        to: where it ends: column and row of the ground contact, px.
    """

    at_s: float
    takes_s: float
    to: tuple[float, float]


@dataclass(frozen=True)
class Lying:
    """A thing that lies there from the beginning, or from a moment on; it may be moved or taken away.

    Attributes:
        cutout: in the size it has there.
        place: column and row of its ground contact, px.
        from_s: when it is there; 0: from the beginning.
        until_s: when it is there no longer.
        moves: in order of time.
        taker: who halts where it lies and takes it.
    """

    cutout: Cutout
    place: tuple[float, float]
    from_s: float = 0.0
    until_s: float = math.inf
    moves: tuple[Move, ...] = ()
    taker: Walk | None = None

    @property
    def shade(self) -> float:
        """Of something that stands on the ground."""
        return 0.6

    def at(self, time_s: float) -> Step | None:
        """See `Actor`."""
        if not self.from_s <= time_s < self.until_s:
            return None
        x, foot = self.place
        for move in self.moves:
            share = min(max((time_s - move.at_s) / move.takes_s, 0.0), 1.0)
            x, foot = x + (move.to[0] - x) * share, foot + (move.to[1] - foot) * share
        taken_s = self.taker.first_halt().from_s if self.taker else math.inf
        if time_s < taken_s:
            return Step(self.cutout, x, foot)
        body = self.taker.at(time_s) if self.taker else None
        if body is None:
            return None
        up = min((time_s - taken_s) / LOWER_S, 1)
        height = body.cutout.height_px
        held_x, held_foot = body.x + _HAND[0] * height, body.foot - _HAND[1] * height
        return Step(self.cutout, x + (held_x - x) * up, foot + (held_foot - foot) * up)


def under(passage: Passage, umbrella: Cutout, person_px: float) -> Passage:
    """A passage of somebody who holds an umbrella.

    Args:
        passage: in px of the composed frame.
        umbrella: as large as it is beside a person of `person_px`.
        person_px: rows a person takes where `umbrella` has its size.
    """
    made: dict[int, Cutout] = {}
    steps = []
    for step in passage.steps:
        key = id(step.cutout)
        if key not in made:
            made[key] = _over(step.cutout, umbrella.scaled(step.cutout.height_px / person_px))
        steps.append(replace(step, cutout=made[key]))
    return replace(passage, steps=tuple(steps))


def _over(body: Cutout, umbrella: Cutout) -> Cutout:
    """Body and umbrella as one."""
    rows = max(round(_UMBRELLA * body.height_px) + umbrella.height_px, body.height_px)
    columns = max(body.alpha.shape[1], umbrella.alpha.shape[1])
    bgr, alpha = np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), np.uint8)
    left, top = (columns - body.alpha.shape[1]) // 2, rows - body.height_px
    bgr[top:, left : left + body.alpha.shape[1]] = body.bgr
    alpha[top:, left : left + body.alpha.shape[1]] = body.alpha
    left = (columns - umbrella.alpha.shape[1]) // 2
    blend(bgr, umbrella.bgr, umbrella.alpha, left, 0)
    part = alpha[: umbrella.height_px, left : left + umbrella.alpha.shape[1]]
    np.maximum(part, umbrella.alpha, out=part)
    return Cutout(bgr, alpha)
