"""A place seen closely. The frame is 1000 by 500 pixels; the thing is 100 by 50 of them, at x 400 to 500 and y 200 to 250."""

import numpy as np
import pytest

from detector.rules.signs import Vehicle
from detector.watching.eyes import SCORE_MIN, Eyes
from detector.zoning.geometry import Box
from models.detections import Detections
from models.letterbox import Letterbox
from models.regions.mode import Mode

WIDE, HIGH = 1000, 500
THING = Box(0.4, 0.4, 0.5, 0.5)
NAMES = ("person", "car", "bicycle")


class Picture:
    """A frame with a white thing on black ground."""

    width_px, height_px = WIDE, HIGH

    def rgb(self) -> np.ndarray:
        made = np.zeros((HIGH, WIDE, 3), np.uint8)
        made[200:250, 400:500] = 255
        return made


class Finds:
    """A detector that calls whatever is white by one name."""

    roles = {"person": "person", "car": "vehicle", "bicycle": "two_wheeler"}  # noqa: RUF012

    def __init__(self, name: str, score: float, grown_px: float = 0.0) -> None:
        self._name, self._score, self._grown = NAMES.index(name), score, grown_px
        self.shown_px: tuple[int, int] = (0, 0)

    def plan(self, width_px: int, height_px: int) -> Letterbox:
        self.shown_px = (width_px, height_px)
        return Letterbox.plan(width_px, height_px)

    def detect(self, image: np.ndarray, _plan: Letterbox, *, score_min: float) -> Detections:
        assert score_min == SCORE_MIN
        rows, columns = np.nonzero(image[..., 0] > 127)
        scale = self.shown_px[0] / image.shape[1]
        corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        grown = np.array([-self._grown, -self._grown, self._grown, self._grown])
        boxes = (np.array(corners) * scale + grown).astype(np.float32)[None]
        return Detections(boxes, np.array([self._name]), np.array([self._score], np.float32), NAMES)


@pytest.mark.parametrize(
    ("finds", "vehicle"),
    [
        (Finds("car", 0.8), Vehicle("car", pytest.approx(0.8))),
        (Finds("bicycle", 0.4), Vehicle("bicycle", pytest.approx(0.4))),
        (Finds("person", 0.9), Vehicle(None)),
        (Finds("car", 0.8, grown_px=15), Vehicle("car", pytest.approx(0.8))),  # 100 * 50 of 130 * 80: 0.48
        (Finds("car", 0.8, grown_px=25), Vehicle(None)),  # of 150 * 100: 0.33, something that stands around it
    ],
)
def test_what_is_found_in_its_place_is_the_thing(finds: Finds, vehicle: Vehicle) -> None:
    eyes = Eyes(finds, Mode.WHOLE)
    assert eyes.vehicle_at(THING, Picture()) == vehicle
    assert finds.shown_px == (300, 300)  # its longer side three times
