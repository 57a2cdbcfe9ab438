"""From a dataset to its report in one process, with a detector that says what a table tells it to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from detector.errors import ConfigError
from evaluation.datasets.truth import Dataset, read_dataset
from evaluation.errors import EvaluationError
from evaluation.run import run
from streams.errors import SourceError

BOX = [0.1, 0.2, 0.3, 0.4]


def incident(
    name: str, onset_s: float | None, confirmed_s: float | None, kind: str = "illegal_parking"
) -> dict[str, Any]:
    return {"id": name, "type": kind, "zone": "kerb", "onset_s": onset_s, "confirmed_s": confirmed_s, "box": BOX}


class Table:
    """A detector that has looked at each clip before: a result per camera file, or the error to raise."""

    def __init__(self, results: dict[str, list[dict[str, Any]] | Exception]) -> None:
        self.results = results

    def __call__(self, cameras_path: Path, out_dir: Path, *, model: str) -> Mapping[str, Any]:
        result = self.results[cameras_path.stem]
        if isinstance(result, Exception):
            raise result
        out_dir.mkdir(parents=True, exist_ok=True)
        return {
            "schema": 1,
            "model": model,
            "sources": [{"camera": cameras_path.stem, "status": "ok", "read_s": 90.0}],
            "incidents": result,
        }


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    truths = {
        "kerb": [{"type": "illegal_parking", "zone": "kerb", "onset_s": 10, "alarm_s": 40, "end_s": None, "box": BOX}],
        "lawn": [],
        "<gate>": [{"type": "dumping", "zone": "kerb", "onset_s": None, "alarm_s": 20, "end_s": None, "box": BOX}],
    }
    for name, incidents in truths.items():
        (tmp_path / f"{name}.yaml").write_text("cameras: []")
        (tmp_path / f"{name}.json").write_text(json.dumps({"duration_s": 90, "incidents": incidents}))
    entries = [{"cameras": f"{name}.yaml", "truth": f"{name}.json"} for name in truths]
    (tmp_path / "dataset.yaml").write_text(json.dumps({"clips": entries}))
    return read_dataset(tmp_path / "dataset.yaml")


RESULTS: dict[str, list[dict[str, Any]] | Exception] = {
    "kerb": [incident("k1", 10.1 + 0.2, 43.0), incident("k2", 60.0, 90.0), incident("k3", 61.0, None)],
    "lawn": [],
    "<gate>": [],
}


def test_the_report_holds_what_was_found_raised_for_nothing_and_missed(tmp_path: Path, dataset: Dataset) -> None:
    report = run(dataset, tmp_path / "out", Table(RESULTS), model="m")
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    whole = report["all"]
    assert (whole["found"], whole["false_alarms"], whole["misses"]) == (1, 1, 1)
    assert (whole["precision"], whole["recall"], whole["f1"]) == (0.5, 0.5, 0.5)
    assert whole["fa_per_camera_hour"] == 13.3333  # 1 in 3 * 90 s = 0.075 h
    assert whole["delay_s"] == {"median": 3.0, "p95": 3.0, "max": 3.0}  # 43 - 40
    assert whole["onset_error_s"]["median"] == 0.3
    assert set(report["types"]) == {"dumping", "illegal_parking"}
    kerb, lawn, gate = report["clips"]
    assert [match["id"] for match in kerb["matches"]] == ["k1"]
    assert [wrong["id"] for wrong in kerb["false_alarms"]] == ["k2"]
    assert (lawn["matches"], lawn["false_alarms"], lawn["misses"]) == ([], [], [])
    assert [missed["type"] for missed in gate["misses"]] == ["dumping"]


def test_two_runs_write_the_same_bytes(tmp_path: Path, dataset: Dataset) -> None:
    for name in ("a", "b"):
        run(dataset, tmp_path / name, Table(RESULTS), model="m")
    for name in ("report.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "clips",
        "report.html",
        "report.json",
    ]


def test_the_page_shows_every_outcome_and_escapes_names(tmp_path: Path, dataset: Dataset) -> None:
    run(dataset, tmp_path, Table(RESULTS), model="m")
    page = (tmp_path / "report.html").read_text()
    for text in ("k1", "k2", "missed", "Nothing to find, and nothing reported", "&lt;gate&gt;"):
        assert text in page
    assert "k3" not in page
    assert "<gate>" not in page
    assert "http" not in page  # needs nothing else


@pytest.mark.parametrize(
    "error", [ConfigError("cameras: at least one\nzones: at least one"), SourceError("kerb.mp4: is not video")]
)
def test_a_clip_that_cannot_be_analysed_is_named_and_the_rest_is_scored(
    tmp_path: Path, dataset: Dataset, error: Exception
) -> None:
    report = run(dataset, tmp_path, Table({**RESULTS, "kerb": error}), model="m")
    assert report["problems"] == [f"kerb.yaml: {line}" for line in str(error).splitlines()]
    assert [clip["camera"] for clip in report["clips"]] == ["lawn", "<gate>"]
    assert report["all"]["misses"] == 1  # the one of kerb is not counted
    assert report["problems"][-1] in (tmp_path / "report.html").read_text()


def test_a_defect_of_the_detector_is_not_taken_for_a_bad_clip(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(ZeroDivisionError):
        run(dataset, tmp_path, Table({**RESULTS, "lawn": ZeroDivisionError()}), model="m")


def test_without_any_clip_nothing_is_written(tmp_path: Path, dataset: Dataset) -> None:
    broken = {name: SourceError(f"{name}: gone") for name in RESULTS}
    with pytest.raises(EvaluationError, match="no clip could be analysed"):
        run(dataset, tmp_path / "out", Table(dict(broken)), model="m")
    assert not (tmp_path / "out").exists()


def test_a_file_with_two_cameras_is_no_clip(tmp_path: Path, dataset: Dataset) -> None:
    table = Table(RESULTS)

    def twofold(cameras_path: Path, out_dir: Path, *, model: str) -> Mapping[str, Any]:
        found = dict(table(cameras_path, out_dir, model=model))
        return found if cameras_path.stem != "lawn" else {**found, "sources": [*found["sources"], *found["sources"]]}

    report = run(dataset, tmp_path, twofold, model="m")
    assert report["problems"] == ["lawn.yaml: has 2 cameras: a clip of a dataset has one"]
