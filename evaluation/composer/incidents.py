"""What is true of a stage, as truth files say it; times are those of the first picture that shows it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind
from evaluation.composer.actors import Drive, Halt, Walk
from evaluation.composer.goods import Carried
from evaluation.composer.passages import Step
from evaluation.composer.written_actors import Actor

GONE_BODIES: Final = 2.0
"""Whoever is further away than so many body heights has gone."""


@dataclass(frozen=True)
class Incidents:
    """What is true in one zone.

    Attributes:
        duration_s: of the clip.
        fps: pictures a second.
        size: width and height of the picture, px.
        zone: what the camera watches.
    """

    duration_s: float
    fps: float
    size: tuple[int, int]
    zone: Zone

    def of(self, actor: Actor, mover: Walk | Drive, goods: Carried | None) -> Iterator[dict[str, Any]]:
        """Incidents of somebody who halts."""
        if self.zone.kind in {ZoneKind.NO_PARKING, ZoneKind.FIRE_LANE} and actor.parks:
            if isinstance(mover, Drive):
                for number, halt in enumerate(mover.halts, start=1):
                    yield from self._incident("illegal_parking", halt, self._box(mover.standing(number)))
            elif not mover.sways:
                for halt in mover.halts(self.duration_s):
                    yield from self._incident("illegal_parking", halt, self._box(mover.resting()))
        elif self.zone.kind is ZoneKind.NO_VENDING and actor.sells and isinstance(mover, Walk):
            halt, box = mover.first_halt(), self._box(mover.resting())
            if goods:
                other = self._box(goods.rest())
                box = Box(
                    min(box.left, other.left),
                    min(box.top, other.top),
                    max(box.right, other.right),
                    max(box.bottom, other.bottom),
                )
                halt = Halt(max(halt.from_s, goods.halt.from_s), min(halt.until_s, goods.halt.until_s))
            yield from self._incident("street_vending", halt, box)

    def left_behind(self, thing: Carried) -> Iterator[dict[str, Any]]:
        """Incidents of a thing that is put down."""
        if not thing.offends:
            return
        box = self._box(thing.rest())
        if self.zone.kind is ZoneKind.NO_DUMPING:
            yield from self._incident("dumping", thing.halt, box, not_before_s=self._gone_s(thing))
        elif self.zone.kind is ZoneKind.FRONTAGE:
            yield from self._incident("road_occupation", thing.halt, box)

    def _gone_s(self, thing: Carried) -> float:
        """When whoever brought it was near it for the last time; never if they stay to the end of the clip."""
        rest = thing.rest()
        for index in range(round(thing.halt.from_s * self.fps), round(self.duration_s * self.fps)):
            body = thing.bringer.at(index / self.fps)
            if body is None or math.hypot(body.x - rest.x, body.foot - rest.foot) > GONE_BODIES * body.cutout.height_px:
                return index / self.fps
        return math.inf

    def _incident(self, kind: str, halt: Halt, box: Box, *, not_before_s: float = 0.0) -> Iterator[dict[str, Any]]:
        onset_s, end_s = self._shown(halt.from_s), self._shown(halt.until_s)
        alarm_s = max(onset_s + self.zone.dwell_s, not_before_s)
        if self.zone.holds(box) and alarm_s <= min(end_s, self.duration_s):
            yield {
                "type": kind,
                "zone": self.zone.id,
                "onset_s": round(onset_s, 4),
                "alarm_s": round(alarm_s, 4),
                "end_s": round(end_s, 4) if end_s < self.duration_s else None,
                "box": [round(side, 5) for side in box],
            }

    def _shown(self, time_s: float) -> float:
        """The first picture at or after a time."""
        return time_s if math.isinf(time_s) else math.ceil(time_s * self.fps - 1e-6) / self.fps

    def _box(self, step: Step) -> Box:
        """Where a thing is seen, in fractions of the frame, cut off where the frame ends."""
        width, height = self.size
        rows, columns = step.cutout.alpha.shape
        left, bottom = round(step.x - columns / 2), round(step.foot)
        sides = np.clip(
            [left / width, (bottom - rows) / height, (left + columns) / width, bottom / height], 0.0, 1.0
        ).tolist()
        return Box(*sides)
