"""Long films that are drawn: the same for the same seed, and nothing in them that should be reported."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from evaluation.composer.footage import Footage
from evaluation.composer.material import Material
from evaluation.composer.recipe import read_recipe
from evaluation.composer.series import films
from evaluation.composer.stage import set_up
from evaluation.composer.written_actors import Actor, Scenario
from evaluation.composer.written_series import SeriesEntry
from evaluation.errors import EvaluationError
from tests.evaluation.composed import recipe, scenario, write_recipe, write_street

RECIPES = Path(__file__).resolve().parents[2] / "evaluation" / "composer" / "recipes"
HOURS_MIN = 5.0
LANE = {
    "things": ["car"],
    "comes": [-0.2, 0.6],
    "spots": [[0.8, 0.6], [0.5, 0.6], [0.2, 0.6]],
    "leaves": [1.2, 0.6],
    "every_s": 10,
    "stands_s": [2, 15],
}
WALKERS = {
    "passages": ["walker"],
    "within": [[0.2, 0.8], [0.8, 0.8], [0.8, 0.95], [0.2, 0.95]],
    "every_s": 8,
    "stop": 0.5,
    "bags": ["car"],
}


def written(**more: Any) -> dict[str, Any]:
    zones = [
        {"id": "road", "kind": "no_parking", "dwell_s": 20},
        {"id": "kerb", "kind": "no_dumping", "dwell_s": 12},
        {"id": "path", "kind": "no_vending", "dwell_s": 20},
        {"id": "front", "kind": "frontage", "dwell_s": 20},
    ]
    return {"name": "long", "background": "empty", "films": 3, "duration_s": 300, "zones": zones, **more}


def drawn(seed: int = 1, **more: Any) -> list[Scenario]:
    return list(films(SeriesEntry.model_validate(written(**more)), seed))


def rests(actor: Actor) -> tuple[float, float]:
    assert actor.onset_s is not None
    return actor.onset_s, actor.onset_s + sum(actor.waits_s)


def test_the_same_seed_draws_the_same_films_and_another_one_others() -> None:
    first, again, other = (drawn(seed, walkers=[WALKERS], lanes=[LANE]) for seed in (1, 1, 2))
    assert first == again
    assert [one.name for one in first] == ["long-1", "long-2", "long-3"]
    assert first[0].actors != first[1].actors
    assert first[0].actors != other[0].actors


def test_conditions_go_round_and_clouds_and_lights_come_at_random() -> None:
    made = drawn(conditions=[{"rain": 0.5}, {"shake_px": 2}], clouds_every_s=30, lights_every_s=30)
    assert [one.conditions.rain for one in made] == [0.5, 0.0, 0.5]
    for one in made:
        assert 3 <= len(one.conditions.exposure) <= 25  # 300 s / 30 s = 10 of each
        assert 3 <= len(one.conditions.lights) <= 25
        assert all(0.65 <= step.gain <= 1.2 for step in one.conditions.exposure)
        assert all(light.until_s and light.on_s < light.until_s <= 300 for light in one.conditions.lights)


def test_on_a_lane_one_is_gone_before_the_next_one_comes_unless_they_queue() -> None:
    """Speed 0.2 of the width a second: 1.0 of it from where they come to the first spot takes 5 s, 1.4 of it 7 s."""
    lane = {**LANE, "queue": 0.0, "stop": 0.6}
    for one in drawn(lanes=[lane]):
        rest = [rests(actor) for actor in one.actors if actor.waits_s]
        assert len(rest) >= 5
        assert all(2 <= until_s - from_s <= 15 for from_s, until_s in rest)
        assert all(later[0] - earlier[1] >= 5 for earlier, later in pairwise(rest))


def test_a_queue_stands_one_behind_the_other_and_drives_off_in_that_order() -> None:
    for one in drawn(lanes=[{**LANE, "queue": 1.0}]):
        assert one.actors
        assert not any(actor.parks for actor in one.actors)
        queues: list[list[Actor]] = []
        for actor in one.actors:
            if actor.path and actor.path[1] == (0.8, 0.6):
                queues.append([])
            queues[-1].append(actor)
        assert {len(queue) for queue in queues} <= {2, 3}
        for queue in queues:
            for ahead, behind in pairwise(queue):
                assert ahead.path and behind.path  # noqa: PT018
                assert behind.path[1][0] < ahead.path[1][0]
                assert rests(ahead)[0] < rests(behind)[0]
                assert rests(ahead)[1] < rests(behind)[1]


def test_people_stop_where_they_may_and_bags_go_with_them_before_the_dwell() -> None:
    made = [actor for one in drawn(walkers=[WALKERS]) for actor in one.actors]
    assert all(actor.at and 0.2 <= actor.at[0] <= 0.8 <= actor.at[1] <= 0.95 for actor in made)
    bags = [actor for actor in made if actor.puts]
    stands = [actor for actor in made if actor.waits_s[0] > 0]
    assert 0.35 <= len(stands) / len(made) <= 0.65  # half of about 110
    assert 0.3 <= len(bags) / len(stands) <= 0.7
    # The shortest dwell is 12 s: 0.6 of it.
    assert all(actor.puts and actor.puts.takes_along and actor.waits_s[0] <= 7.2 for actor in bags)


def test_umbrellas_are_for_rain() -> None:
    dry, wet, _ = drawn(walkers=[{**WALKERS, "umbrella": "car"}], conditions=[{}, {"rain": 0.4}])
    assert not any(actor.holds for actor in dry.actors)
    assert any(actor.holds for actor in wet.actors)


def test_nothing_in_them_is_an_incident(tmp_path: Path) -> None:
    write_street(tmp_path)
    made = read_recipe(write_recipe(tmp_path, recipe(series=[written(walkers=[WALKERS], lanes=[LANE])])))
    assert len(made.scenarios) == 3
    material = Material(made, Footage(tmp_path))
    for one in made.scenarios:
        stage = set_up(material, one)
        assert len(stage.players) > 20
        assert stage.incidents == ()
        assert [zone.id for zone in stage.zones] == ["road", "kerb", "path", "front"]


def test_a_lane_on_which_vehicles_stand_for_the_dwell_is_refused() -> None:
    with pytest.raises(ValidationError, match="lanes stand up to 20 s: allowed is less than dwell_s, 20 s"):
        SeriesEntry.model_validate(written(lanes=[{**LANE, "stands_s": [3, 20]}]))


def test_a_recipe_uses_what_another_one_cuts_out(tmp_path: Path) -> None:
    base = recipe(scenario())
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base), encoding="utf-8")
    path = write_recipe(tmp_path, {"uses": "base.yaml", "series": [written(walkers=[WALKERS])]})
    made = read_recipe(path)
    assert set(made.backgrounds) == {"empty", "busy"}
    assert [one.name for one in made.scenarios] == ["long-1", "long-2", "long-3"]  # not those of the other one
    path = write_recipe(tmp_path, {"uses": "moon.yaml", "series": [written()]})
    with pytest.raises(EvaluationError, match=r"moon.yaml: can't be read"):
        read_recipe(path)
    path = write_recipe(tmp_path, {"uses": "base.yaml", "series": [written(background="moon")]})
    with pytest.raises(EvaluationError, match="'moon' is not there: allowed are busy, empty"):
        read_recipe(path)


def test_the_shipped_long_recipe_holds_five_hours_of_all_rules_and_weathers() -> None:
    made = read_recipe(RECIPES / "long.yaml").scenarios
    assert math.fsum(one.duration_s for one in made) / 3600 >= HOURS_MIN
    kinds = {str(zone.kind) for one in made for zone in (one.zone, *one.also)}
    assert kinds == {"no_parking", "no_dumping", "no_vending", "frontage"}
    weather = [one.conditions for one in made]
    for name in ("night", "headlights", "rain", "shake_px", "nudge", "shadows", "lights", "exposure", "noise"):
        assert any(getattr(one, name) for one in weather), name
    assert not any(actor.parks for one in made for actor in one.actors if actor.thing)


def test_every_held_out_scene_has_a_camera_or_a_thing_that_no_rule_was_tuned_on() -> None:
    tuned, held_out = (read_recipe(RECIPES / f"{name}.yaml") for name in ("street", "held_out"))
    assert not {one.name for one in tuned.scenarios} & {one.name for one in held_out.scenarios}
    for one in held_out.scenarios:
        put = [actor.puts.thing for actor in one.actors if actor.puts]
        things = {*(actor.thing for actor in one.actors if actor.thing), *put, *(it.thing for it in one.lies)}
        assert one.background not in tuned.backgrounds or things - set(tuned.things), one.name
    kinds = {str(one.zone.kind) for one in held_out.scenarios}
    assert kinds == {"no_parking", "no_dumping", "no_vending"}
