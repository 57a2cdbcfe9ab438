"""A detector that looks at zones: in the same words as one that looks at whole pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.detections import Detections
from models.detector import SCORE_MIN, Detector
from models.errors import ModelError
from models.letterbox import Letterbox
from models.regions.choice import zones_pay
from models.regions.doubles import without_doubles
from models.regions.mode import Mode
from models.regions.mosaic import build, send_home
from models.regions.packing import Region, RegionPlan, plan_regions
from models.regions.rects import Rect, reach

PLANS_MAX = 64
"""Kept plans: a camera has one or two, which change when it is turned."""
CAMERA = "camera"
"""Name in plans that one camera has to itself."""

Outline = tuple[tuple[float, float], ...]
_Wanted = tuple[str, tuple[int, int], tuple[Rect, ...]]
"""A camera, the size of its picture, and what must be seen of it."""


class View(NamedTuple):
    """One camera's part in a look of many.

    Attributes:
        camera: its name; each once in a look.
        picture: uint8 `(height, width, 3)`, RGB, in its own resolution.
        rects: what must be seen of it, as `rects.reach` says for a zone.
    """

    camera: str
    picture: NDArray[np.uint8]
    rects: tuple[Rect, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was seen of one camera.

    Attributes:
        detections: boxes in pixels of its picture, best first.
        cut: bool `(N,)`: the box ends where the look did, so it may be part of a larger thing. Where it stands is still
            told rightly if it was cut above.
        straddling: boxes that were dropped because they lay across the borders of tiles, of all cameras in the same inputs.
        doubles: boxes that were dropped because another tile shows the thing better.
        whole: the whole picture was looked at, because the zones are not smaller than it.
    """

    detections: Detections
    cut: NDArray[np.bool_]
    straddling: int = 0
    doubles: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Aim:
    """How frames of one size of one camera are looked at.

    Attributes:
        whole: as a whole.
        regions: by zones; None: as a whole.
    """

    whole: Letterbox
    regions: RegionPlan | None

    @property
    def resized(self) -> tuple[int, int]:
        """Width and height that a frame may be scaled to beforehand; its own where zones are looked at."""
        return self.whole.resized if self.regions is None else self.whole.source


class RegionDetector:
    """A detector in whose inputs zones lie instead of whole pictures. Any number of threads may use it at once."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._aim = lru_cache(PLANS_MAX)(self._aim_anew)
        self._plan = lru_cache(PLANS_MAX)(self._packed)

    def plan(self, width_px: int, height_px: int, outlines: Sequence[Outline], mode: Mode = Mode.ZONES) -> Aim:
        """How frames of this size are looked at. Asking again costs nothing.

        Args:
            width_px: of the frame.
            height_px: of the frame.
            outlines: of the camera's zones: corners in fractions of the frame.
            mode: `AUTO` takes zones where they pay (`choice`).

        Raises:
            ModelError: a size is not positive.
        """
        return self._aim(width_px, height_px, tuple(outlines), mode)

    def detect(self, image_rgb: NDArray[np.uint8], aim: Aim, *, score_min: float = SCORE_MIN) -> Detections:
        """Look at one picture of one camera.

        Args:
            image_rgb: uint8 `(height, width, 3)`, red first, of the size `aim.resized`.
            aim: for this size of frame.
            score_min: boxes below are dropped, 0…1.

        Returns:
            Boxes in pixels of the source frame, best first.

        Raises:
            ModelError: the picture has another size or type than planned.
        """
        return self.look(image_rgb, aim, score_min=score_min).detections

    def look(self, image_rgb: NDArray[np.uint8], aim: Aim, *, score_min: float = SCORE_MIN) -> Seen:
        """As `detect`, with what was cut and dropped."""
        if aim.regions is None:
            return _as_whole(self.detector.detect(image_rgb, aim.whole, score_min=score_min))
        return self._carry_out(aim.regions, {CAMERA: image_rgb}, score_min)[CAMERA]

    def detect_many(self, views: Sequence[View], *, score_min: float = SCORE_MIN, gain_min: float = 1.0) -> list[Seen]:
        """Look at parts of many cameras' pictures in as few inputs as they fit into.

        Args:
            views: one for each camera.
            score_min: boxes below are dropped, 0…1.
            gain_min: how much larger than in its whole picture each part is seen at least, up to the picture's own
                resolution; 1 asks for the fewest inputs, more for visibility.

        Returns:
            What was seen of each, in the order given.

        Raises:
            ModelError: a camera is given twice, a rectangle lies outside of its picture, or `gain_min` is below 1.
        """
        pictures = {view.camera: view.picture for view in views}
        if len(pictures) < len(views):
            raise ModelError(f"detect_many: {len(views)} views of {len(pictures)} cameras: allowed is one of each")
        if gain_min < 1:
            raise ModelError(f"detect_many: gain_min {gain_min:g}: allowed is 1 and more")
        plan = self._plan(tuple((view.camera, _size_of(view.picture), view.rects) for view in views), gain_min)
        seen = self._carry_out(plan, pictures, score_min)
        for camera in {region.camera for region in plan.unplaced}:
            whole = self.detector.plan(*_size_of(pictures[camera]))
            seen[camera] = _as_whole(self.detector.detect(pictures[camera], whole, score_min=score_min))
        nothing = Seen(Detections.none(self.detector.names), np.empty(0, np.bool_))
        return [seen.get(view.camera, nothing) for view in views]

    def _aim_anew(self, width_px: int, height_px: int, outlines: tuple[Outline, ...], mode: Mode) -> Aim:
        whole = self.detector.plan(width_px, height_px)
        if mode == Mode.WHOLE:
            return Aim(whole, None)
        source_px = width_px, height_px
        rects = [rect for outline in outlines if (rect := reach(outline, source_px)).area]
        plan = self._packed(((CAMERA, source_px, tuple(rects)),), 1.0)
        usable = bool(plan.tiles) and not plan.unplaced
        return Aim(whole, plan if usable and (mode == Mode.ZONES or zones_pay(plan, whole)) else None)

    def _packed(self, views: tuple[_Wanted, ...], gain_min: float) -> RegionPlan:
        regions: list[Region] = []
        canvas_px = 1, 1
        for camera, source_px, rects in views:
            whole = self.detector.plan(*source_px)
            scale = min(whole.resized[0] / source_px[0], whole.resized[1] / source_px[1])
            least = scale if scale > 1 else min(1.0, scale * gain_min)
            regions += [Region(camera, source_px, rect, least) for rect in rects]
            # Every part fits at the scale of the whole if every whole does.
            canvas_px = max(canvas_px[0], whole.padded[0]), max(canvas_px[1], whole.padded[1])
        if not regions:
            return RegionPlan((), (), ())
        return plan_regions(regions, canvas_px, stride_px=stride_of(self.detector))

    def _carry_out(self, plan: RegionPlan, pictures: dict[str, NDArray[np.uint8]], score_min: float) -> dict[str, Seen]:
        found: dict[str, list[tuple[Detections, NDArray[np.int64], NDArray[np.bool_]]]] = {}
        straddling: dict[str, int] = {}
        for index, canvas in enumerate(build(plan, pictures)):
            size_px = plan.canvases[index]
            tiles = plan.tiles_of(index)
            seen = self.detector.detect(canvas, Letterbox(size_px, size_px, size_px, (0, 0)), score_min=score_min)
            homes = send_home(tiles, seen.boxes_px)
            lost = int((homes.tile < 0).sum())
            for camera in {tile.region.camera for tile in tiles}:
                # The last one is for -1, those that belong to none.
                own = np.array([tile.region.camera == camera for tile in tiles] + [False])[homes.tile]
                detections = Detections(homes.boxes_px, seen.classes, seen.scores, seen.names).select(own)
                numbers = index * len(plan.tiles) + homes.tile[own]
                found.setdefault(camera, []).append((detections, numbers, homes.cut[own]))
                straddling[camera] = straddling.get(camera, 0) + lost
        return {camera: _merged(parts, straddling[camera]) for camera, parts in found.items()}


def _merged(parts: Sequence[tuple[Detections, NDArray[np.int64], NDArray[np.bool_]]], straddling: int) -> Seen:
    seen = Detections(
        np.concatenate([part.boxes_px for part, _, _ in parts]),
        np.concatenate([part.classes for part, _, _ in parts]),
        np.concatenate([part.scores for part, _, _ in parts]),
        parts[0][0].names,
    )
    tile, cut = np.concatenate([tile for _, tile, _ in parts]), np.concatenate([cut for _, _, cut in parts])
    stay = without_doubles(seen, tile, cut)
    return Seen(seen.select(stay), cut[stay], straddling, len(seen) - len(stay))


def _as_whole(detections: Detections) -> Seen:
    return Seen(detections, np.zeros(len(detections), np.bool_), whole=True)


def _size_of(picture: NDArray[np.uint8]) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]


def stride_of(detector: Detector) -> int | None:
    """What the sides of an input must be multiples of; None when the detector takes one size alone.

    Thin strips show it: one that takes any size pads each to a single stride, the others to the input that they have.
    """
    lying, standing = detector.plan(1000, 1).padded, detector.plan(1, 1000).padded
    return None if lying == standing else min(lying)
