"""Average precision over pictures, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.errors import EvaluationError
from evaluation.metrics.detection_ap import ClassAP, detection_ap, true_boxes
from models.detections import Detections

NAMES = ("car", "person", "bin")
CAR, FAR_CAR, PERSON = (0, 0, 100, 100), (200, 0, 300, 100), (0, 200, 50, 300)
SHIFTED_CAR = (20, 0, 120, 100)  # IoU 8000 / 12000 = 2/3: right at 0.5, 0.55, 0.6 and 0.65 of the ten


def seen(*boxes: tuple[tuple[float, ...], str, float]) -> Detections:
    return Detections(
        np.array([box for box, _, _ in boxes], np.float32).reshape(-1, 4),
        np.array([NAMES.index(name) for _, name, _ in boxes], np.int64),
        np.array([score for _, _, score in boxes], np.float32),
        NAMES,
    )


TRUTH = [true_boxes([CAR, FAR_CAR], ["car", "car"], NAMES), true_boxes([PERSON], ["person"], NAMES)]


def test_a_perfect_detector() -> None:
    result = detection_ap(TRUTH, [seen((CAR, "car", 0.9), (FAR_CAR, "car", 0.2)), seen((PERSON, "person", 0.001))])
    assert (result.pictures, result.boxes, result.ap50, result.ap50_95) == (2, 3, 1.0, 1.0)
    assert result.classes == (ClassAP("car", 2, 1.0, 1.0), ClassAP("person", 1, 1.0, 1.0))


def test_shifted_missed_and_false_boxes() -> None:
    # Car: the shifted one alone of 2, so precision is 1 at recalls up to 0.5: 51 of COCO's 101 points, at 4 of 10 overlaps.
    # Person: a false one is surer than the right one: precision 1/2 at every recall, at all overlaps.
    found = [
        seen((SHIFTED_CAR, "car", 0.8)),
        seen(((500, 500, 550, 600), "person", 0.9), (PERSON, "person", 0.5)),
    ]
    result = detection_ap(TRUTH, found)
    car, person = result.classes
    assert (car.name, car.boxes, person.name, person.boxes) == ("car", 2, "person", 1)
    assert car.ap50 == pytest.approx(51 / 101)
    assert car.ap50_95 == pytest.approx(0.4 * 51 / 101)
    assert (person.ap50, person.ap50_95) == pytest.approx((0.5, 0.5))
    assert result.ap50 == pytest.approx((51 / 101 + 0.5) / 2)  # the mean over classes, not over boxes
    assert result.ap50_95 == pytest.approx((0.4 * 51 / 101 + 0.5) / 2)


def test_the_same_vehicle_twice_costs_nothing_behind_and_a_half_before() -> None:
    # The second box of a car is a false one. Behind all right ones it does no harm; the surer of the two is taken.
    once = [true_boxes([CAR], ["car"], NAMES)]
    assert detection_ap(once, [seen((CAR, "car", 0.9), (CAR, "car", 0.8))]).ap50 == 1.0
    # Two cars: right, double, right. Precision 1 up to recall 0.5, then 2/3: (51 + 50 * 2/3) / 101.
    two = [true_boxes([CAR, FAR_CAR], ["car", "car"], NAMES)]
    double = [seen((CAR, "car", 0.9), (CAR, "car", 0.8), (FAR_CAR, "car", 0.7))]
    assert detection_ap(two, double).ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_blind_detector() -> None:
    result = detection_ap(TRUTH, [seen(), seen()])
    assert (result.ap50, result.ap50_95) == (0.0, 0.0)


def test_a_class_that_is_nowhere_true_has_no_precision() -> None:
    result = detection_ap(TRUTH[:1], [seen((CAR, "car", 0.9), (FAR_CAR, "car", 0.8), (PERSON, "person", 0.9))])
    assert [one.name for one in result.classes] == ["car"]
    assert result.ap50 == 1.0


def test_pictures_without_truth_are_undefined() -> None:
    result = detection_ap([true_boxes([], [], NAMES)], [seen((CAR, "car", 0.9))])
    assert (result.pictures, result.boxes, result.ap50, result.ap50_95, result.classes) == (1, 0, None, None, ())
    assert detection_ap([], []).ap50 is None


def test_false_boxes_in_a_picture_without_truth_count() -> None:
    # The surest is false: precision 1/2.
    truth = [true_boxes([CAR], ["car"], NAMES), true_boxes([], [], NAMES)]
    assert detection_ap(truth, [seen((CAR, "car", 0.5)), seen((CAR, "car", 0.9))]).ap50 == pytest.approx(0.5)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(EvaluationError, match="truth of 2 pictures, detections of 1"):
        detection_ap(TRUTH, [seen()])
    with pytest.raises(EvaluationError, match="other classes"):
        detection_ap(TRUTH, [seen(), Detections.none(("dog",))])
    with pytest.raises(EvaluationError, match="1 boxes, but 2 classes"):
        true_boxes([CAR], ["car", "car"], NAMES)
    with pytest.raises(EvaluationError, match="class tram is none that the model knows: car, person, bin"):
        true_boxes([CAR], ["tram"], NAMES)
    with pytest.raises(EvaluationError, match="box 5, 0, 5, 10 is empty: allowed is x1 < x2 and y1 < y2"):
        true_boxes([(5, 0, 5, 10)], ["car"], NAMES)
