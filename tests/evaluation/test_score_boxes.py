"""A detector and a tracker by themselves, as an engineer would score them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.boxes.command import score
from evaluation.errors import EvaluationError
from models.detector import load_detector
from models.registry.entries import load_registry
from models.registry.fetch import fetch
from tests.models.conftest import read_rgb


def run(*arguments: str | Path) -> dict:
    done = CliRunner().invoke(score, [str(argument) for argument in arguments], catch_exceptions=False)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bus() -> Path:
    return fetch(load_registry().picture("bus"))


def coco(path: Path, picture: Path, boxes: list[tuple[str, list[float]]]) -> Path:
    names = sorted({name for name, _ in boxes})
    content = {
        "images": [{"id": 1, "file_name": picture.name, "width": 810, "height": 1080}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
        "annotations": [
            {"image_id": 1, "category_id": names.index(name), "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for name, (x1, y1, x2, y2) in boxes
        ],
    }
    path.write_text(json.dumps(content))
    return path


def test_a_detector_against_its_own_boxes_and_one_that_is_not_there(bus: Path, tmp_path: Path) -> None:
    detector = load_detector("yolov8n")
    seen = detector.detect(read_rgb(bus), detector.plan(810, 1080), score_min=0.5)
    own = [(seen.names[kind], box.tolist()) for kind, box in zip(seen.classes, seen.boxes_px, strict=True)]
    figures = run("pictures", coco(tmp_path / "own.json", bus, own), "--folder", bus.parent)
    assert (figures["pictures"], figures["boxes"]) == (1, 4)  # a bus and three people
    assert figures["ap50"] == pytest.approx(1.0)
    # A second bus that nobody sees: recall of buses ends at 1 of 2, so 51 of COCO's 101 recall points hold precision 1.
    more = [*own, ("bus", [0.0, 0.0, 60.0, 60.0]), ("tricycle", [0.0, 0.0, 9.0, 9.0])]
    figures = run("pictures", coco(tmp_path / "more.json", bus, more), "--folder", bus.parent)
    by_class = {row["name"]: row["ap50"] for row in figures["classes"]}
    assert by_class["bus"] == pytest.approx(51 / 101, abs=1e-3)
    assert by_class["person"] == pytest.approx(1.0)
    assert figures["left_out"] == {"class that the model does not know: tricycle": 1}


def test_pictures_that_are_not_there(bus: Path, tmp_path: Path) -> None:
    truth = coco(tmp_path / "own.json", bus, [("bus", [0.0, 0.0, 9.0, 9.0])])
    with pytest.raises(EvaluationError, match=r"bus\.jpg: is no picture that can be read"):
        run("pictures", truth, "--folder", tmp_path)


def test_a_tracker_that_swaps_ids(tmp_path: Path) -> None:
    truth = [(frame, track, 100 * track, 50, 40, 40, 1, 1, 1) for frame in range(1, 5) for track in (1, 2)]
    # In the last two of four pictures the two ids are swapped; a third box stands where nothing is.
    swapped = [(f, t if f < 3 else 3 - t, *rest) for f, t, *rest in truth] + [(1, 9, 500, 50, 40, 40, 1, 1, 1)]
    for name, rows in (("gt.txt", truth), ("same.txt", truth), ("swapped.txt", swapped)):
        (tmp_path / name).write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    same = run("tracks", tmp_path / "gt.txt", tmp_path / "same.txt")
    assert (same["hota"], same["idf1"], same["mota"]) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    found = run("tracks", tmp_path / "gt.txt", tmp_path / "swapped.txt")
    assert found["clear"] == {"found": 8, "misses": 0, "false_alarms": 1, "id_switches": 2}
    assert found["mota"] == pytest.approx(1 - (0 + 1 + 2) / 8)
    assert found["idf1"] == pytest.approx(
        2 * 4 / (8 + 9)
    )  # each id fits in half of its pictures: 4 of 8 true, 9 predicted


def test_rows_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("1,1,100,50,40,40\n1,one,100,50,40,40\n")
    with pytest.raises(EvaluationError, match=r"gt\.txt:2: is not all numbers"):
        run("tracks", tmp_path / "gt.txt", tmp_path / "gt.txt")
