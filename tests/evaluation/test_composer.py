"""Composed clips: the same twice, and their truth is what can be measured in their pictures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from detector.zoning.cameras_file import read_cameras
from evaluation.composer.command import compose as command
from evaluation.composer.compose import compose, footage_s
from evaluation.composer.film import film, pictures
from evaluation.composer.footage import Footage
from evaluation.composer.material import Material
from evaluation.composer.recipe import Recipe, read_recipe
from evaluation.composer.stage import Stage, set_up
from evaluation.datasets.truth import read_dataset
from evaluation.errors import EvaluationError
from tests.evaluation.composed import (
    HEIGHT,
    WIDTH,
    decoded,
    digests,
    recipe,
    scenario,
    truth,
    write_recipe,
    write_street,
)

PARKS = {"passage": "car", "start_s": 0.5, "stop_s": 1.5, "waits_s": [4]}
DRIVES = {"thing": "car", "path": [[-0.3, 0.6], [0.5, 0.6], [1.3, 0.6]], "onset_s": 2, "waits_s": [3], "speed": 1.0}
BRINGS = {
    "passage": "walker",
    "start_s": 0,
    "stop_s": 2,
    "waits_s": [1.5],
    "puts": {"thing": "car", "id": "a", "side": "left"},
}
TAKES = {"passage": "walker", "start_s": 3.4, "stop_s": 2, "waits_s": [1], "takes": "a"}
DUMPING = {"id": "kerb", "kind": "no_dumping", "dwell_s": 1.5}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    write_street(folder)
    return folder


def stage(street: Path, *actors: dict[str, Any], **more: Any) -> tuple[Stage, Material]:
    content = Recipe.model_validate(recipe(scenario(actors=list(actors), **more)))
    material = Material(content, Footage(street))
    return set_up(material, content.scenarios[0]), material


def changed(picture: np.ndarray, plate: np.ndarray) -> tuple[int, int, int, int]:
    """Box x0, y0, x1, y1 in px of what lies over the ground."""
    differs = cv2.absdiff(picture, plate).max(axis=2) > 60  # above the shade on the ground and what the codec does
    ys, xs = np.nonzero(differs)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_two_runs_make_the_same_pictures_and_the_same_truth(tmp_path: Path, street: Path) -> None:
    weather = {"rain": 0.5, "noise": 4, "shake_px": 1.5, "night": {"lamps": [{"at": [0.5, 0.5]}]}}
    content = recipe(
        scenario("one", actors=[PARKS], conditions=weather, duration_s=3),
        scenario("two", background="busy", actors=[DRIVES], conditions=weather, duration_s=3, codec="h265"),
    )
    path = write_recipe(tmp_path, content)
    for name, jobs in (("a", 1), ("b", 2)):
        done = list(compose(path, street, tmp_path / name, jobs=jobs))
        assert [clip.name for clip in done] == ["one", "two"]
    names = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert names == sorted(
        ["dataset.yaml", *(f"{n}.{end}" for n in ("one", "two") for end in ("mp4", "camera.yaml", "truth.json"))]
    )
    for name in names:
        if name.endswith(".mp4"):
            assert digests(tmp_path / "a" / name) == digests(tmp_path / "b" / name)
            assert len(digests(tmp_path / "a" / name)) == 30  # 3 s at 10 a second
        else:
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    dataset = read_dataset(tmp_path / "a" / "dataset.yaml")
    assert (len(dataset.clips), dataset.problems, dataset.unknown_keys) == (2, (), 0)
    cameras = read_cameras(tmp_path / "a" / "one.camera.yaml")
    assert (cameras[0].id, cameras[0].zones[0].dwell_s) == ("one", 2.0)


def test_another_seed_makes_other_noise(street: Path) -> None:
    set_, material = stage(street, PARKS, conditions={"noise": 4}, duration_s=1)
    first, second = (np.stack(list(pictures(set_, material.footage, seed))) for seed in (1, 2))
    assert (first != second).any()


@pytest.mark.parametrize("actor", [PARKS, DRIVES])
def test_the_truth_is_what_the_pictures_show(tmp_path: Path, street: Path, actor: dict[str, Any]) -> None:
    """A passage: onset 0.5 + 1.5 = 2.0 s, end 6.0 s. A thing: onset 2.0 s, end 5.0 s. Alarm 2 s later: 4.0 s."""
    set_, material = stage(street, actor)
    film(set_, material.footage, 1, tmp_path / "one.mp4")
    (incident,) = set_.incidents
    end_s = 2.0 + actor["waits_s"][0]
    assert (incident["onset_s"], incident["alarm_s"], incident["end_s"]) == (2.0, 4.0, end_s)
    plate = material.footage.plate(("street.mp4",))
    boxes = [changed(picture, plate) for picture in decoded(tmp_path / "one.mp4")[14 : round(end_s * 10) + 6]]
    rests = [
        index + 14
        for index, box in enumerate(boxes)
        if max(abs(a - b) for a, b in zip(box, boxes[21], strict=True)) <= 1
    ]
    # Braking, the last picture before the rest lies less than 1 px away; leaving, so does the first one or two after it.
    assert 18 <= rests[0] <= 20
    assert end_s * 10 - 1 <= rests[-1] <= end_s * 10 + 2
    assert rests == list(range(rests[0], rests[-1] + 1))
    shown = [side * length for side, length in zip(incident["box"], (WIDTH, HEIGHT) * 2, strict=True)]
    assert boxes[21] == pytest.approx(shown, abs=2)  # of a soft edge


@pytest.mark.parametrize(
    ("actors", "zone", "expected"),
    [
        # Put down at 2.0 s, on the ground 0.6 s later; the walker (3 px in 0.1 s, 26 px high) goes on at 3.5 s and has gone
        # after 2 * 26 px from where it lies, 8 px to the left: (52 - 8) / 3 = 15 pictures, at 5.0 s; dwell ends at 4.1 s.
        ([BRINGS], DUMPING, (2.6, 5.0, None)),
        ([BRINGS], {**DUMPING, "dwell_s": 3}, (2.6, 5.6, None)),  # now the dwell is later
        ([{**BRINGS, "waits_s": [60]}], DUMPING, None),  # stays with it
        ([BRINGS, TAKES], DUMPING, (2.6, 5.0, 5.4)),  # 3.4 + 2.0
        ([BRINGS, TAKES], {**DUMPING, "dwell_s": 3}, None),  # taken before
        ([BRINGS], {**DUMPING, "polygon": [[0, 0], [0.2, 0], [0.2, 1], [0, 1]]}, None),  # lies elsewhere
        ([BRINGS], {"id": "f", "kind": "frontage", "dwell_s": 2}, (2.6, 4.6, None)),
        ([{**BRINGS, "waits_s": [4], "sells": True}], {"id": "v", "kind": "no_vending", "dwell_s": 2}, (2.6, 4.6, 6.0)),
        ([{**BRINGS, "waits_s": [4]}], {"id": "v", "kind": "no_vending", "dwell_s": 2}, None),  # sells nothing
        ([PARKS], DUMPING, None),
        ([{**PARKS, "waits_s": [1.9]}], {"id": "p", "kind": "no_parking", "dwell_s": 2}, None),  # too short
    ],
)  # fmt: skip
def test_what_is_true(
    street: Path, actors: list[dict[str, Any]], zone: dict[str, Any], expected: tuple[float, ...] | None
) -> None:
    set_, _ = stage(street, *actors, zone=zone)
    found = [(incident["onset_s"], incident["alarm_s"], incident["end_s"]) for incident in set_.incidents]
    if expected is None:
        assert not found
    else:
        assert found == [pytest.approx(expected, abs=0.11)]  # a picture: where its edge lies is rounded


def test_what_is_put_down_is_carried_before_and_lies_still_after(street: Path) -> None:
    set_, _ = stage(street, BRINGS)
    thing = set_.players[1]
    at = {time_s: thing.at(time_s) for time_s in (1.0, 1.5, 2.6, 7.9)}
    assert all(at.values())
    assert at[1.0].foot < at[2.6].foot and at[1.0].x < at[1.5].x < at[2.6].x  # type: ignore[union-attr]  # noqa: PT018
    assert (at[2.6].x, at[2.6].foot) == (at[7.9].x, at[7.9].foot)  # type: ignore[union-attr]


def test_nearer_things_pass_in_front(street: Path) -> None:
    """Somebody walks by in the film: behind a car that stands lower in the picture, in front of one that stands higher."""
    for foot, colour in ((0.9, "red"), (0.75, "black")):
        car = {
            "thing": "car",
            "path": [[0.5, foot], [0.5, foot], [0.5, foot]],
            "onset_s": 0,
            "waits_s": [11],
            "mirror": True,
        }
        set_, material = stage(street, car, background="busy", duration_s=8)
        picture = list(pictures(set_, material.footage, 1))[76]  # the walker covers columns 78 to 85, rows 74 to 99
        seen = picture[85, 81].astype(int)
        is_red = seen[2] > seen[0] + 80
        assert is_red == (colour == "red"), (foot, seen)


@pytest.mark.parametrize(("codec", "name"), [("h264", "h264"), ("h265", "hevc")])
def test_codec_rate_and_distance_of_keyframes(tmp_path: Path, street: Path, codec: str, name: str) -> None:
    set_, material = stage(street, codec=codec, fps=8, gop_s=2.5, duration_s=6)
    film(set_, material.footage, 1, tmp_path / "one.mp4")
    with av.open(tmp_path / "one.mp4") as container:
        assert container.streams.video[0].codec_context.name == name
        keys = [
            round(float(packet.pts * packet.time_base), 3)
            for packet in container.demux(video=0)
            if packet.is_keyframe and packet.pts is not None
        ]
    assert keys == [0.0, 2.5, 5.0]


def test_film_goes_on_without_a_cut(street: Path) -> None:
    """12 s of film, faded over 0.8 s: what follows 11.1 s differs from it by no more than what follows any other picture."""
    set_, material = stage(street, background="busy", duration_s=14)
    shown = list(pictures(set_, material.footage, 1))
    steps = [float(cv2.absdiff(a, b).mean()) for a, b in pairwise(shown)]
    assert max(steps[105:125]) <= max(steps[:100])


MISTAKES = [
    ({"sceneries": {}}, "sceneries: Extra inputs are not permitted"),
    ({"scenarios": []}, "there is nothing in it: allowed is at least one of scenarios and series"),
    ({"scenarios": [scenario(fps=60)]}, "scenarios.0.fps: Input should be less than or equal to 30"),
    ({"scenarios": [scenario(codec="mjpeg")]}, "scenarios.0.codec: Input should be 'h264' or 'h265'"),
    (
        {"scenarios": [scenario(background="moon")]},
        "scenarios.0.background: 'moon' is not there: allowed are busy, empty",
    ),
    ({"scenarios": [scenario(), scenario()]}, "scenarios.1.name: 'one' is there twice"),
    ({"scenarios": [scenario(actors=[{"passage": "car", "thing": "car"}])]}, "allowed is one of passage and thing"),
    (
        {"scenarios": [scenario(actors=[{**DRIVES, "waits_s": []}])]},
        "waits_s: allowed is one for each inner point of path, 1",
    ),
    ({"scenarios": [scenario(actors=[TAKES])]}, "scenarios.0.actors.0.takes: 'a' is not there: allowed are none"),
]


@pytest.mark.parametrize(("wrong", "line"), MISTAKES)
def test_a_wrong_recipe_is_one_clear_line(tmp_path: Path, wrong: dict[str, Any], line: str) -> None:
    path = write_recipe(
        tmp_path,
        recipe(**{"scenarios": [scenario()], **wrong}) if "scenarios" in wrong else recipe(scenario(), **wrong),
    )
    with pytest.raises(EvaluationError) as error:
        read_recipe(path)
    assert str(error.value).startswith(f"{path}: ")
    assert line in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"actors": [{**PARKS, "stop_s": 30}]}, "stop_s 30 lies outside passage car: allowed is 0 to "),
        ({"actors": [{**PARKS, "every_s": 2}]}, "every_s 2 of passage car is shorter than it takes: allowed is "),
    ],
)
def test_what_does_not_fit_is_said(street: Path, more: dict[str, Any], line: str) -> None:
    with pytest.raises(EvaluationError, match=line):
        stage(street, *more["actors"])


def test_missing_footage_and_unknown_names_are_said_before_anything_is_written(tmp_path: Path, street: Path) -> None:
    path = write_recipe(tmp_path, recipe(scenario()))
    with pytest.raises(EvaluationError, match=r"footage street.mp4: 0 files of that name below .*: allowed is one"):
        list(compose(path, tmp_path, tmp_path / "out"))
    with pytest.raises(EvaluationError, match="there is no scenario moon: allowed are one"):
        list(compose(path, street, tmp_path / "out", only=["moon"]))
    assert not (tmp_path / "out").exists()


def test_the_command_composes_what_it_is_asked_for(tmp_path: Path, street: Path) -> None:
    path = write_recipe(tmp_path, recipe(scenario("one", duration_s=1), scenario("two", duration_s=1)))
    result = CliRunner().invoke(
        command, [str(path), "--footage", str(street), "--out", str(tmp_path / "out"), "--only", "two", "--jobs", "1"]
    )
    assert result.exit_code == 0, result.output
    # Nobody walks in it and only what stands still is shown: no footage moves.
    assert "clips 1, incidents 0, film 1 s out of 0.0 min of footage that moves" in result.stdout
    assert truth(tmp_path / "out", "two") == {"schema": 1, "duration_s": 1.0, "incidents": []}
    assert not (tmp_path / "out" / "one.mp4").exists()


def test_footage_counts_once_however_much_is_composed_of_it(tmp_path: Path, street: Path) -> None:
    """12 s of film: shown twice, with somebody out of it; a picture that stands still, and a thing, are no film."""
    path = write_recipe(
        tmp_path,
        recipe(
            scenario("one", background="busy", actors=[DRIVES]),
            scenario("two", background="busy", actors=[PARKS]),
            scenario("three", actors=[DRIVES]),
            scenario("four", actors=[PARKS]),
        ),
    )
    assert footage_s(path, street, ["one", "two", "three", "four"]) == pytest.approx(12.0)
    assert footage_s(path, street, ["four"]) == pytest.approx(12.0)
    assert footage_s(path, street, ["three"]) == 0.0


def test_the_shipped_recipe_is_whole() -> None:
    shipped = Path(__file__).resolve().parents[2] / "evaluation" / "composer" / "recipes" / "street.yaml"
    scenarios = read_recipe(shipped).scenarios
    assert len(scenarios) >= 120
    assert {one.background for one in scenarios} == set(read_recipe(shipped).backgrounds)  # none is idle
    assert {one.codec for one in scenarios} == {"h264", "h265"}
