"""Sweeps: the values they go through, rows by hand, and the same numbers as running a combination for itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.zoning.geometry import Box
from evaluation.datasets.truth import ClipTruth
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Truth
from evaluation.running.clip import analyse
from evaluation.running.job import Job, Settings
from evaluation.running.zones import zone_id
from evaluation.sample.compose import Sample
from evaluation.sweep.command import table
from evaluation.sweep.grid import dwell_values, score_values
from evaluation.sweep.rows import Found, Row, best_by_f1, best_by_recall, rows_of
from evaluation.sweep.sweep import row_document
from tests.whole.house import cut_film
from tests.whole.house import run as streetwarden

BOX = Box(0.1, 0.2, 0.3, 0.4)
DWELLS_S = (10.0, 20.0, 30.0, 45.0)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.3:0.9:0.3", (0.3, 0.6, 0.9)),
        ("0.3:0.45:0.05", (0.3, 0.35, 0.4, 0.45)),  # 0.3 + 3 * 0.05 is 0.45000000000000001
        ("0.3:0.44:0.05", (0.3, 0.35, 0.4)),
        ("0.5:0.5:0.1", (0.5,)),
        ("0.6,0.5,0.6", (0.5, 0.6)),
        ("0", (0.0,)),
    ],
)
def test_scores(text: str, values: tuple[float, ...]) -> None:
    assert score_values(text) == values


@pytest.mark.parametrize(
    "text", ["", "a", "0.3:0.9", "0.9:0.3:0.1", "0.3:0.9:0", "0:2:0.5", "nan", "0:1:0.000001", "-0.1"]
)
def test_what_are_no_scores(text: str) -> None:
    with pytest.raises(EvaluationError, match="--score"):
        score_values(text)


@pytest.mark.parametrize("text", ["", "0", "-3", "10,x", "90000", "inf", ",".join(map(str, range(1, 30)))])
def test_what_are_no_dwells(text: str) -> None:
    with pytest.raises(EvaluationError, match="--dwell"):
        dwell_values(text)


def alarm(name: str, dwell_s: float, score: float, onset_s: float) -> dict[str, Any]:
    return {
        "id": name,
        "type": "illegal_parking",
        "zone": zone_id("kerb", dwell_s),
        "onset_s": onset_s,
        "confirmed_s": onset_s + dwell_s,
        "ended_s": None,
        "box": list(BOX),
        "score": score,
    }


def test_rows_by_hand() -> None:
    """One car stands long (0.8), one 15 s (0.6), and something for 25 s (0.5) is no car; only the first two are true."""
    truths = tuple(Truth("illegal_parking", "kerb", onset_s, onset_s + 10.0, BOX) for onset_s in (100.0, 200.0))
    clip = ClipTruth(name="a", cameras=Path("a.yaml"), duration_s=1800.0, incidents=truths)
    alarms = [alarm("c", 10, 0.8, 100), alarm("d", 10, 0.6, 200), alarm("e", 10, 0.5, 300)]
    alarms += [alarm("c", 20, 0.8, 100), alarm("e", 20, 0.5, 300)]
    rows = rows_of([Found(clip, alarms, 1800.0)], (0.3, 0.6, 0.7), (10.0, 20.0))
    seen = [(row.dwell_s, row.score_min, row.metrics.precision, row.metrics.recall) for row in rows]
    assert seen == [
        (10.0, 0.3, 2 / 3, 1.0),
        (10.0, 0.6, 1.0, 1.0),
        (10.0, 0.7, 1.0, 0.5),
        (20.0, 0.3, 0.5, 0.5),
        (20.0, 0.6, 1.0, 0.5),
        (20.0, 0.7, 1.0, 0.5),
    ]
    assert rows[0].metrics.fa_per_camera_hour == 2.0  # 1 in half an hour
    assert best_by_f1(rows) is rows[1]
    assert best_by_recall(rows, 2.0) is rows[1]  # as much recall as the first, and quieter
    assert best_by_recall(rows[3:4], 1.0) is None
    assert best_by_f1([]) is None


def test_the_table_marks_what_is_best() -> None:
    quiet = rows_of([], (0.5,), ())
    content = {
        "rows": [row_document(row) for row in quiet],
        "best_f1": None,
        "best_recall": {"fa_per_camera_hour_max": 0.1, "row": None},
    }
    lines = table(content)
    assert lines[1].split() == ["drawn", "0.5", "n/a", "n/a", "n/a", "n/a"]
    assert "no combination has 0.1 false alarms per camera-hour or fewer" in lines


FROM_S, TO_S = 4.0, 58.0
"""Of the sample camera's film: from an empty street to an empty street."""


def write_clip(folder: Path, sample: Sample, dwell_s: float) -> Path:
    folder.mkdir(exist_ok=True)
    film = cut_film(sample, FROM_S, TO_S, folder / "street.mp4")
    zone = {"id": "kerb", "kind": "no_parking", "polygon": sample.zone, "dwell_s": dwell_s}
    camera = {"id": "street", "source": str(film), "zones": [zone]}
    true = {
        "type": "illegal_parking",
        "zone": "kerb",
        "onset_s": sample.onset_s - FROM_S,
        "alarm_s": sample.onset_s - FROM_S + dwell_s,
        "end_s": sample.leaves_s - FROM_S,
        "box": sample.box,
    }
    (folder / "street.yaml").write_text(json.dumps({"cameras": [camera]}))
    (folder / "street.json").write_text(json.dumps({"duration_s": TO_S - FROM_S, "incidents": [true]}))
    (folder / "dataset.yaml").write_text(json.dumps({"clips": [{"cameras": "street.yaml", "truth": "street.json"}]}))
    return folder / "street.yaml"


def plain(incidents: list[dict[str, Any]], dwell_s: float | None = None) -> list[dict[str, Any]]:
    """Incidents without their names, which hold that of the zone and order alarms of one moment; of one dwell's zones."""
    mark = "" if dwell_s is None else zone_id("", dwell_s)
    found = [
        {**incident, "id": "", "zone": incident["zone"].removesuffix(mark)}
        for incident in incidents
        if incident["zone"].endswith(mark)
    ]
    return sorted(found, key=lambda incident: (incident["confirmed_s"], incident["box"]))


def analysed(cameras: Path, folder: Path, settings: Settings) -> list[dict[str, Any]]:
    analyse(Job("clip", cameras, folder, settings), lambda _: None)
    incidents: list[dict[str, Any]] = json.loads((folder / "incidents.json").read_text())["incidents"]
    return incidents


def test_a_row_is_what_running_its_combination_finds(sample: Sample, tmp_path: Path) -> None:
    write_clip(tmp_path, sample, 10.0)
    done = streetwarden(
        "sweep",
        tmp_path / "dataset.yaml",
        "--out",
        tmp_path / "out",
        "--dwell",
        "10,20,30,45",
        "--score",
        "0.3:0.9:0.3",
    )
    assert done.returncode == 0, done.stderr
    swept = json.loads((tmp_path / "out/clips/000-street/incidents.json").read_text())["incidents"]
    # Run for itself: the same to the last digit without the change gate, and the same count with it, as the product runs.
    alone = write_clip(tmp_path / "alone", sample, 20.0)
    without = analysed(alone, tmp_path / "alone" / "without", Settings(gated=False))
    assert plain(without) == plain(swept, 20.0)
    assert len(without) == 1
    as_product = analysed(alone, tmp_path / "alone" / "gated", Settings())
    assert [incident["confirmed_s"] for incident in as_product] == [incident["confirmed_s"] for incident in without]
    content = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert len(content["rows"]) == 4 * 3
    row = next(row for row in content["rows"] if (row["dwell_s"], row["score_min"]) == (20.0, 0.3))
    assert (row["found"], row["false_alarms"]) == (1, 0)
    # The bus stands 34 s: with a dwell of 45 s there is no alarm.
    assert [row["found"] for row in content["rows"] if row["dwell_s"] == 45.0] == [0, 0, 0]
    svg = (tmp_path / "out" / "sweep.svg").read_bytes()
    again = streetwarden(
        "sweep",
        tmp_path / "dataset.yaml",
        "--out",
        tmp_path / "out",
        "--dwell",
        "10,20,30,45",
        "--score",
        "0.3:0.9:0.3",
    )
    assert again.stdout == done.stdout
    assert (tmp_path / "out" / "sweep.svg").read_bytes() == svg


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p01_kerb_city", "p02_junction_car", "p03_vtest_parked", "p06_neg_topview"])
def test_every_dwell_is_exact_on_real_footage(name: str, shared: Path, tmp_path: Path) -> None:
    cameras = shared / "clips" / "scenarios" / f"{name}.camera.yaml"
    swept = analysed(cameras, tmp_path / "swept", Settings(gated=False, dwells_s=DWELLS_S))
    content = yaml.safe_load(cameras.read_text())
    content["cameras"][0]["source"] = str(cameras.parent / content["cameras"][0]["source"])
    for dwell_s in DWELLS_S:
        content["cameras"][0]["zones"][0]["dwell_s"] = dwell_s
        alone = tmp_path / f"{dwell_s}.yaml"
        alone.write_text(json.dumps(content))
        assert plain(analysed(alone, tmp_path / "alone", Settings(gated=False))) == plain(swept, dwell_s)


def test_rows_are_values() -> None:
    row = rows_of([], (0.5,), (10.0,))[0]
    assert row == Row(0.5, 10.0, row.metrics)
