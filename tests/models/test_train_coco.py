import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.training.coco_format import read_coco
from models.training.findings import Finding
from tests.models.training_data import write_picture


def coco(folder: Path, **changes: Any) -> Path:
    write_picture(folder / "images" / "a.jpg", seed=1)
    written = {
        "info": {"year": 2026},
        "images": [{"id": 7, "file_name": "a.jpg", "width": 128, "height": 96, "camera": "gate-3"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 20, "bbox": [10, 20, 30, 40], "iscrowd": 0}],
        "categories": [{"id": 20, "name": "stall"}, {"id": 3, "name": "pile"}],
    } | changes
    path = folder / "instances.json"
    path.write_text(json.dumps(written))
    return path


def annotation(**changes: Any) -> dict[str, Any]:
    return {"image_id": 7, "category_id": 20, "bbox": [10, 20, 30, 40]} | changes


def test_boxes_classes_and_camera(tmp_path: Path) -> None:
    read = read_coco(coco(tmp_path))
    assert read.names == ("pile", "stall")  # in the order of the ids 3, 20
    (sample,) = read.samples
    np.testing.assert_array_equal(sample.boxes_px, np.array([[10, 20, 40, 60]], np.float32))
    assert (sample.classes.tolist(), sample.camera, sample.part) == ([1], "gate-3", None)


@pytest.mark.parametrize(
    ("one", "finding"),
    [
        (annotation(image_id=8), Finding.UNKNOWN_PICTURE),
        (annotation(category_id=4), Finding.CLASS_UNKNOWN),
        (annotation(iscrowd=1), Finding.CROWD),
        (annotation(bbox=[200, 20, 30, 40]), Finding.BOX_OUTSIDE),
        (annotation(bbox=[10, 20, 30, -40]), Finding.BOX_OUTSIDE),
        (annotation(bbox=[100, 20, 40, 40]), Finding.BOX_CLIPPED),  # 140 of 128 px
        (annotation(), Finding.BOX_TWICE),
    ],
)
def test_findings(one: dict[str, Any], finding: Finding, tmp_path: Path) -> None:
    read = read_coco(coco(tmp_path, annotations=[annotation(), one]))
    assert {found: count for found, (count, _) in read.findings.found().items()} == {finding: 1}
    assert len(read.samples[0].boxes_px) == (2 if finding is Finding.BOX_CLIPPED else 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": [{"id": 7, "width": 1, "height": 1}]}, r"images\.0\.file_name: Field required"),
        ({"annotations": [annotation(bbox=[1, 2, 3])]}, r"annotations\.0\.bbox: .*at least 4"),
        ({"annotations": [annotation(bbox=[1, 2, "x", 3])]}, r"annotations\.0\.bbox\.2: "),
        ({"annotations": [annotation(bbox=[1, 2, float("nan"), 3])]}, r"annotations\.0\.bbox\.2: .*finite"),
        ({"categories": []}, r"categories: "),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "categories: each id and each name"),
    ],
)
def test_a_wrong_file_names_the_key(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = coco(tmp_path, **changes)
    with pytest.raises(ModelError, match=message) as refused:
        read_coco(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert "\n" not in str(refused.value)


def test_not_json_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"images": [],\n"annotations" []}')
    with pytest.raises(ModelError, match=r"a\.json: line 2: not JSON: Expecting ':' delimiter"):
        read_coco(file)


def test_pictures_of_another_size_or_missing(tmp_path: Path) -> None:
    images = [
        {"id": 7, "file_name": "a.jpg", "width": 640, "height": 480},  # the file has 128 x 96
        {"id": 8, "file_name": "b.jpg", "width": 640, "height": 480},
    ]
    read = read_coco(coco(tmp_path, images=images))
    assert not read.samples
    assert read.findings.count(Finding.PICTURE_CHANGED) == read.findings.count(Finding.PICTURE_MISSING) == 1


def test_the_same_picture_under_two_names_is_one(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "b.jpg", seed=1)  # the same content as a.jpg
    images = [{"id": id_, "file_name": f"{name}.jpg", "width": 128, "height": 96} for id_, name in ((7, "a"), (8, "b"))]
    both = [annotation(), annotation(image_id=8, bbox=[50, 20, 30, 40]), annotation(image_id=8)]
    read = read_coco(coco(tmp_path, images=images, annotations=both))
    (sample,) = read.samples
    assert sample.boxes_px[:, 0].tolist() == [10, 50]  # the box that both have stands once
    assert read.findings.count(Finding.PICTURE_TWICE) == read.findings.count(Finding.BOX_TWICE) == 1
