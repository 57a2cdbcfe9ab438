import numpy as np
import pytest

from models.detections import Detections
from models.errors import ModelError
from models.quantising.agreement import agreement

NAMES = ("car", "person", "bin")
Box = tuple[float, float, float, float, int, float]  # x1, y1, x2, y2, class, score


def seen(*boxes: Box) -> Detections:
    table = np.array(boxes, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4].astype(np.int64), table[:, 5], NAMES)


CAR, FAR_CAR = (0, 0, 100, 100, 0, 0.9), (200, 0, 300, 100, 0, 0.5)
PERSON = (0, 200, 50, 300, 1, 0.4)
WEAK = (400, 400, 450, 450, 2, 0.2)  # below the floor: no truth, so `bin` is no class of the truth


def test_the_same_is_perfect() -> None:
    frames = [seen(CAR, FAR_CAR, WEAK), seen(PERSON), seen()]
    found = agreement(frames, frames)
    assert (found.ap50, found.ap50_95) == (1.0, 1.0)
    assert (found.frames, found.boxes, found.missed, found.extra) == (3, 3, 0, 0)
    assert found.score_difference == 0
    assert [(one.name, one.boxes, one.ap50) for one in found.classes] == [("car", 2, 1.0), ("person", 1, 1.0)]


@pytest.mark.parametrize(
    ("others", "ap50", "missed", "extra"),
    [
        # Car: both of 2. Person: none of 1. (1 + 0) / 2.
        ([seen(CAR, FAR_CAR), seen()], 0.5, 1, 0),
        # Car: 1 of 2, so precision is 1 up to recall 0.5: 51 of COCO's 101 points. Person: 1. (51 / 101 + 1) / 2.
        ([seen(CAR), seen(PERSON)], (51 / 101 + 1) / 2, 1, 0),
        # A false car better than both true ones: precision 1/2 at recall 0.5, 2/3 at recall 1; the envelope is 2/3.
        ([seen(CAR, FAR_CAR, (600, 0, 700, 100, 0, 0.95)), seen(PERSON)], (2 / 3 + 1) / 2, 0, 1),
        # A false one worse than both does no harm to AP, but is there at the floor.
        ([seen(CAR, FAR_CAR, (600, 0, 700, 100, 0, 0.3)), seen(PERSON)], 1.0, 0, 1),
        # A person of score 0.15 counts in AP, but is missing at the floor.
        ([seen(CAR, FAR_CAR), seen((0, 200, 50, 300, 1, 0.15))], 1.0, 1, 0),
        # The right box, another class: missed and extra.
        ([seen(CAR, FAR_CAR), seen((0, 200, 50, 300, 0, 0.1))], 0.5, 1, 0),
        # The same box in another frame is another thing. Car: nothing right; person: nothing.
        ([seen(PERSON), seen(CAR, FAR_CAR)], 0.0, 3, 3),
    ],
)
def test_average_precision(others: list[Detections], ap50: float, missed: int, extra: int) -> None:
    found = agreement([seen(CAR, FAR_CAR), seen(PERSON)], others)
    assert found.ap50 == pytest.approx(ap50, abs=1e-6)
    assert (found.missed, found.extra) == (missed, extra)


def test_a_shifted_box_counts_at_low_overlap_alone() -> None:
    # 100x100 px shifted by 20: 8000 of 12000 px, IoU 2/3: right at 0.5, 0.55, 0.6 and 0.65 of ten thresholds.
    found = agreement([seen(CAR)], [seen((20, 0, 120, 100, 0, 0.6))])
    assert found.ap50 == 1.0
    assert found.ap50_95 == pytest.approx(0.4)
    assert found.score_difference == pytest.approx(0.3)


def test_each_box_is_paired_once() -> None:
    # Two boxes on one car: the nearer one is the car, the other one is extra.
    found = agreement([seen(CAR)], [seen((10, 0, 110, 100, 0, 0.9), (0, 0, 100, 100, 0, 0.7))])
    assert (found.missed, found.extra) == (0, 1)
    assert found.score_difference == pytest.approx(0.2)


def test_the_worst_class_comes_first() -> None:
    found = agreement([seen(CAR, PERSON)], [seen(CAR)])
    assert [one.name for one in found.classes] == ["person", "car"]


def test_a_crowd_is_not_cut_at_100() -> None:
    crowd = [seen(*((10.0 * x, 20.0 * y, 10.0 * x + 8, 20.0 * y + 15, 1, 0.5) for x in range(16) for y in range(10)))]
    assert agreement(crowd, crowd).ap50 == 1.0


def test_nothing_seen_at_all() -> None:
    found = agreement([seen(CAR)], [seen()])
    assert (found.ap50, found.missed, found.score_difference) == (0.0, 1, None)


def test_wrong_input() -> None:
    with pytest.raises(ModelError, match="2 frames of the reference, 1 of the other"):
        agreement([seen(), seen()], [seen()])
    with pytest.raises(ModelError, match=r"the reference has no box of score 0\.25 or better in 1 frames"):
        agreement([seen(WEAK)], [seen(WEAK)])
    with pytest.raises(ModelError, match="the two know other classes"):
        agreement([seen(CAR)], [Detections.none(("car",))])
