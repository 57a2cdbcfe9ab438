"""The plate of an incident's vehicle: which pictures show it best, and what they say together.

Look-back has the pictures around the arrival and the alarm. Of each stretch of them the one that shows the vehicle largest and
sharpest is read. A plate is the vehicle's own where it lies in its box and in no other vehicle's.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.zoning.geometry import Box
from models.errors import ModelError
from models.plates.reader import CONFIDENCE_MIN, PlateReader, fetch_plate_reader, load_plate_reader
from models.plates.reading import PlateReading
from streams.frame import Frame

log = logging.getLogger(__name__)

FRAMES_MAX = 12
"""Pictures that are read for one incident, over all its clips: more of them say nothing new, and each costs time."""
ENOUGH = 4
"""Of the best pictures, so many that agree and are sure settle the matter."""
MARGIN = 0.1
"""Of the vehicle's box, on each side: a plate at its edge is found whole."""
TIME_TOLERANCE_S = 0.02
"""Times of tracks are rounded to milliseconds; pictures are further apart than this."""
CLOSEUP_WIDTH_MIN_PX = 40.0
"""A person sees more than the machine dares to say: a plate of this width is worth a close-up, read or not."""
CLOSEUP_MARGIN = 0.75
"""Of the plate's width, on each side: enough of the vehicle to tell that it is this one's."""

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Step:
    """Where the vehicle is in one picture, and the other vehicles; boxes in fractions of the frame."""

    time_s: float
    box: Box
    others: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A vehicle cut out of a picture, in the pixels of the source."""

    step: Step
    image_rgb: Image
    left_px: int
    top_px: int
    frame_px: tuple[int, int]
    """Width and height of the whole picture."""

    @property
    def worth(self) -> float:
        """How much of a plate may be seen: size times sharpness."""
        gray = cv2.cvtColor(self.image_rgb, cv2.COLOR_RGB2GRAY)
        return float(gray.size * cv2.Laplacian(gray, cv2.CV_64F).var())

    def owns(self, reading: PlateReading) -> bool:
        """True for a plate that lies in the vehicle's box and in no other one."""
        x, y = (float(value) for value in reading.quad_px.mean(axis=0))
        at = (x + self.left_px) / self.frame_px[0], (y + self.top_px) / self.frame_px[1]
        return _holds(self.step.box, at) and not any(_holds(other, at) for other in self.step.others)


@dataclass(frozen=True)
class PlateLooks:
    """What the pictures of one clip say: a reading for each that was looked at, and the best close-up."""

    readings: tuple[PlateReading | None, ...] = ()
    closeup_rgb: Image | None = field(default=None, repr=False)
    closeup_s: float = 0.0


def best_views(frames: Iterable[Frame], path: Sequence[Step], count: int) -> list[View]:
    """The best view out of each of `count` equal stretches of time, best first; fewer where the vehicle was not seen.

    Args:
        frames: Pictures in order of time.
        path: Where the vehicle is, in order of time; other pictures than these are passed over.
        count: How many at most.
    """
    if not path:
        return []
    start_s = path[0].time_s
    stretch_s = max(path[-1].time_s - start_s, 1e-9) / count
    best: dict[int, tuple[float, View]] = {}
    for frame in frames:
        step = min(path, key=lambda it: abs(it.time_s - frame.time_s))
        if abs(step.time_s - frame.time_s) > TIME_TOLERANCE_S:
            continue
        view = _cut(frame, step)
        if view is None:
            continue
        worth, stretch = view.worth, min(count - 1, int((step.time_s - start_s) / stretch_s))
        if stretch not in best or worth > best[stretch][0]:
            best[stretch] = (worth, view)
    return [view for _, view in sorted(best.values(), key=lambda it: it[0], reverse=True)]


def look_at_plate(views: Iterable[View], reader: PlateReader) -> PlateLooks:
    """Reads the vehicle's plate in one view after the other, until enough of them agree."""
    readings: list[PlateReading | None] = []
    best: tuple[float, float, View, PlateReading] | None = None
    for view in views:
        reading = own_plate([it for it in reader.read(view.image_rgb) if view.owns(it)])
        readings.append(reading)
        if reading is None or reading.width_px < CLOSEUP_WIDTH_MIN_PX:
            continue
        if best is None or (reading.confidence, reading.width_px) > best[:2]:
            best = (reading.confidence, reading.width_px, view, reading)
        if enough(readings):
            break
    if best is None:
        return PlateLooks(tuple(readings))
    return PlateLooks(tuple(readings), _around(best[2].image_rgb, best[3]), best[2].step.time_s)


def enough(readings: Sequence[PlateReading | None]) -> bool:
    """True once `ENOUGH` pictures say the same and are sure of it, and none of the sure ones says anything else."""
    sure = [it.text for it in readings if it is not None and it.confidence >= CONFIDENCE_MIN]
    return len(sure) >= ENOUGH and len(set(sure)) == 1


def own_plate(readings: Sequence[PlateReading]) -> PlateReading | None:
    """The one among several; none where two say different things: a sign on a lorry says nothing that a plate can say."""
    legible = [reading for reading in readings if reading.text]
    if len({reading.text for reading in legible}) > 1:
        return None
    return max(legible or readings, key=lambda it: it.width_px, default=None)


def _cut(frame: Frame, step: Step) -> View | None:
    cut = step.box.grown(MARGIN)
    width, height = frame.width_px, frame.height_px
    left, top = int(cut.left * width), int(cut.top * height)
    right, bottom = round(cut.right * width), round(cut.bottom * height)
    if right - left < CLOSEUP_WIDTH_MIN_PX or bottom <= top:
        return None
    return View(step, np.ascontiguousarray(frame.rgb()[top:bottom, left:right]), left, top, (width, height))


def _around(image_rgb: Image, reading: PlateReading) -> Image:
    margin_px = CLOSEUP_MARGIN * reading.width_px
    height, width = image_rgb.shape[:2]
    left, top = np.maximum(reading.quad_px.min(axis=0) - margin_px, 0).astype(int)
    right, bottom = np.minimum(reading.quad_px.max(axis=0) + margin_px, (width, height)).astype(int)
    return image_rgb[top:bottom, left:right]


def _holds(box: Box, at: tuple[float, float]) -> bool:
    return box.left <= at[0] <= box.right and box.top <= at[1] <= box.bottom


class PlateDesk:
    """Opens this process's plate reader when it is first needed: a worker without an incident never pays for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._reader: PlateReader | None = None

    def __call__(self) -> PlateReader | None:
        """The reader; None, after one line, where its networks can't be had. Incidents then go on without a plate."""
        with self._lock:
            if not self._asked:
                self._asked = True
                try:
                    # On the CPU: a dozen pictures per incident, each of another size, are not worth a GPU's preparation.
                    self._reader = load_plate_reader(provider="cpu")
                except ModelError as error:
                    log.warning("plates are not read: %s", error)
            return self._reader


plate_desk = PlateDesk()
"""The one of this process."""


def fetch_plates() -> None:
    """Brings what reading plates needs into the cache, before the first incident; one line where it can't be had."""
    try:
        fetch_plate_reader()
    except ModelError as error:
        log.warning("plates will not be read, as long as this can't be had: %s", error)
