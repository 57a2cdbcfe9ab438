"""The shipped recipe on real footage: what was composed must be seen as what it is. Slow: it composes some of its clips."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from detector.zoning.geometry import Box, iou
from evaluation.composer.film import pictures
from evaluation.composer.footage import Footage
from evaluation.composer.material import Material
from evaluation.composer.recipe import read_recipe
from evaluation.composer.stage import Stage, set_up
from models.detector import Detector, load_detector

RECIPE = Path(__file__).resolve().parents[2] / "evaluation" / "composer" / "recipes" / "street.yaml"
EVERY_S = 2.0
SEEN_IOU_MIN = 0.4  # the true box holds the shadow, the detector's doesn't
SEEN_SHARE_MIN = 0.8
SCORE_MIN = 0.25
VEHICLES = {"car", "truck", "bus"}
BY_DAY = [
    "park-campus-red",
    "park-campus-two",
    "park-crossing-taxi",
    "park-junction-lorry",
    "park-loading-estate",
    "park-noon-taxi-rain",
    "park-passed-campus",
    "park-two-behind-junction",
]


@pytest.fixture(scope="module")
def material(shared: Path) -> Material:
    return Material(read_recipe(RECIPE), Footage(shared))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("yolov8n")


def share_seen(stage: Stage, material: Material, detector: Detector) -> float:
    """In how many looks the parked vehicles are seen, while they stand."""
    width, height = stage.size
    plan = detector.plan(width, height)
    looks = seen = 0
    for index, picture in enumerate(pictures(stage, material.footage, material.recipe.seed)):
        if index % round(EVERY_S * stage.scenario.fps):
            continue
        time_s = index / stage.scenario.fps
        present = [
            one for one in stage.incidents if one["onset_s"] <= time_s < (one["end_s"] or stage.scenario.duration_s)
        ]
        if not present:
            continue
        found = detector.detect(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), plan, score_min=SCORE_MIN)
        vehicles = [
            Box(*(box / (width, height, width, height)).tolist())
            for box, label in zip(found.boxes_px, found.classes, strict=True)
            if found.names[label] in VEHICLES
        ]
        for one in present:
            looks += 1
            seen += any(iou(Box(*one["box"]), vehicle) >= SEEN_IOU_MIN for vehicle in vehicles)
    return seen / looks


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_DAY)
def test_a_parked_vehicle_is_seen_as_one_by_day(material: Material, detector: Detector, name: str) -> None:
    scenario = next(one for one in material.recipe.scenarios if one.name == name)
    stage = set_up(material, scenario)
    assert stage.incidents
    assert share_seen(stage, material, detector) >= SEEN_SHARE_MIN


@pytest.mark.slow
def test_every_scenario_can_be_set_up_and_both_kinds_are_there(material: Material) -> None:
    """Positive and negative ones of each zone kind, as the recipe's comments say."""
    counts: dict[tuple[str, bool], int] = {}
    for scenario in material.recipe.scenarios:
        stage = set_up(material, scenario)
        key = (str(scenario.zone.kind), bool(stage.incidents))
        counts[key] = counts.get(key, 0) + 1
        assert all(0 <= side <= 1 for one in stage.incidents for side in one["box"])
    parking = {
        found: counts.get(("no_parking", found), 0) + counts.get(("fire_lane", found), 0) for found in (True, False)
    }
    assert parking[True] >= 24
    assert parking[False] >= 12
    assert counts["no_dumping", True] >= 20
    assert counts["no_dumping", False] >= 20
    assert counts["no_vending", True] >= 10
    assert counts["no_vending", False] >= 10
    assert counts["frontage", True] >= 5
    assert counts["frontage", False] >= 5


@pytest.mark.slow
def test_nothing_in_the_long_films_is_an_incident(shared: Path) -> None:
    recipe = read_recipe(RECIPE.with_name("long.yaml"))
    material = Material(recipe, Footage(shared))
    for scenario in recipe.scenarios:
        stage = set_up(material, scenario)
        assert len(stage.players) > 10, scenario.name
        assert stage.incidents == (), scenario.name
