from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.training.dataset import Dataset, Part, Sample, digest, make_dataset
from models.training.findings import Finding, Findings
from models.training.formats import with_val
from models.training.split import Split, check_split, split


def sample(
    number: int,
    camera: str | None = None,
    *,
    incident: str | None = None,
    part: Part | None = None,
    cls: int | None = 0,
) -> Sample:
    boxes = np.array([[0, 0, 10, 10]] if cls is not None else [], np.float32).reshape(-1, 4)
    classes = np.array([cls] if cls is not None else [], np.int64)
    return Sample(
        Path(f"{number}.jpg"), f"{number:064x}", (64, 64), boxes, classes, camera=camera, incident=incident, part=part
    )


def dataset(samples: list[Sample]) -> Dataset:
    return make_dataset(samples, ["stall", "pile"], Findings())


def test_a_camera_is_whole_in_one_part() -> None:
    samples = [sample(10 * camera + look, f"camera-{camera}") for camera in range(20) for look in range(5)]
    parts = split(dataset(samples))
    train, val = ({one.camera for one in part} for part in (parts.train, parts.val))
    assert not train & val
    assert len(parts.train) + len(parts.val) == 100
    assert parts.by == "camera"
    # 20 cameras at a share of 0.2: four are expected, and which they are follows from their names alone.
    assert 1 <= len(val) <= 8


def test_a_camera_stays_where_it_is_when_others_come() -> None:
    few = [sample(camera, f"camera-{camera}") for camera in range(20)]
    many = [*few, *(sample(100 + camera, f"other-{camera}") for camera in range(20))]
    before = {one.camera for one in split(dataset(few)).val}
    after = {one.camera for one in split(dataset(many)).val}
    assert {camera for camera in after if camera and camera.startswith("camera")} == before


@pytest.mark.parametrize("share", [0.0, 0.01, 0.99, 1.0])
def test_each_part_gets_at_least_one_camera(share: float) -> None:
    parts = split(dataset([sample(1, "a"), sample(2, "b"), sample(3, "c")]), share)
    assert parts.train
    assert parts.val


def test_one_camera_is_divided_by_incident_and_no_camera_by_picture() -> None:
    one = split(dataset([sample(number, "a", incident=f"i{number // 3}") for number in range(30)]))
    assert one.by == "incident"
    assert not {it.incident for it in one.train} & {it.incident for it in one.val}
    assert split(dataset([sample(number) for number in range(30)])).by == "picture"


def test_a_split_of_its_own_is_kept() -> None:
    samples = [sample(1, "a", part="train"), sample(2, "a", part="train"), sample(3, "b", part="val")]
    parts = split(dataset(samples))
    assert ([one.sha256 for one in parts.train], parts.by) == ([samples[0].sha256, samples[1].sha256], "data set")


def test_a_picture_in_both_parts_is_left_out_of_train() -> None:
    read = dataset([sample(1, part="train"), sample(2, part="train"), sample(1, part="val")])
    parts = split(read)
    assert ([one.sha256 for one in parts.train], len(parts.val)) == ([f"{2:064x}"], 1)
    assert read.findings.count(Finding.PICTURE_IN_BOTH) == 1


def test_a_split_that_shares_a_camera_is_made_anew() -> None:
    read = dataset(
        [
            sample(1, "a", part="train"),
            sample(2, "b", part="train"),
            sample(3, "a", part="val"),
            sample(4, "c", part="val"),
        ]
    )
    parts = split(read)
    assert parts.by == "camera"
    assert len(parts.train) + len(parts.val) == 4
    assert not {one.camera for one in parts.train} & {one.camera for one in parts.val}
    assert read.findings.count(Finding.SPLIT_SHARES_CAMERA) == 1


def test_another_data_set_to_judge_by() -> None:
    train = dataset([sample(1), sample(2)])
    val = make_dataset([sample(3, cls=0), sample(4, cls=1), sample(1, cls=0)], ["pile", "bag"], Findings())
    parts = split(with_val(train, val))
    assert [one.sha256 for one in parts.train] == [f"{2:064x}"]  # picture 1 is judged by, so it is not learnt
    assert [one.classes.tolist() for one in parts.val] == [[1], [], [1]]  # pile has index 1 there; bag is not trained


def test_one_picture_cannot_be_divided() -> None:
    with pytest.raises(ModelError, match=r"1 picture\(s\) of one picture: it cannot be divided"):
        split(dataset([sample(1)]))


def test_every_class_needs_a_box_in_train() -> None:
    stall, pile, ground = sample(1, cls=0), sample(2, cls=1), sample(3, cls=None)
    names = ("stall", "pile")
    assert check_split(Split((stall, pile), (stall, pile), "camera"), names) == []
    assert check_split(Split((stall, pile), (stall,), "camera"), names) == ["pile"]
    with pytest.raises(ModelError, match=r"class 'pile' has no box in train \(split by camera\)"):
        check_split(Split((stall,), (pile,), "camera"), names)
    with pytest.raises(ModelError, match="val has no box at all"):
        check_split(Split((stall, pile), (ground,), "camera"), names)


def test_the_digest_is_of_what_is_learnt_and_not_of_where_it_lies() -> None:
    train, val, names = [sample(1), sample(2, "a")], [sample(3)], ["stall", "pile"]
    one = digest(train, val, names)
    assert digest(train[::-1], val, names) == one
    moved = [Sample(Path("/elsewhere"), it.sha256, it.size_px, it.boxes_px, it.classes) for it in train]
    assert digest(moved, val, names) == one
    assert (
        len(
            {
                one,
                digest(val, train, names),
                digest(train, val, names[::-1]),
                digest([sample(1, cls=1), train[1]], val, names),
            }
        )
        == 4
    )
