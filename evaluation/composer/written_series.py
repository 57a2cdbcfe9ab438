"""Long films as a recipe says them: who comes how often, not who comes when."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from evaluation.composer.written import DURATION_MAX_S, DURATION_MIN_S, STRICT, Fraction, Name, Outline, Point, Seconds
from evaluation.composer.written_actors import Actor, Lies, ZoneEntry
from evaluation.composer.written_conditions import Conditions

Range = tuple[Seconds, Seconds]
"""From, to: drawn evenly."""
Gap = Annotated[float, Field(gt=0)]
"""Mean time from one to the next, s."""


class _Written(BaseModel):
    model_config = STRICT


class Walkers(_Written):
    """People who pass, and some who stop for a while: alone, or with something that they put down and take along."""

    passages: Annotated[list[Name], Field(min_length=1)]
    within: Outline
    """Each passes through, or stops at, a point in here."""
    every_s: Gap
    stop: Fraction = 0.25
    """The share of them that stop."""
    stands_s: Range = (5, 60)
    bags: list[Name] = []
    """Every second one of those who stop puts one of these down, stays for less than the dwell, and takes it along."""
    umbrella: Name | None = None
    """What every second one holds when it rains."""


class Lane(_Written):
    """A lane on which one vehicle after the other drives through, stops for less than the dwell, or waits in a queue."""

    things: Annotated[list[Name], Field(min_length=1)]
    mirrored: list[Name] = []
    """Those of them that look the other way where they were cut out."""
    comes: Point
    spots: Annotated[list[Point], Field(min_length=1)]
    """Where vehicles stand, the first one of a queue first."""
    leaves: Point
    every_s: Gap
    speed: Annotated[float, Field(gt=0, le=2)] = 0.2
    """Frame widths a second."""
    stop: Fraction = 0.3
    """The share that stops alone."""
    stands_s: Range = (3, 15)
    queue: Fraction = 0.2
    """The share of times that a queue comes."""
    queues_s: Range = (25, 60)


class SeriesEntry(_Written):
    """Films of one camera in which nothing that should be reported happens."""

    name: Name
    background: Name
    films: Annotated[int, Field(ge=1, le=1000)]
    duration_s: Annotated[float, Field(ge=DURATION_MIN_S, le=DURATION_MAX_S)] = 600
    fps: Annotated[float, Field(ge=5, le=30)] = 5
    gop_s: Annotated[float, Field(ge=0.5, le=10)] = 4
    codec: Literal["h264", "h265"] = "h264"
    preset: Literal["superfast", "ultrafast"] = "ultrafast"
    zones: Annotated[list[ZoneEntry], Field(min_length=1)]
    walkers: list[Walkers] = []
    lanes: list[Lane] = []
    always: list[Actor] = []
    lies: list[Lies] = []
    gain: Annotated[float, Field(gt=0, le=4)] = 1.0
    """How much lighter everybody is here than where they were cut out."""
    conditions: Annotated[list[Conditions], Field(min_length=1)] = [Conditions()]
    """Of the first film, the second one, and so on, round and round."""
    clouds_every_s: Gap | None = None
    lights_every_s: Gap | None = None
    """Ground that is lit for a while, somewhere in the first zone."""

    @model_validator(mode="after")
    def _stops_are_short(self) -> Self:
        parking = [zone.dwell_s for zone in self.zones if zone.kind in {"no_parking", "fire_lane"}]
        longest = max((lane.stands_s[1] for lane in self.lanes), default=0.0)
        if parking and longest >= min(parking):
            raise ValueError(f"lanes stand up to {longest:g} s: allowed is less than dwell_s, {min(parking):g} s")
        return self
