"""The recipe that people write: which footage, where things can rest in it, what is cut out of it, and what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

import shapely
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from detector.zones import ZoneKind
from evaluation.errors import EvaluationError

DURATION_MIN_S: Final = 1.0
DURATION_MAX_S: Final = 120.0  # what happens in longer ones is waiting

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,60}$")]
File = Annotated[str, StringConstraints(pattern=r"^[^/\\]+$")]
Seconds = Annotated[float, Field(ge=0, le=DURATION_MAX_S)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Point = tuple[float, float]
"""x, y in fractions of the frame; outside 0…1 is out of sight."""
Outline = Annotated[list[Point], Field(min_length=3)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Place(_Written):
    """Where things can rest, and how large they are there.

    What rests there in the footage itself is in no truth file: the polygon leaves it out.
    """

    polygon: Outline
    person: tuple[tuple[float, float], tuple[float, float]]
    """Two rows of the frame, and how high a person of 1.7 m is who stands there; all in fractions of the frame's height."""

    @field_validator("polygon")
    @classmethod
    def _simple(cls, corners: list[Point]) -> list[Point]:
        if not shapely.Polygon(corners).is_valid:
            raise ValueError("its edges cross: allowed is a simple polygon, corners in order around it")
        return corners

    @field_validator("person")
    @classmethod
    def _two_rows(cls, rows: tuple[Point, Point]) -> tuple[Point, Point]:
        (upper, _), (lower, _) = rows
        if upper >= lower or min(rows[0][1], rows[1][1]) <= 0:
            raise ValueError("allowed are [[upper row, height], [lower row, height]] with heights above 0")
        return rows


class Foreground(_Written):
    """Something of the scenery that hides what is behind it: a lamp post, a tree."""

    outline: Outline
    foot: Fraction


class Background(_Written):
    """One camera."""

    footage: File
    plate_from: list[File] = []
    """More clips of the same camera, for a better idea of what stands still in it."""
    shows: Literal["film", "plate"] = "film"
    """The film as it plays, or only what stands still in it."""
    from_s: Seconds = 0.0
    place: Place
    foreground: list[Foreground] = []

    @property
    def plate_files(self) -> tuple[str, ...]:
        """All clips of this camera."""
        return (self.footage, *self.plate_from)


class Thing(_Written):
    """One cut-out that is put somewhere else."""

    footage: File
    plate_from: list[File] = []
    at_s: Seconds = 0.0
    outline: Outline
    cut: Literal["moved", "outline"] = "moved"
    """What is different from the ground inside the outline, or GrabCut, for what never moves in its footage."""
    height_m: Annotated[float, Field(gt=0, le=10)]
    """Of the cut-out; seen from above, a part of a vehicle's length belongs to it."""
    gain: Annotated[float, Field(gt=0, le=4)] = 1.0


class PassageSource(_Written):
    """Something that passes, followed from a point at a time."""

    footage: File
    plate_from: list[File] = []
    at_s: Seconds = 0.0
    point: tuple[Fraction, Fraction]
    for_s: Seconds = 20.0
    within: Outline | None = None
    """Nothing outside is part of it."""
    walks: bool = True
    """A person, whose last strides are repeated to where the picture ends; else a vehicle, which glides on."""
    person: float | None = Field(default=None, gt=0)
    """How high a person would be at that point in fractions of the frame's height; if not given: as high as it is."""


class Puts(_Written):
    """What somebody carries and puts down."""

    thing: Name
    id: Name
    side: Literal["left", "right"] = "right"


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
        if (self.puts or self.takes or self.sells) and self.stop_s is None:
            raise ValueError("puts, takes and sells need a passage that stops: stop_s")
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


class Conditions(_Written):
    """What light, weather and camera do to the picture."""

    night: Night | None = None
    headlights: Headlights | None = None
    rain: Fraction = 0.0
    noise: Annotated[float, Field(ge=0, le=30)] | None = None
    """Standard deviation in levels; if not given, a little where nothing but a plate is shown, which has none of its own."""
    exposure: list[ExposureStep] = []
    shake_px: Annotated[float, Field(ge=0, le=20)] = 0.0


class Scenario(_Written):
    """One clip."""

    name: Name
    background: Name
    duration_s: Annotated[float, Field(ge=DURATION_MIN_S, le=DURATION_MAX_S)]
    fps: Annotated[float, Field(ge=5, le=30)] = 12.5
    gop_s: Annotated[float, Field(ge=0.5, le=10)] = 2.0
    codec: Literal["h264", "h265"] = "h264"
    zone: ZoneEntry
    actors: list[Actor] = []
    conditions: Conditions = Conditions()


class Recipe(_Written):
    """Everything that can be composed, and the seed of what is left to chance."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    seed: int = 0
    backgrounds: dict[Name, Background]
    things: dict[Name, Thing] = {}
    passages: dict[Name, PassageSource] = {}
    scenarios: Annotated[list[Scenario], Field(min_length=1)]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        EvaluationError: a line for each mistake: file, key, what is allowed.
    """
    try:
        recipe = Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise EvaluationError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        lines = [f"{path}: {_line(mistake['loc'], mistake['msg'])}" for mistake in error.errors(include_url=False)]
        raise EvaluationError("\n".join(lines)) from error
    problems = list(_dangling(recipe))
    if problems:
        raise EvaluationError("\n".join(f"{path}: {problem}" for problem in problems))
    return recipe


def _line(place: tuple[int | str, ...], message: str) -> str:
    key = ".".join(map(str, place))
    return f"{key}: {message}" if key else message


def _dangling(recipe: Recipe) -> list[str]:
    """Names that are used and not there, or there twice."""
    found: list[str] = []
    seen: set[str] = set()

    def check(where: str, name: str | None, table: dict[str, object]) -> None:
        if name is not None and name not in table:
            found.append(f"{where}: {name!r} is not there: allowed are {', '.join(sorted(table)) or 'none'}")

    things, passages, backgrounds = dict(recipe.things), dict(recipe.passages), dict(recipe.backgrounds)
    for index, scenario in enumerate(recipe.scenarios):
        where = f"scenarios.{index}"
        if scenario.name in seen:
            found.append(f"{where}.name: {scenario.name!r} is there twice")
        seen.add(scenario.name)
        check(f"{where}.background", scenario.background, {**backgrounds})
        put = {actor.puts.id: actor for actor in scenario.actors if actor.puts}
        for number, actor in enumerate(scenario.actors):
            place = f"{where}.actors.{number}"
            check(f"{place}.thing", actor.thing, {**things})
            check(f"{place}.passage", actor.passage, {**passages})
            check(f"{place}.puts.thing", actor.puts.thing if actor.puts else None, {**things})
            check(f"{place}.takes", actor.takes, {**put})
    return found
