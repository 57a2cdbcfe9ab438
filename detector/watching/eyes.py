"""How a camera's pictures are seen: what the detector finds in them, and the small grey picture that places are compared in."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.watching.looks import Look
from detector.watching.sightings import sightings_in
from models.detections import Detections
from models.detector import Detector
from models.regions.detect import RegionDetector
from models.regions.mode import Mode
from streams.frame import Frame

SCORE_MIN = 0.15
"""Faint sightings keep a thing alive that is there already; a new one needs more (`things.SEED_SCORE`)."""

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
