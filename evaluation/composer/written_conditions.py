"""Light, weather and camera, as a recipe says them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from evaluation.composer.written import STRICT, Fraction, Outline, Point, Seconds


class _Written(BaseModel):
    model_config = STRICT


class Lamp(_Written):
    """A street lamp and the ground it lights."""

    at: Point
    radius: Annotated[float, Field(gt=0)] = 0.2


class Night(_Written):
    """Dark, amplified and lit by lamps."""

    gain: Annotated[float, Field(gt=0, le=1)] = 0.3
    gamma: Annotated[float, Field(gt=0.2, le=4)] = 1.2
    lamps: list[Lamp] = []


class Headlights(_Written):
    """A beam that sweeps over the ground."""

    path: tuple[Point, Point]
    first_s: Seconds = 5.0
    every_s: Annotated[float, Field(gt=0)] = 13.7
    lasts_s: Annotated[float, Field(gt=0)] = 3.0


class ExposureStep(_Written):
    """From a moment on the picture is lighter or darker."""

    at_s: Seconds
    gain: Annotated[float, Field(gt=0, le=3)]
    takes_s: Annotated[float, Field(gt=0)] = 0.4
    """Automatic exposure settles at once; a cloud takes its time."""


class Light(_Written):
    """Ground that is lit from a moment on: a lamp or a window switched on, headlights of something that stands."""

    at: Point
    size: tuple[float, float] = (0.15, 0.08)
    """Half width and half height, in frame widths and heights."""
    level: Annotated[float, Field(gt=0, le=2)] = 0.7
    on_s: Seconds = 0.0
    until_s: Seconds | None = None
    flickers_hz: Annotated[float, Field(gt=0, le=12)] | None = None
    """A lamp that is about to fail, so often a second or so."""


class Shadow(_Written):
    """Ground that darkens: the shadow of a house, a tree or a cloud that creeps on."""

    outline: Outline
    """Where it lies when it has come."""
    by: Point
    """Which way it comes, in fractions of the frame."""
    from_s: Seconds
    takes_s: Annotated[float, Field(gt=0)]
    gain: Annotated[float, Field(gt=0, lt=1)] = 0.55
    """How much light is left in it."""
    soft: Fraction = 0.01
    """How wide its edge is, in frame widths."""


class Nudge(_Written):
    """From a moment on the camera looks elsewhere."""

    at_s: Seconds
    by: Point
    """How far the picture moves, in fractions of the frame."""


class Conditions(_Written):
    """What light, weather and camera do to the picture."""

    night: Night | None = None
    headlights: Headlights | None = None
    lights: list[Light] = []
    shadows: list[Shadow] = []
    rain: Fraction = 0.0
    noise: Annotated[float, Field(ge=0, le=30)] | None = None
    """Standard deviation in levels; if not given, a little where nothing but a plate is shown, which has none of its own."""
    exposure: list[ExposureStep] = []
    shake_px: Annotated[float, Field(ge=0, le=20)] = 0.0
    nudge: Nudge | None = None
