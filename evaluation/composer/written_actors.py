"""Who and what is in a scenario, as a recipe says it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from detector.zoning.zones import ZoneKind
from evaluation.composer.written import DURATION_MAX_S, DURATION_MIN_S, STRICT, Name, Outline, Point, Seconds
from evaluation.composer.written_conditions import Conditions


class _Written(BaseModel):
    model_config = STRICT


class Puts(_Written):
    """What somebody carries and puts down."""

    thing: Name
    id: Name
    side: Literal["left", "right"] = "right"
    at: Point | None = None
    """Where its ground contact comes to lie; beside whoever brings it if not given."""
    rolls: bool = False
    """It stays on the ground on its way: a cart."""
    takes_along: bool = False
    """Whoever brought it takes it when they go on."""
    offends: bool = True
    """False for what nobody would report: a bicycle that is parked."""


class MoveEntry(_Written):
    """A shift of something that lies there."""

    at_s: Seconds
    to: Point
    takes_s: Annotated[float, Field(gt=0)] = 1.0


class Lies(_Written):
    """Something that lies there from the beginning, or comes and goes with nobody: what it is no incident of."""

    thing: Name
    id: Name
    at: Point
    """Of its ground contact."""
    mirror: bool = False
    gain: Annotated[float, Field(gt=0, le=4)] = 1.0
    from_s: Seconds = 0.0
    until_s: Seconds | None = None
    moves: list[MoveEntry] = []


class Actor(_Written):
    """Somebody who passes, or a vehicle that is driven in; it may rest for a while."""

    passage: Name | None = None
    thing: Name | None = None
    start_s: Annotated[float, Field(ge=-DURATION_MAX_S, le=DURATION_MAX_S)] = 0.0
    """When a passage begins."""
    stop_s: Seconds | None = None
    """How far into the passage it rests."""
    at: Point | None = None
    """Where the passage's ground contact then is; where it was in its footage if not given."""
    mirror: bool = False
    every_s: Annotated[float, Field(gt=0)] | None = None
    """It comes again and again."""
    path: Annotated[list[Point], Field(min_length=2)] | None = None
    """Of a thing: where it comes from, where it rests, one after the other, and where it leaves to."""
    onset_s: Seconds | None = None
    """Of a thing: when it comes to rest first, or, if it rests nowhere, when it comes."""
    waits_s: list[Seconds] = []
    """How long it rests at each inner point of the path, or where the passage stops."""
    speed: Annotated[float, Field(gt=0, le=2)] = 0.2
    """Frame widths a second."""
    gain: Annotated[float, Field(gt=0, le=4)] = 1.0
    """How much lighter it is here than where it was cut out; what it puts down is as light."""
    puts: Puts | None = None
    takes: Name | None = None
    sells: bool = False
    """A vendor: trades as long as both the vendor and the goods rest."""
    parks: bool = True
    """Of a vehicle: false if it stands because the traffic does, which is no parking."""
    holds: Name | None = None
    """A thing held over the head: an umbrella."""
    returns: bool = False
    """Of somebody who stops: they go back the way they came."""
    shown: tuple[Seconds, Seconds] | None = None
    """Seen between these times only: whoever gets out of a vehicle, or comes out of a door."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.passage is None) == (self.thing is None):
            raise ValueError("allowed is one of passage and thing")
        if self.thing is not None and (self.path is None or self.onset_s is None):
            raise ValueError("a thing needs path and onset_s")
        if self.path is not None and len(self.waits_s) != len(self.path) - 2:
            raise ValueError(f"waits_s: allowed is one for each inner point of path, {len(self.path) - 2}")
        if self.passage is not None and (self.path is not None or len(self.waits_s) != (self.stop_s is not None)):
            raise ValueError("a passage has no path, and as many waits_s as stops: 1 with stop_s, else 0")
        if self.puts and self.stop_s is None and not self.waits_s:
            raise ValueError("puts needs somebody who stops: stop_s, or a path with waits_s")
        if (self.takes or self.sells or self.returns) and self.stop_s is None:
            raise ValueError("takes, sells and returns need a passage that stops: stop_s")
        if self.holds and self.passage is None:
            raise ValueError("holds needs a passage")
        if self.at is not None and self.stop_s is None:
            raise ValueError("at needs stop_s: where the passage is then")
        return self


class ZoneEntry(_Written):
    """The zone that the camera watches."""

    id: Name
    kind: ZoneKind
    dwell_s: Annotated[float, Field(gt=0)]
    polygon: Outline | None = None
    """The background's place if not given."""


class Scenario(_Written):
    """One clip."""

    name: Name
    background: Name
    duration_s: Annotated[float, Field(ge=DURATION_MIN_S, le=DURATION_MAX_S)]
    fps: Annotated[float, Field(ge=5, le=30)] = 12.5
    gop_s: Annotated[float, Field(ge=0.5, le=10)] = 2.0
    codec: Literal["h264", "h265"] = "h264"
    preset: Literal["superfast", "ultrafast"] = "superfast"
    """How much care the H.264 encoder takes; H.265 is always made the fastest way."""
    zone: ZoneEntry
    also: list[ZoneEntry] = []
    """More zones that the camera watches."""
    lies: list[Lies] = []
    actors: list[Actor] = []
    conditions: Conditions = Conditions()
