"""Sets up one scenario: who is in it, in pixels and seconds, and what is true of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from detector.geometry import Box
from detector.zones import Zone, ZoneKind
from evaluation.composer import actors as cast
from evaluation.composer.actors import Carried, Drive, Halt, Walk, person_px, resized
from evaluation.composer.extending import extended, lead_s
from evaluation.composer.material import Material
from evaluation.composer.passages import Passage, Step
from evaluation.composer.recipe import Actor, Background, Scenario
from evaluation.errors import EvaluationError

GONE_BODIES: Final = 2.0
"""Whoever is further away than so many body heights has gone."""


@dataclass(frozen=True)
class Stage:
    """One scenario, ready to be filmed.

    Attributes:
        scenario: as written.
        background: its camera.
        size: width and height of the picture, px.
        zone: what the camera watches.
        players: all that is put into the picture.
        incidents: what is true, as truth files say it, by onset.
    """

    scenario: Scenario
    background: Background
    size: tuple[int, int]
    zone: Zone
    players: tuple[cast.Actor, ...]
    incidents: tuple[dict[str, Any], ...]


def set_up(material: Material, scenario: Scenario) -> Stage:
    """Put a scenario's actors into the frame of its background.

    Raises:
        EvaluationError: footage that it needs is not there, or something can't be cut out of it.
    """
    background = material.recipe.backgrounds[scenario.background]
    height, width = material.footage.plate(background.plate_files).shape[:2]
    size = (width - width % 2, height - height % 2)
    written = scenario.zone
    zone = Zone(written.id, written.kind, tuple(written.polygon or background.place.polygon), written.dwell_s)
    builder = _Builder(material, background, size)
    moving = [builder.moving(actor, scenario.name) for actor in scenario.actors]
    takers = {actor.takes: walk for actor, walk in zip(scenario.actors, moving, strict=True) if actor.takes}
    goods: dict[int, Carried] = {}
    for index, (actor, walk) in enumerate(zip(scenario.actors, moving, strict=True)):
        if actor.puts and isinstance(walk, Walk):
            taker = takers.get(actor.puts.id)
            goods[index] = builder.carried(actor, walk, taker if isinstance(taker, Walk) else None)
    truth = _Truth(scenario, size, zone)
    incidents = [
        found
        for index, (actor, mover) in enumerate(zip(scenario.actors, moving, strict=True))
        for found in truth.of(actor, mover, goods.get(index))
    ]
    incidents += [found for thing in goods.values() for found in truth.left_behind(thing)]
    incidents.sort(key=lambda incident: incident["onset_s"])
    return Stage(scenario, background, size, zone, (*moving, *goods.values()), tuple(incidents))


@dataclass(frozen=True)
class _Builder:
    material: Material
    background: Background
    size: tuple[int, int]

    def moving(self, actor: Actor, scenario: str) -> Walk | Drive:
        width, height = self.size
        if actor.thing is not None:
            assert actor.path is not None and actor.onset_s is not None  # noqa: S101, PT018 - the recipe refuses it
            cutout = self.material.thing(actor.thing).dimmed(actor.gain)
            return Drive(
                cutout=cutout.mirrored() if actor.mirror else cutout,
                points=tuple((x * width, y * height) for x, y in actor.path),
                onset_s=actor.onset_s,
                waits_s=tuple(actor.waits_s),
                speed_px_s=actor.speed * width,
                height_m=self.material.recipe.things[actor.thing].height_m,
                place=self.background.place,
                frame_height=height,
            )
        assert actor.passage is not None  # noqa: S101 - as above
        source = self.material.recipe.passages[actor.passage]
        passage = self.material.passage(actor.passage)
        if actor.stop_s is not None and actor.stop_s > passage.duration_s:
            raise EvaluationError(
                f"scenarios {scenario}: stop_s {actor.stop_s:g} lies outside passage {actor.passage}:"
                f" allowed is 0 to {passage.duration_s:.1f}"
            )
        if source.footage not in self.background.plate_files and actor.at is None:
            raise EvaluationError(
                f"scenarios {scenario}: passage {actor.passage} comes from another camera: it needs at"
            )
        here = self._placed(passage, actor)
        longer = extended(here, self.background.place, strides=source.walks)
        earlier_s = lead_s(here, longer)
        walk = Walk(
            longer,
            actor.start_s - earlier_s,
            stop_s=None if actor.stop_s is None else actor.stop_s + earlier_s,
            wait_s=actor.waits_s[0] if actor.waits_s else 0.0,
            every_s=actor.every_s,
            sways=source.walks,
        )
        if walk.every_s is not None and walk.every_s < walk.takes_s:
            raise EvaluationError(
                f"scenarios {scenario}: every_s {walk.every_s:g} of passage {actor.passage} is shorter than it takes:"
                f" allowed is {walk.takes_s:.1f} and more"
            )
        return walk

    def _placed(self, passage: Passage, actor: Actor) -> Passage:
        """A passage moved to where the actor is wanted, as large as things are there."""
        anchor = passage.at(actor.stop_s or 0.0)
        if actor.at is None:
            x, foot, factor = anchor.x, anchor.foot, 1.0
        else:
            x, foot = actor.at[0] * self.size[0], actor.at[1] * self.size[1]
            person = self.material.recipe.passages[actor.passage or ""].person
            person_was = person * passage.size[1] if person else anchor.cutout.height_px
            factor = person_px(self.background.place, foot, self.size[1]) / person_was
        sign = -1 if actor.mirror else 1
        steps = []
        for step in passage.steps:
            cutout = step.cutout if factor == 1 else step.cutout.scaled(factor)
            cutout = cutout if actor.gain == 1 else cutout.dimmed(actor.gain)
            dx, dy = sign * factor * (step.x - anchor.x), factor * (step.foot - anchor.foot)
            steps.append(Step(cutout.mirrored() if actor.mirror else cutout, x + dx, foot + dy))
        return replace(passage, steps=tuple(steps), size=self.size)

    def carried(self, actor: Actor, bringer: Walk, taker: Walk | None) -> Carried:
        assert actor.puts is not None  # noqa: S101 - as above
        foot = bringer.resting().foot
        height_m = self.material.recipe.things[actor.puts.thing].height_m
        cutout = resized(
            self.material.thing(actor.puts.thing).dimmed(actor.gain),
            height_m,
            self.background.place,
            foot,
            self.size[1],
        )
        return Carried(cutout, bringer, -1 if actor.puts.side == "left" else 1, taker)


@dataclass(frozen=True)
class _Truth:
    """What is true: times are those of the first picture that shows it."""

    scenario: Scenario
    size: tuple[int, int]
    zone: Zone

    def of(self, actor: Actor, mover: Walk | Drive, goods: Carried | None) -> Iterator[dict[str, Any]]:
        if self.zone.kind in {ZoneKind.NO_PARKING, ZoneKind.FIRE_LANE}:
            if isinstance(mover, Drive):
                for number, halt in enumerate(mover.halts, start=1):
                    yield from self._incident("illegal_parking", halt, self._box(mover.standing(number)))
            elif not mover.sways:
                for halt in mover.halts(self.scenario.duration_s):
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
        box = self._box(thing.rest())
        if self.zone.kind is ZoneKind.NO_DUMPING:
            yield from self._incident("dumping", thing.halt, box, not_before_s=self._gone_s(thing))
        elif self.zone.kind is ZoneKind.FRONTAGE:
            yield from self._incident("road_occupation", thing.halt, box)

    def _gone_s(self, thing: Carried) -> float:
        """When whoever brought it was near it for the last time; the end of the clip if they stay."""
        rest, fps = thing.rest(), self.scenario.fps
        for index in range(round(thing.halt.from_s * fps), round(self.scenario.duration_s * fps)):
            body = thing.bringer.at(index / fps)
            if body is None or math.hypot(body.x - rest.x, body.foot - rest.foot) > GONE_BODIES * body.cutout.height_px:
                return index / fps
        return math.inf

    def _incident(self, kind: str, halt: Halt, box: Box, *, not_before_s: float = 0.0) -> Iterator[dict[str, Any]]:
        onset_s, end_s = self._shown(halt.from_s), self._shown(halt.until_s)
        alarm_s = max(onset_s + self.zone.dwell_s, not_before_s)
        if self.zone.holds(box) and alarm_s <= min(end_s, self.scenario.duration_s):
            yield {
                "type": kind,
                "zone": self.zone.id,
                "onset_s": round(onset_s, 4),
                "alarm_s": round(alarm_s, 4),
                "end_s": round(end_s, 4) if end_s < self.scenario.duration_s else None,
                "box": [round(side, 5) for side in box],
            }

    def _shown(self, time_s: float) -> float:
        """The first picture at or after a time."""
        return time_s if math.isinf(time_s) else math.ceil(time_s * self.scenario.fps - 1e-6) / self.scenario.fps

    def _box(self, step: Step) -> Box:
        """Where a thing is seen, in fractions of the frame, cut off where the frame ends."""
        width, height = self.size
        rows, columns = step.cutout.alpha.shape
        left, bottom = round(step.x - columns / 2), round(step.foot)
        sides = np.clip(
            [left / width, (bottom - rows) / height, (left + columns) / width, bottom / height], 0.0, 1.0
        ).tolist()
        return Box(*sides)
