"""Dataset and truth files: what is wrong is named and counted, and the rest is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.datasets.truth import read_dataset
from evaluation.errors import EvaluationError

GOOD: dict[str, Any] = {
    "type": "illegal_parking",
    "zone": "kerb",
    "onset_s": 10.0,
    "alarm_s": 40.0,
    "end_s": None,
    "box": [0.1, 0.2, 0.3, 0.4],
}


def write(folder: Path, *incidents: object, duration_s: object = 60.0, **more: object) -> Path:
    (folder / "a.camera.yaml").write_text("cameras: []\n")
    (folder / "a.truth.json").write_text(json.dumps({"duration_s": duration_s, "incidents": incidents, **more}))
    dataset = folder / "dataset.yaml"
    dataset.write_text("clips:\n  - {cameras: a.camera.yaml, truth: a.truth.json}\n")
    return dataset


def test_a_good_clip(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, GOOD, {**GOOD, "onset_s": None, "end_s": 50.0, "box": [0.5, 0.2, 0.7, 0.4]}))
    (clip,) = dataset.clips
    assert (clip.name, clip.cameras, clip.duration_s) == ("a.camera.yaml", tmp_path / "a.camera.yaml", 60.0)
    assert [incident.onset_s for incident in clip.incidents] == [10.0, None]
    assert [incident.end_s for incident in clip.incidents] == [None, 50.0]
    assert (dataset.problems, dataset.unknown_keys) == ((), 0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"type": "parking"}, "type"),
        ({"zone": 3}, "zone"),
        ({"onset_s": "soon"}, "onset_s"),
        ({"alarm_s": None}, "alarm_s"),
        ({"box": [0.1, 0.2, 0.3]}, "box"),
        ({"box": [0.1, 0.2, 0.3, 1.4]}, "box"),
        ({"box": [0.3, 0.2, 0.1, 0.4]}, "box is empty"),
        ({"onset_s": -1.0}, "onset_s"),
        ({"alarm_s": 60.6}, "alarm_s 60.6 lies outside the clip: allowed is 0 to duration_s 60"),
        ({"end_s": 99.0}, "end_s 99 lies outside"),
        ({"alarm_s": 9.0}, "must not lie before onset_s"),
    ],
)
def test_a_wrong_incident_is_named_and_the_rest_is_kept(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    dataset = read_dataset(write(tmp_path, {**GOOD, **change}, GOOD))
    (problem,) = dataset.problems
    assert problem.startswith(f"{tmp_path / 'a.truth.json'}:1: incidents.0: ")
    assert named in problem
    assert "\n" not in problem
    assert len(dataset.clips[0].incidents) == 1


def test_an_incident_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, 7, GOOD))
    assert "incidents.0" in dataset.problems[0]


def test_the_last_picture_may_end_a_little_after_the_stated_length(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, {**GOOD, "end_s": 60.4})).problems == ()


def test_unknown_keys_are_tolerated_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path, {**GOOD, "weather": "rain"}, schema=2, source="x", fps=25)
    path.write_text("name: first\nclips:\n  - {cameras: a.camera.yaml, truth: a.truth.json, note: y}\n")
    dataset = read_dataset(path)
    assert dataset.unknown_keys == 5  # name, note, source, fps, weather; `schema` is known
    assert dataset.problems == ()


def test_a_broken_clip_costs_only_itself(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    (tmp_path / "bad.json").write_text("{")
    path.write_text(
        "clips:\n"
        "  - {cameras: gone.yaml, truth: a.truth.json}\n"
        "  - {cameras: a.camera.yaml, truth: gone.json}\n"
        "  - {cameras: a.camera.yaml, truth: bad.json}\n"
        "  - {cameras: a.camera.yaml}\n"
        "  - {cameras: a.camera.yaml, truth: a.truth.json}\n"
    )
    dataset = read_dataset(path)
    assert len(dataset.clips) == 1
    assert [
        place in problem
        for place, problem in zip(
            ("gone.yaml", "gone.json", "bad.json", "clips.3: truth"), dataset.problems, strict=True
        )
    ] == [True] * 4


@pytest.mark.parametrize("text", ["", "clips: []", "clips: 3", "- a", "clips: [\n", "camera: x"])
def test_a_wrong_dataset_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=r"dataset\.yaml:[12]: "):
        read_dataset(path)


def test_a_missing_dataset_and_one_without_a_usable_clip_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="No such file"):
        read_dataset(tmp_path / "none.yaml")
    with pytest.raises(EvaluationError, match=r"(?s)no clip can be scored.*duration_s"):
        read_dataset(write(tmp_path, GOOD, duration_s="long"))


def test_the_shared_scenarios_are_read_without_a_complaint(shared: Path) -> None:
    dataset = read_dataset(shared / "clips" / "scenarios" / "dataset.yaml")
    assert dataset.problems == ()
    assert [len(clip.incidents) for clip in dataset.clips][:2] == [2, 1]
