"""How a camera's pictures are seen: what the detector finds in them, and the small grey picture that places are compared in."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.rules.signs import Vehicle
from detector.watching.looks import Look
from detector.watching.sightings import sightings_in
from detector.zoning.geometry import Box, iou
from models.detections import Detections
from models.detector import Detector
from models.part import detect_part
from models.regions.detect import RegionDetector
from models.regions.mode import Mode
from streams.frame import Frame

SCORE_MIN = 0.15
"""Faint sightings keep a thing alive that is there already; a new one needs more (`things.SEED_SCORE`)."""

CLOSELY_MARGIN = 1.0
"""Sizes of the thing on each side that are seen with it: without the street around it, a chair is called a lorry."""
CLOSELY_MIN_PX = 96
"""Enlarging less than this shows nothing but blur."""
ITSELF_IOU = 0.4
"""What is found so close to a thing is the thing: its outline, seen as change, is rough."""

Outline = tuple[tuple[float, float], ...]


class Eyes:
    """Asks the detector for one camera.

    Args:
        detector: Shared with other cameras.
        mode: What looks show it: the whole picture, or the zones.
    """

    def __init__(self, detector: Detector, mode: Mode) -> None:
        self._detector = detector
        self._regions = RegionDetector(detector)
        self._mode = mode

    def luma(self, frame: Frame) -> NDArray[np.uint8]:
        """The whole picture, grey and as large as the detector sees it: `(height, width)` uint8."""
        return frame.gray(*self._detector.plan(frame.width_px, frame.height_px).resized)

    def look(self, frame: Frame, luma: NDArray[np.uint8], outlines: Sequence[Outline]) -> Look:
        """A look that the detector was asked about.

        Args:
            frame: The picture.
            luma: What `luma` gave for it.
            outlines: Where the zones lie.
        """
        aim = self._regions.plan(frame.width_px, frame.height_px, outlines, self._mode)
        found = self._regions.detect(frame.rgb(*aim.resized), aim, score_min=SCORE_MIN)
        return Look(frame.time_s, luma, sightings_in(found, (frame.width_px, frame.height_px), self._detector.roles))

    def detect(self, frame: Frame) -> Detections:
        """What the detector finds in a whole frame, as evidence shows it; boxes in its pixels."""
        plan = self._detector.plan(frame.width_px, frame.height_px)
        return self._detector.detect(frame.rgb(*plan.resized), plan, score_min=SCORE_MIN)

    def vehicle_at(self, box: Box, frame: Frame) -> Vehicle:
        """Which vehicle stands in a place, seen closely: from afar, in the dark or half hidden it may have gone unnoticed."""
        wide, high = frame.width_px, frame.height_px
        side = max((box.right - box.left) * wide, (box.bottom - box.top) * high) * (1 + 2 * CLOSELY_MARGIN)
        half = max(side, CLOSELY_MIN_PX) / 2
        x, y = (box.left + box.right) / 2 * wide, (box.top + box.bottom) / 2 * high
        around = (
            max(0, round(x - half)),
            max(0, round(y - half)),
            min(wide, round(x + half)),
            min(high, round(y + half)),
        )
        found = detect_part(self._detector, frame.rgb(), around, score_min=SCORE_MIN)
        for sighting in sightings_in(found, (wide, high), self._detector.roles):
            if sighting.role in ("vehicle", "two_wheeler") and iou(sighting.box, box) >= ITSELF_IOU:
                return Vehicle(sighting.class_name, sighting.score)
        return Vehicle(None)
