from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import ModelError
from models.training.findings import Finding
from models.training.formats import read_dataset
from models.training.yolo_format import read_yolo
from tests.models.training_data import HEIGHT, WIDTH, write_picture

DATA = "train: images/train\nval: images/val\nnames: [stall, pile]\n"


def dataset(folder: Path, labels: str = "0 0.5 0.5 0.25 0.5\n", data: str = DATA) -> Path:
    for number, part in enumerate(("train", "val")):
        write_picture(folder / "images" / part / "a.jpg", seed=number)
        path = folder / "labels" / part / "a.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(labels)
    (folder / "data.yaml").write_text(data)
    return folder / "data.yaml"


def test_boxes_and_parts(tmp_path: Path) -> None:
    read = read_dataset(dataset(tmp_path).parent)
    assert read.names == ("stall", "pile")
    assert [sample.part for sample in read.samples] == ["train", "val"]
    sample = read.samples[0]
    assert sample.size_px == (128, 96)
    # centre (64, 48), half of 0.25 x 128 = 16 and of 0.5 x 96 = 24
    np.testing.assert_array_equal(sample.boxes_px, np.array([[48, 24, 80, 72]], np.float32))
    assert sample.boxes_px.dtype == np.float32
    assert sample.classes.tolist() == [0]
    assert not list(read.findings.lines())


@pytest.mark.parametrize(
    ("labels", "boxes_px", "findings"),
    [
        ("", [], {}),
        ("1 0.1 0.1 0.3 0.1 0.2 0.5\n", [[12.8, 9.6, 38.4, 48]], {}),  # an outline of three corners: 0.1…0.3, 0.1…0.5
        ("0 0.05 0.5 0.2 0.5\n", [[0, 24, 19.2, 72]], {Finding.BOX_CLIPPED: 2}),  # left edge at -0.05 x 128 = -6.4
        ("0 0.98 0.5 0.05 0.5\n", [[122.24, 24, 128, 72]], {}),  # right edge at 1.005 x 128 = 128.64: only rounding
        ("0 0.998 0.5 0.01 0.5\n", [], {Finding.BOX_OUTSIDE: 2}),  # 0.993 x 128 = 127.1: less than a pixel is left
        ("0 1.5 0.5 0.2 0.5\n", [], {Finding.BOX_OUTSIDE: 2}),
        ("0 0.5 0.5 0 0.5\n", [], {Finding.BOX_OUTSIDE: 2}),  # no width
        ("0 0.5 0.5 0.25 0.5\n" * 2, [[48, 24, 80, 72]], {Finding.BOX_TWICE: 2}),
        ("2 0.5 0.5 0.25 0.5\n1 0.5 0.5 0.25 0.5\n", [[48, 24, 80, 72]], {Finding.CLASS_UNKNOWN: 2}),
    ],
)
def test_labels(labels: str, boxes_px: list[list[float]], findings: dict[Finding, int], tmp_path: Path) -> None:
    # The same labels stand in train and in val: every finding is counted twice.
    read = read_yolo(dataset(tmp_path, labels))
    np.testing.assert_allclose(read.samples[0].boxes_px, np.array(boxes_px, np.float32).reshape(-1, 4), rtol=1e-6)
    assert {finding: count for finding, (count, _) in read.findings.found().items()} == findings


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            "0 0.5 0.5 0.25\n",
            r"train/a\.txt: line 1: 4 numbers: 5 \(class x y width height\) or a class and at least 3",
        ),
        ("\n0 a b c d\n", r"a\.txt: line 2: '0 a b c d': numbers are expected"),
        ("0.5 0.5 0.5 0.1 0.1\n", r"a\.txt: line 1: class 0\.5: a whole number from 0 is expected"),
        ("-1 0.5 0.5 0.1 0.1\n", r"a\.txt: line 1: class -1: a whole number"),
        ("0 nan 0.5 0.1 0.1\n", r"a\.txt: line 1: .* finite numbers are expected"),
        ("0 0.5 0.5 0.1 0.1 0.9\n", r"a\.txt: line 1: 6 numbers"),
    ],
)
def test_a_wrong_label_names_file_and_line(labels: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message) as refused:
        read_yolo(dataset(tmp_path, labels))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("train: [", "not YAML"),
        ("names: [a]\n", "train: Field required"),
        ("train: images/train\nnames: [a, a]\n", "names: at least one class is expected, each name once"),
        ("train: images/train\nnames: {0: a, 2: b}\n", "names: keys 0…1 are expected"),
        ("train: images/train\nnc: 3\nnames: [a]\n", "nc: 3, but names has 1 classes"),
        ("train: nowhere\nnames: [a]\n", r"train: .*nowhere: no such folder"),
    ],
)
def test_a_wrong_data_yaml_names_the_key(data: str, message: str, tmp_path: Path) -> None:
    file = dataset(tmp_path, data=data)
    with pytest.raises(ModelError, match=message) as refused:
        read_yolo(file)
    assert str(refused.value).startswith(f"{file}: ")


def test_pictures_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    file = dataset(tmp_path)
    images = tmp_path / "images" / "train"
    whole = write_picture(images / "whole.jpg", seed=7)
    (images / "cut.jpg").write_bytes(whole.read_bytes()[:-2])  # without the mark that ends a JPEG
    (images / "none.png").write_bytes(b"not a picture")
    (tmp_path / "labels" / "train" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    read = read_yolo(file)
    assert [sample.picture.name for sample in read.samples] == ["a.jpg", "whole.jpg", "a.jpg"]
    counts = {finding: count for finding, (count, _) in read.findings.found().items()}
    assert counts == {
        Finding.PICTURE_BROKEN: 2,
        Finding.UNLABELLED: 1,  # whole.jpg
        Finding.UNKNOWN_PICTURE: 1,  # gone.txt
    }


def test_a_list_of_pictures_and_a_camera_each_folder(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "gate-3" / "a.jpg", seed=1)
    write_picture(tmp_path / "images" / "gate-4" / "b.jpg", seed=2)
    (tmp_path / "data.yaml").write_text("train: images\nnames: [stall]\n")
    assert [sample.camera for sample in read_yolo(tmp_path / "data.yaml").samples] == ["gate-3", "gate-4"]
    (tmp_path / "list.txt").write_text("./images/gate-4/b.jpg\n\nimages/gone.jpg\n")
    (tmp_path / "data.yaml").write_text("train: list.txt\nnames: [stall]\n")
    read = read_yolo(tmp_path / "data.yaml")
    assert [sample.picture.name for sample in read.samples] == ["b.jpg"]
    assert read.findings.count(Finding.PICTURE_MISSING) == 1


def test_a_picture_that_exif_turns_is_as_wide_as_it_is_shown(tmp_path: Path) -> None:
    file = dataset(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "images" / "train" / "a.jpg", exif=exif)
    sample = read_yolo(file).samples[0]
    assert sample.size_px == (HEIGHT, WIDTH)
    # centre (48, 64), half of 0.25 x 96 = 12 and of 0.5 x 128 = 32
    np.testing.assert_array_equal(sample.boxes_px, np.array([[36, 32, 60, 96]], np.float32))


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing", "no such file or folder; a folder with data.yaml"), ("a.csv", r"a folder with data\.yaml or cases")],
)
def test_what_is_no_data_set(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(ModelError, match=message):
        read_dataset(tmp_path / name)


def test_classes_can_be_chosen(tmp_path: Path) -> None:
    file = dataset(tmp_path, "0 0.5 0.5 0.25 0.5\n1 0.5 0.5 0.5 0.5\n")
    read = read_dataset(file, classes=["pile"])
    assert read.names == ("pile",)
    assert [sample.classes.tolist() for sample in read.samples] == [[0], [0]]
    assert read.findings.count(Finding.CLASS_UNKNOWN) == 2
    with pytest.raises(ModelError, match="class 'bag' is not in the data set: stall, pile"):
        read_dataset(file, classes=["bag"])
