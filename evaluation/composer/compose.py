"""Composes the scenarios of a recipe, several at a time, and writes a dataset that `streetwarden evaluate` takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import yaml

from evaluation.composer.film import film
from evaluation.composer.footage import Footage
from evaluation.composer.material import Material
from evaluation.composer.recipe import Recipe, read_recipe
from evaluation.composer.stage import Stage, set_up
from evaluation.errors import EvaluationError


@dataclass(frozen=True)
class Composed:
    """One clip that was written.

    Attributes:
        name: of the scenario.
        duration_s: its length.
        incidents: how many are true.
    """

    name: str
    duration_s: float
    incidents: int


def compose(
    recipe_path: Path, footage_dir: Path, out_dir: Path, *, only: Sequence[str] = (), jobs: int = 1
) -> Iterator[Composed]:
    """Compose scenarios, and write dataset.yaml after each; yields each clip when it is done, in the recipe's order.

    Args:
        recipe_path: the recipe.
        footage_dir: where the footage that it names lies, at any depth.
        out_dir: gets `NAME.mp4`, `NAME.camera.yaml` and `NAME.truth.json` for each, and `dataset.yaml`.
        only: names of the scenarios to compose; all if empty.
        jobs: processes; what is written does not depend on it.

    Raises:
        EvaluationError: the recipe is wrong, or footage that it names is not there or can't be used.
    """
    recipe = read_recipe(recipe_path)
    names = [scenario.name for scenario in recipe.scenarios if not only or scenario.name in only]
    unknown = sorted(set(only) - {scenario.name for scenario in recipe.scenarios})
    if unknown:
        known = ", ".join(scenario.name for scenario in recipe.scenarios)
        raise EvaluationError(f"{recipe_path}: there is no scenario {', '.join(unknown)}: allowed are {known}")
    _check_footage(recipe, Footage(footage_dir), names)
    out_dir.mkdir(parents=True, exist_ok=True)
    # Each process keeps what it has cut out, so scenarios of one background are best made by the same one: chunks, in order.
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_start, initargs=(recipe, footage_dir, out_dir)
    ) as pool:
        clips: list[dict[str, str]] = []
        for clip in pool.map(_compose_one, names):
            clips.append({"cameras": f"{clip.name}.camera.yaml", "truth": f"{clip.name}.truth.json"})
            text = yaml.safe_dump({"clips": clips}, sort_keys=False)  # whole after each clip: hours may be broken off
            (out_dir / "dataset.yaml").write_text(text, encoding="utf-8")
            yield clip


def _check_footage(recipe: Recipe, footage: Footage, names: Sequence[str]) -> None:
    """All that is missing is said before the first clip is made.

    Raises:
        EvaluationError: a line for each file that is not there.
    """
    problems = []
    for name in sorted(_needed(recipe, names)):
        try:
            footage.length(name)
        except EvaluationError as error:
            problems.append(str(error))
    if problems:
        raise EvaluationError("\n".join(problems))


def _needed(recipe: Recipe, names: Sequence[str]) -> set[str]:
    needed: set[str] = set()
    for scenario in recipe.scenarios:
        if scenario.name not in names:
            continue
        needed.update(recipe.backgrounds[scenario.background].plate_files)
        for item in scenario.lies:
            needed.update((recipe.things[item.thing].footage, *recipe.things[item.thing].plate_from))
        for actor in scenario.actors:
            sources = [recipe.passages.get(actor.passage or ""), recipe.things.get(actor.thing or "")]
            sources += [recipe.things.get(actor.puts.thing if actor.puts else ""), recipe.things.get(actor.holds or "")]
            for source in sources:
                needed.update((source.footage, *source.plate_from) if source else ())
    return needed


def footage_s(recipe_path: Path, footage_dir: Path, names: Sequence[str]) -> float:
    """How much film differs from all other film, s: of clips that play behind scenarios, or whose passages walk in them.

    However long the films that are composed of it, nothing in them moves in a way that is not in there.
    """
    recipe, footage = read_recipe(recipe_path), Footage(footage_dir)
    moving: set[str] = set()
    for scenario in recipe.scenarios:
        if scenario.name in names:
            background = recipe.backgrounds[scenario.background]
            moving |= {background.footage} if background.shows == "film" else set()
            moving |= {recipe.passages[actor.passage].footage for actor in scenario.actors if actor.passage}
    return sum(count / rate for count, rate in map(footage.length, sorted(moving)))


@dataclass
class _Process:
    """What one process keeps between scenarios."""

    material: Material
    out_dir: Path


_process: list[_Process] = []


def _start(recipe: Recipe, footage_dir: Path, out_dir: Path) -> None:
    cv2.setNumThreads(1)  # processes are what fills the cores, and one thread always adds up the same way
    _process[:] = [_Process(Material(recipe, Footage(footage_dir)), out_dir)]


def _compose_one(name: str) -> Composed:
    material, out_dir = _process[0].material, _process[0].out_dir
    scenario = next(scenario for scenario in material.recipe.scenarios if scenario.name == name)
    stage = set_up(material, scenario)
    film(stage, material.footage, material.recipe.seed, out_dir / f"{name}.mp4")
    _write(out_dir / f"{name}.camera.yaml", _camera(stage))
    truth = {"schema": 1, "duration_s": round(scenario.duration_s, 4), "incidents": list(stage.incidents)}
    _write(out_dir / f"{name}.truth.json", truth)
    return Composed(name, scenario.duration_s, len(stage.incidents))


def _camera(stage: Stage) -> dict[str, Any]:
    name = stage.scenario.name
    zones = [
        {
            "id": zone.id,
            "kind": str(zone.kind),
            "polygon": [list(corner) for corner in zone.polygon],
            "dwell_s": zone.dwell_s,
        }
        for zone in stage.zones
    ]
    return {"cameras": [{"id": name, "source": f"{name}.mp4", "zones": zones}]}


def _write(path: Path, content: dict[str, Any]) -> None:
    """JSON, which is YAML as well."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
