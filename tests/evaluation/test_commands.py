"""`streetwarden evaluate` from the outside: the real detector on the sample camera, and what a user gets wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.commands import evaluate
from evaluation.errors import EvaluationError
from evaluation.sample.compose import DURATION_S, Sample

DWELL_S = 20.0


def write_dataset(folder: Path, sample: Sample) -> Path:
    zone = {"id": "kerb", "kind": "no_parking", "polygon": sample.zone, "dwell_s": DWELL_S}
    camera = {"id": "street", "source": str(sample.path), "zones": [zone]}
    true = {
        "type": "illegal_parking",
        "zone": "kerb",
        "onset_s": sample.onset_s,
        "alarm_s": sample.onset_s + DWELL_S,
        "end_s": sample.leaves_s,
        "box": sample.box,
    }
    (folder / "street.yaml").write_text(json.dumps({"cameras": [camera]}))
    (folder / "street.json").write_text(json.dumps({"duration_s": DURATION_S, "incidents": [true]}))
    clips = [{"cameras": "street.yaml", "truth": "street.json"}, {"cameras": "gone.yaml", "truth": "street.json"}]
    (folder / "dataset.yaml").write_text(json.dumps({"clips": clips}))
    return folder / "dataset.yaml"


def test_the_sample_camera_is_scored_by_the_real_detector(sample: Sample, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path, sample)
    result = CliRunner().invoke(evaluate, [str(dataset), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0
    assert "clips 1, found 1, false alarms 0, missed 0, F1 1.000" in result.stdout
    assert "left out" in result.stderr
    assert "gone.yaml: no such file" in result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["all"]["f1"], report["model"], len(report["problems"])) == (1.0, "yolov8n", 1)
    assert report["clips"][0]["matches"][0]["iou"] > 0.8
    assert (tmp_path / "out" / "report.html").is_file()
    assert json.loads((tmp_path / "out" / "timing.json").read_text())["media_s"] == pytest.approx(DURATION_S, abs=0.1)


def test_a_missing_dataset_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(EvaluationError, match=r"none\.yaml: can't be read: No such file"):
        CliRunner().invoke(evaluate, [str(tmp_path / "none.yaml"), "--out", str(out)], catch_exceptions=False)
    assert not out.exists()
