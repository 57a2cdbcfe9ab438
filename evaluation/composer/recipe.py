"""The recipe that people write: which footage, where things can rest in it, what is cut out of it, and what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import shapely
import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from evaluation.composer.series import films
from evaluation.composer.written import STRICT, File, Fraction, Name, Outline, Point, Seconds
from evaluation.composer.written_actors import Scenario
from evaluation.composer.written_series import SeriesEntry
from evaluation.errors import EvaluationError


class _Written(BaseModel):
    model_config = STRICT


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
    cut: Literal["moved", "outline", "exact"] = "moved"
    """What is different from the ground inside the outline; for what never moves in its footage GrabCut, or all inside it."""
    height_m: Annotated[float, Field(gt=0, le=10)]
    """Of the cut-out; seen from above, a part of a vehicle's length belongs to it."""
    gain: Annotated[float, Field(gt=0, le=4)] = 1.0
    pole: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of its height that a pole takes which is drawn under it: a parasol stands on one."""


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


class Recipe(_Written):
    """Everything that can be composed, and the seed of what is left to chance."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    seed: int = 0
    uses: File | None = None
    """Another recipe in the same folder, whose backgrounds, things and passages are there as well."""
    backgrounds: dict[Name, Background] = {}
    things: dict[Name, Thing] = {}
    passages: dict[Name, PassageSource] = {}
    scenarios: list[Scenario] = []
    series: list[SeriesEntry] = []
    """Read, they are scenarios: see `films`."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.scenarios and not self.series:
            raise ValueError("there is nothing in it: allowed is at least one of scenarios and series")
        return self


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; its series are drawn, and stand among its scenarios.

    Raises:
        EvaluationError: a line for each mistake: file, key, what is allowed.
    """
    recipe = _parsed(path)
    if recipe.uses:
        used = _parsed(path.parent / recipe.uses)
        tables = {
            name: {**getattr(used, name), **getattr(recipe, name)} for name in ("backgrounds", "things", "passages")
        }
        recipe = recipe.model_copy(update=tables)
    drawn = [film for series in recipe.series for film in films(series, recipe.seed)]
    recipe = recipe.model_copy(update={"scenarios": [*recipe.scenarios, *drawn]})
    problems = list(_dangling(recipe))
    if problems:
        raise EvaluationError("\n".join(f"{path}: {problem}" for problem in problems))
    return recipe


def _parsed(path: Path) -> Recipe:
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise EvaluationError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        lines = [f"{path}: {_line(mistake['loc'], mistake['msg'])}" for mistake in error.errors(include_url=False)]
        raise EvaluationError("\n".join(lines)) from error


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
        put: dict[str, object] = {actor.puts.id: actor for actor in scenario.actors if actor.puts}
        put |= {item.id: item for item in scenario.lies}
        for number, item in enumerate(scenario.lies):
            check(f"{where}.lies.{number}.thing", item.thing, {**things})
        for number, actor in enumerate(scenario.actors):
            place = f"{where}.actors.{number}"
            check(f"{place}.thing", actor.thing, {**things})
            check(f"{place}.passage", actor.passage, {**passages})
            check(f"{place}.puts.thing", actor.puts.thing if actor.puts else None, {**things})
            check(f"{place}.holds", actor.holds, {**things})
            check(f"{place}.takes", actor.takes, {**put})
    return found
