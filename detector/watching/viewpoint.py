"""What a camera's picture is worth: may rules judge by it, and where do the zones lie in it?

A camera that is covered, black, frozen, blurred or turned away shows no arrivals and no departures: rules hold still and say
so, instead of inventing some. A view that was nudged a little takes its zones along.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.picture.health import PictureFault, PictureHealth, PictureReport

log = logging.getLogger(__name__)

JUDGE_EVERY_S = 3.9
"""Every other glance of patrol: nothing leaves within one glance, so no departure is believed that was not judged."""
FOLLOW_MIN = 0.004
"""Part of the frame: less than this is a pole that sways, and of no matter for who stands where."""

Shift = tuple[float, float]


class Viewpoint:
    """Judges the pictures of one camera for its watch. Pure, but for a line in the log when a fault begins or ends."""

    def __init__(self, camera: str, view: Mapping[str, NDArray[Any]] | None = None, *, live: bool = True) -> None:
        self._camera = camera
        # A recording can't freeze, but it may be composed of pictures without any noise.
        self._ignored = frozenset() if live else frozenset({PictureFault.FROZEN})
        self._health = _begun(camera, view)
        self._judged_s = -float("inf")
        self._followed: Shift = (0.0, 0.0)
        self.report: PictureReport | None = None
        """The newest judgement."""

    def look(self, luma: NDArray[np.uint8], time_s: float) -> bool:
        """Takes a picture; tells whether rules may judge by it.

        Args:
            luma: `(height, width)` uint8, the whole picture.
            time_s: Its media time.
        """
        if time_s - self._judged_s >= JUDGE_EVERY_S or self.report is None:
            before = self.report.faults if self.report else frozenset()
            seen = self._health.observe(luma, time_s)
            self.report = replace(seen, faults=seen.faults - self._ignored, signs=seen.signs - self._ignored)
            self._judged_s = time_s
            for fault in sorted(self.report.faults - before):
                log.warning("camera %s: the picture is %s: rules hold still", self._camera, fault)
            for fault in sorted(before - self.report.faults):
                log.info("camera %s: the picture is no longer %s", self._camera, fault)
        return self.report.usable

    def moved_by(self) -> Shift | None:
        """How far the view has moved since this last gave something, in fractions of the frame; None if it stays."""
        if self.report is None:
            return None
        (x, y), (was_x, was_y) = self.report.shift, self._followed
        if max(abs(x - was_x), abs(y - was_y)) < FOLLOW_MIN:
            return None
        self._followed = x, y
        return x - was_x, y - was_y

    def relearn(self) -> None:
        """Takes what the camera sees from now on for its view."""
        self._health = PictureHealth()
        self._followed = (0.0, 0.0)
        self.report = None

    def export(self) -> dict[str, NDArray[Any]]:
        """The view as it was learned, for the next start."""
        return self._health.export()

    def row(self) -> dict[str, Any]:
        """The newest judgement as plain JSON, for the camera's health."""
        report = self.report
        if report is None:
            return {}
        return {
            "faults": sorted(report.faults),
            "since_s": {str(fault): round(since_s, 1) for fault, since_s in report.since_s.items()},
            "basis": str(report.basis),
            "shift": [round(value, 4) for value in report.shift],
            "brightness": round(report.brightness, 1),
            "sharpness": None if report.sharpness is None else round(report.sharpness, 2),
            "edges_found": None if report.edges_found is None else round(report.edges_found, 2),
            "unchanged_s": round(report.unchanged_s, 1),
        }


def _begun(camera: str, view: Mapping[str, NDArray[Any]] | None) -> PictureHealth:
    try:
        return PictureHealth(view)
    except ValueError as error:
        log.warning("camera %s: its view from before can't be used, and is learned anew: %s", camera, error)
        return PictureHealth()
