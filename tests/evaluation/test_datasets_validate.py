"""`streetwarden dataset validate`: file, line and reason of each problem."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evaluation.datasets.command import dataset
from evaluation.datasets.truth import read_dataset
from evaluation.datasets.validate import validate
from evaluation.errors import EvaluationError
from tests.evaluation.clips import write_camera, write_clip, write_dataset

PARKED: dict[str, Any] = {
    "type": "illegal_parking",
    "zone": "kerb",
    "onset_s": 1.0,
    "alarm_s": 3.0,
    "end_s": None,
    "box": [0.2, 0.2, 0.4, 0.4],
}
TIMES_S = [number / 10 for number in range(80)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "a.mp4", TIMES_S)
    write_camera(tmp_path)
    return tmp_path


def test_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(folder, PARKED)
    monkeypatch.chdir(folder.parent)
    path = Path(folder.name) / "dataset.yaml"
    assert validate(path).findings == ()
    assert read_dataset(path).clips[0].timeline is not None


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), start=1) if text in line)


def test_a_clean_dataset(folder: Path) -> None:
    result = validate(write_dataset(folder, PARKED))
    assert (result.clips, result.incidents, result.findings) == (1, 1, ())


def test_an_incident_is_named_with_its_line(folder: Path) -> None:
    path = write_dataset(folder, PARKED, {**PARKED, "box": [0.6, 0.6, 0.8, 1.8]}, {**PARKED, "zone": "lawn"})
    truth = folder / "a.truth.json"
    wrong_box, wrong_zone = validate(path).findings
    assert wrong_box.startswith(f"{truth}:{line_of(truth, '1.8')}: incidents.1: box.3: ")
    # the incident begins two lines before its zone: {, type, zone
    assert wrong_zone.startswith(f"{truth}:{line_of(truth, 'lawn') - 2}: incidents.2: zone 'lawn' is not in")


def test_json_with_tabs_and_escapes_has_lines(folder: Path) -> None:
    path = write_dataset(folder)
    truth = folder / "a.truth.json"
    content = {"schema": 1, "note": 'a\\ud83d "quoted"\ttab', "duration_s": 8.0, "incidents": [{**PARKED, "zone": ""}]}
    truth.write_text(json.dumps(content, indent="\t"))
    (finding,) = validate(path).findings
    assert finding.startswith(f"{truth}:{line_of(truth, 'zone')}: incidents.0: zone: ")


def test_the_length_of_the_file_counts(folder: Path) -> None:
    late = {**PARKED, "onset_s": 7.0, "alarm_s": 9.0}
    outside, length = validate(write_dataset(folder, late, duration_s=20.0)).findings
    assert (
        "alarm_s 9 lies outside the clip: the file ends at 7.94 s" in outside
    )  # 7.9 + 1/25: what the muxer gives the last
    assert f"{folder / 'a.truth.json'}:3: duration_s: 20 is not the length of the clip" in length


def test_wrong_zones_of_the_cameras_file_have_lines(folder: Path) -> None:
    path = write_dataset(folder, PARKED)
    cameras = write_camera(folder, "a.mp4", {"id": "kerb", "kind": "parking", "polygon": [[0, 0], [1, 0], [1, 1]]})
    (finding,) = validate(path).findings
    assert finding.startswith(f"{cameras}:{line_of(cameras, 'parking')}: cameras[0].zones[0].kind: ")


def test_a_missing_clip(folder: Path) -> None:
    path = write_dataset(folder, PARKED)
    (folder / "a.mp4").unlink()
    (finding,) = validate(path).findings
    assert finding.startswith(f"{folder / 'a.camera.yaml'}:5: cameras.0.source: ")
    assert finding.endswith("a.mp4: no such file")


def test_what_is_no_video(folder: Path) -> None:
    path = write_dataset(folder, PARKED)
    (folder / "a.mp4").write_bytes(b"not a film" * 100)
    (finding,) = validate(path).findings
    assert "a.mp4: can't be opened" in finding


def test_a_clip_that_breaks_off(folder: Path) -> None:
    write_clip(folder / "whole.mkv", TIMES_S)
    content = (folder / "whole.mkv").read_bytes()
    (folder / "a.mp4").unlink()
    (folder / "a.mkv").write_bytes(content[: len(content) // 2])
    write_camera(folder, "a.mkv")
    findings = validate(write_dataset(folder, PARKED)).findings
    assert any("breaks off at" in finding or "damaged" in finding for finding in findings)


def test_a_clip_with_damage_in_the_middle(folder: Path) -> None:
    content = bytearray((folder / "a.mp4").read_bytes())
    start = content.index(b"mdat") + 4
    dice = random.Random(3)
    middle = start + (len(content) - start) // 4
    for place in range(middle, middle + 600):
        content[place] = dice.randrange(256)
    (folder / "a.mp4").write_bytes(content)
    path = write_dataset(folder, PARKED)
    (finding,) = validate(path).findings
    assert "of 80 pictures are damaged, the first at " in finding
    assert validate(path, decode=False).findings == ()


def test_files_that_are_missing(folder: Path) -> None:
    path = write_dataset(folder, PARKED)
    path.write_text(path.read_text() + "  - {cameras: b.camera.yaml, truth: b.truth.json}\n")
    (finding,) = validate(path).findings
    assert finding == f"{folder / 'b.camera.yaml'}: no such file"


def test_a_clip_listed_twice(folder: Path) -> None:
    path = write_dataset(folder, PARKED)
    path.write_text(path.read_text() + "  - {cameras: a.camera.yaml, truth: a.truth.json}\n")
    (finding,) = validate(path, decode=False).findings
    assert "'a.camera.yaml' is listed twice" in finding


def test_what_validate_names_evaluate_leaves_out(folder: Path) -> None:
    """The same checks: what is wrong is in no number, and the rest is scored."""
    path = write_dataset(folder, PARKED, PARKED, {**PARKED, "box": [0.6, 0.6, 0.8, 0.8], "alarm_s": 1.5})
    read = read_dataset(path)
    assert len(read.clips[0].incidents) == 1
    assert read.problems == validate(path).findings
    assert ["is the same as incidents.0" in read.problems[0], "before onset and dwell" in read.problems[1]] == [
        True
    ] * 2


def test_exit_codes(folder: Path) -> None:
    path = write_dataset(folder, PARKED)
    assert CliRunner().invoke(dataset, ["validate", str(path)]).exit_code == 0
    write_dataset(folder, PARKED, PARKED)
    result = CliRunner().invoke(dataset, ["validate", "--quick", str(path)])
    assert result.exit_code == 1
    assert result.stdout.count("\n") == 1
    path.write_text("clips: [")
    result = CliRunner().invoke(dataset, ["validate", str(path)])
    assert isinstance(result.exception, EvaluationError)  # which the command `streetwarden` turns into exit code 2
    assert f"{path}:1: is not valid YAML" in str(result.exception)
