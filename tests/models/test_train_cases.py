import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.training.cases_format import read_cases
from models.training.findings import Finding
from models.training.formats import read_dataset
from tests.models.training_data import case, write_cases, write_picture

BOX = [0.25, 0.25, 0.5, 0.75]  # of 128 x 96 px: 32, 24, 64, 72


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate("abc"):
        write_picture(tmp_path / "stills" / f"{name}.jpg", seed=number)
    return tmp_path


def counts(dataset: Any) -> dict[Finding, int]:
    return {finding: count for finding, (count, _) in dataset.findings.found().items()}


def test_confirmed_cases_are_examples(folder: Path) -> None:
    write_cases(folder, [case(folder, "stills/a.jpg", [("stall", BOX)]), case(folder, "stills/b.jpg", [("bag", BOX)])])
    read = read_dataset(folder)
    assert read.names == ("bag", "stall")  # by the alphabet
    first = read.samples[0]
    np.testing.assert_array_equal(first.boxes_px, np.array([[32, 24, 64, 72]], np.float32))
    assert (first.classes.tolist(), first.camera, first.incident) == ([1], "a", "i1")
    assert not counts(read)


def test_a_wrong_object_is_a_hard_negative(folder: Path) -> None:
    lines = [
        case(folder, "stills/a.jpg", [("stall", BOX)]),
        case(folder, "stills/b.jpg", [("stall", BOX)], verdict="reject", reason="wrong_object"),
    ]
    read = read_cases(write_cases(folder, lines))
    assert [len(sample.boxes_px) for sample in read.samples] == [1, 0]
    assert counts(read) == {Finding.WRONG_OBJECT: 1}


def test_another_reason_says_nothing_about_the_object(folder: Path) -> None:
    lines = [
        case(folder, "stills/a.jpg", [("stall", BOX)]),
        case(folder, "stills/b.jpg", [("stall", BOX)], verdict="reject", reason="permitted"),
    ]
    file = write_cases(folder, lines)
    read = read_cases(file)
    assert [sample.picture.name for sample in read.samples] == ["a.jpg"]
    assert counts(read) == {Finding.REJECTED_OTHERWISE: 1}
    read = read_cases(file, wrong_object_reasons=["permitted"])
    assert [len(sample.boxes_px) for sample in read.samples] == [1, 0]


def test_two_cases_in_one_picture(folder: Path) -> None:
    other = [0.5, 0.5, 1.0, 1.0]
    lines = [
        case(folder, "stills/a.jpg", [("stall", BOX)]),
        case(folder, "stills/a.jpg", [("stall", other)], incident="i2"),
        case(
            folder,
            "stills/a.jpg",
            [("stall", [0, 0, 0.2, 0.2])],
            incident="i3",
            verdict="reject",
            reason="wrong_object",
        ),
    ]
    (sample,) = read_cases(write_cases(folder, lines)).samples
    np.testing.assert_array_equal(sample.boxes_px, np.array([[32, 24, 64, 72], [64, 48, 128, 96]], np.float32))


def test_what_does_not_fit_is_counted(folder: Path) -> None:
    lines = [
        case(folder, "stills/a.jpg", [("stall", BOX), ("stall", [1.1, 0, 1.2, 1]), ("dog", BOX)]),
        case(folder, "stills/gone.jpg", [("stall", BOX)]),
        case(folder, "stills/b.jpg", [("stall", BOX)], sha256="1" * 64),
        case(folder, "stills/c.jpg", [("stall", BOX)], weather="rain"),
    ]
    read = read_cases(write_cases(folder, lines), classes=["stall"])
    assert [len(sample.boxes_px) for sample in read.samples] == [1, 1]
    assert counts(read) == {
        Finding.BOX_OUTSIDE: 1,
        Finding.CLASS_UNKNOWN: 1,
        Finding.PICTURE_MISSING: 1,
        Finding.PICTURE_CHANGED: 1,
        Finding.KEY_UNKNOWN: 1,
    }
    assert any("line 4: weather" in line for line in read.findings.lines())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema: Input should be 1"),
        ({"verdict": "maybe"}, "verdict: Input should be 'confirm' or 'reject'"),
        ({"verdict": "reject"}, "reason is needed to reject"),
        ({"picture": "../a.jpg"}, "picture: .*a path below the folder"),
        ({"picture": "/etc/passwd"}, "picture: .*a path below the folder"),
        ({"sha256": "abc"}, "sha256: "),
        ({"boxes": [{"class": "stall"}]}, r"boxes\.0\.box: Field required"),
        ({"boxes": [{"class": "stall", "box": [0, 0, 1]}]}, r"boxes\.0\.box\.3: Field required"),
        ({"boxes": [{"class": "stall", "box": [0, 0, 1, float("inf")]}]}, r"boxes\.0\.box\.3: .*finite"),
        ({"camera": ""}, "camera: "),
    ],
)
def test_a_wrong_line_names_file_line_and_key(changes: dict[str, Any], message: str, folder: Path) -> None:
    good = case(folder, "stills/a.jpg", [("stall", BOX)])
    file = write_cases(folder, [good, good | changes])
    with pytest.raises(ModelError, match=message) as refused:
        read_cases(file)
    assert str(refused.value).startswith(f"{file}: line 2: ")
    assert "\n" not in str(refused.value)


def test_not_json_or_nothing_confirmed(folder: Path) -> None:
    file = folder / "cases.jsonl"
    file.write_text(json.dumps(case(folder, "stills/a.jpg", [("stall", BOX)])) + "\n{oops\n")
    with pytest.raises(ModelError, match=r"cases\.jsonl: line 2: not JSON"):
        read_cases(file)
    write_cases(folder, [case(folder, "stills/a.jpg", [("stall", BOX)], verdict="reject", reason="wrong_object")])
    with pytest.raises(ModelError, match=r"cases\.jsonl: no confirmed case has a box"):
        read_cases(file)
