"""Sets up one scenario: who is in it, in pixels and seconds, and what is true of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

from detector.zoning.zones import Zone
from evaluation.composer import actors as cast
from evaluation.composer.actors import Drive, Walk, person_px, resized
from evaluation.composer.cutouts import Cutout
from evaluation.composer.extending import extended, lead_s
from evaluation.composer.goods import Carried, Lying, Move, under
from evaluation.composer.incidents import Incidents
from evaluation.composer.material import Material
from evaluation.composer.passages import Passage, Step
from evaluation.composer.recipe import Background
from evaluation.composer.written_actors import Actor, Lies, Scenario
from evaluation.errors import EvaluationError

_BESIDE: Final = 0.3  # of the body's height, from the feet to what was put down
_BEHIND: Final = 0.5  # of the vehicle's width, from its middle to what was thrown out


@dataclass(frozen=True)
class Stage:
    """One scenario, ready to be filmed.

    Attributes:
        scenario: as written.
        background: its camera.
        size: width and height of the picture, px.
        zones: what the camera watches.
        players: all that is put into the picture.
        incidents: what is true, as truth files say it, by onset.
    """

    scenario: Scenario
    background: Background
    size: tuple[int, int]
    zones: tuple[Zone, ...]
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
    zones = tuple(
        Zone(written.id, written.kind, tuple(written.polygon or background.place.polygon), written.dwell_s)
        for written in (scenario.zone, *scenario.also)
    )
    builder = _Builder(material, background, size)
    moving = [builder.moving(actor, scenario.name) for actor in scenario.actors]
    takers = {
        actor.takes: walk
        for actor, walk in zip(scenario.actors, moving, strict=True)
        if actor.takes and isinstance(walk, Walk)
    }
    goods = {
        index: builder.carried(actor, mover, takers.get(actor.puts.id))
        for index, (actor, mover) in enumerate(zip(scenario.actors, moving, strict=True))
        if actor.puts
    }
    lying = [builder.lying(item, takers.get(item.id)) for item in scenario.lies]
    incidents: list[dict[str, Any]] = []
    for zone in zones:
        truth = Incidents(scenario.duration_s, scenario.fps, size, zone)
        for index, (actor, mover) in enumerate(zip(scenario.actors, moving, strict=True)):
            incidents += truth.of(actor, mover, goods.get(index))
        for thing in goods.values():
            incidents += truth.left_behind(thing)
    incidents.sort(key=lambda incident: incident["onset_s"])
    return Stage(scenario, background, size, zones, (*lying, *moving, *goods.values()), tuple(incidents))


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
        if actor.holds:
            longer = self._under(longer, actor.holds)
        from_s, until_s = actor.shown or (-math.inf, math.inf)
        walk = Walk(
            longer,
            actor.start_s - earlier_s,
            stop_s=None if actor.stop_s is None else actor.stop_s + earlier_s,
            wait_s=actor.waits_s[0] if actor.waits_s else 0.0,
            every_s=actor.every_s,
            sways=source.walks,
            from_s=from_s,
            until_s=until_s,
            returns=actor.returns,
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

    def _under(self, passage: Passage, name: str) -> Passage:
        foot = passage.steps[0].foot
        umbrella = self._grown(name, foot, gain=1.0)
        return under(passage, umbrella, person_px(self.background.place, foot, self.size[1]))

    def carried(self, actor: Actor, bringer: Walk | Drive, taker: Walk | None) -> Carried:
        """What an actor puts down, in the size it has there."""
        puts = actor.puts
        assert puts is not None  # noqa: S101 - as above
        side = -1 if puts.side == "left" else 1
        stands = bringer.resting() if isinstance(bringer, Walk) else bringer.standing(1)
        rows, columns = stands.cutout.alpha.shape
        beside = _BESIDE * rows if isinstance(bringer, Walk) else _BEHIND * columns
        place = self._px(puts.at) if puts.at else (stands.x + side * beside, stands.foot + 2)
        cutout = self._grown(puts.thing, place[1], gain=actor.gain)
        return Carried(
            cutout,
            bringer,
            place,
            side,
            taker,
            takes_along=puts.takes_along,
            rolls=puts.rolls,
            offends=puts.offends,
        )

    def lying(self, item: Lies, taker: Walk | None) -> Lying:
        """What lies there, in the size it has there."""
        place = self._px(item.at)
        cutout = self._grown(item.thing, place[1], gain=item.gain)
        return Lying(
            cutout.mirrored() if item.mirror else cutout,
            place,
            from_s=item.from_s,
            until_s=math.inf if item.until_s is None else item.until_s,
            moves=tuple(Move(move.at_s, move.takes_s, self._px(move.to)) for move in item.moves),
            taker=taker,
        )

    def _grown(self, name: str, foot: float, *, gain: float) -> Cutout:
        """A thing in the size it has with its ground contact on that row."""
        height_m = self.material.recipe.things[name].height_m
        cutout = self.material.thing(name).dimmed(gain)
        return resized(cutout, height_m, self.background.place, foot, self.size[1])

    def _px(self, point: tuple[float, float]) -> tuple[float, float]:
        return point[0] * self.size[0], point[1] * self.size[1]
