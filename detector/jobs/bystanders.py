"""Who and what has to be covered in a picture: people, and the plates of vehicles that the case is not about."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detector.jobs.masks import subject_at
from detector.zoning.geometry import Box, iou
from models.detections import Detections
from models.detector import Detector
from models.part import Part, detect_part
from streams.frame import Frame

PERSON = "person"
VEHICLE = "vehicle"
SCORE_MIN = 0.15
"""Low: what is covered for nothing does no harm, and one face that is not covered does."""
VEHICLE_SCORE_MIN = 0.3
SUBJECT_IOU = 0.5
TWIN_IOU = 0.5
"""Two people who walk side by side overlap less; should they be taken for one, both are covered all the same."""
PLATE_VEHICLE_MIN_PX = 90
"""A vehicle this wide has a plate of some 20 px, whose signs nobody can read."""
TILES = 2
"""Along each side: parts that are looked at closely."""
TILE_OVERLAP = 0.2


class PlateFinder(Protocol):
    """Finds plates in a picture of a vehicle."""

    def find(self, image_rgb: NDArray[np.uint8]) -> Iterable[Any]:
        """Findings with `quad_px`, float32 `(4, 2)`."""
        ...


@dataclass(frozen=True)
class Looked:
    """What one picture shows; boxes in fractions of the frame."""

    time_s: float
    people: tuple[Box, ...]
    plates: tuple[Box, ...]


class Onlooker:
    """Looks at pictures.

    Args:
        detector: The model that patrols.
        plates: Finds plates; None: they are left as they are, and the result says so.
    """

    def __init__(self, detector: Detector, plates: PlateFinder | None) -> None:
        self._detector = detector
        self._plates = plates
        self._looks = 0
        self.name = detector.name
        self.score_min = SCORE_MIN

    @property
    def finds_plates(self) -> bool:
        """Whether plates are looked for."""
        return self._plates is not None

    def look(self, frame: Frame, subject: Box | None) -> Looked:
        """The next picture of a clip; `subject` is the vehicle whose plate is kept.

        It is looked at as a whole, and one part of it closely, another one each time: whoever is too small for the whole is
        then seen in every fourth picture, and covered in those between.
        """
        image, size_px = frame.rgb(), (frame.width_px, frame.height_px)
        seen = self._detect(image)
        people = list(_boxes(seen, PERSON, self._detector, size_px))
        tiles = _tiles(*size_px)
        people += self._people_in(image, tiles[self._looks % len(tiles)])
        self._looks += 1
        return Looked(frame.time_s, distinct(people), self._plates_of(image, seen, subject))

    def look_closely(self, image_rgb: NDArray[np.uint8], subject: Box | None) -> Looked:
        """One still, as a whole and in tiles, so that small people far away are found, too."""
        height, width = image_rgb.shape[:2]
        seen = self._detect(image_rgb)
        people = list(_boxes(seen, PERSON, self._detector, (width, height)))
        for tile in _tiles(width, height):
            people += self._people_in(image_rgb, tile)
        return Looked(0.0, distinct(people), self._plates_of(image_rgb, seen, subject))

    def _people_in(self, image_rgb: NDArray[np.uint8], tile: Part) -> list[Box]:
        found = detect_part(self._detector, image_rgb, tile, score_min=SCORE_MIN)
        return list(_boxes(found, PERSON, self._detector, (image_rgb.shape[1], image_rgb.shape[0])))

    def _detect(self, image_rgb: NDArray[np.uint8]) -> Detections:
        plan = self._detector.plan(image_rgb.shape[1], image_rgb.shape[0])
        return self._detector.detect(image_rgb, plan, score_min=SCORE_MIN)

    def _plates_of(self, image: NDArray[np.uint8], seen: Detections, subject: Box | None) -> tuple[Box, ...]:
        height, width = image.shape[:2]
        sure = seen.select(seen.scores >= VEHICLE_SCORE_MIN)
        others = [
            box
            for box in _boxes(sure, VEHICLE, self._detector, (width, height))
            if (box.right - box.left) * width >= PLATE_VEHICLE_MIN_PX
            and (subject is None or iou(box, subject) < SUBJECT_IOU)
        ]
        if self._plates is None or not others:
            return ()
        found: list[Box] = []
        for box in others:
            left, top = int(box.left * width), int(box.top * height)
            part = np.ascontiguousarray(image[top : int(box.bottom * height) + 1, left : int(box.right * width) + 1])
            for plate in self._plates.find(part):
                quad = plate.quad_px + np.array([left, top], np.float32)
                (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
                at = _clipped(x0 / width, y0 / height, x1 / width, y1 / height)
                # The offender's own plate shall stay legible, also where another vehicle's box lies over it.
                if subject is None or _aside(at, box) <= _aside(at, subject):
                    found.append(at)
        return tuple(found)


@dataclass(frozen=True)
class Subject:
    """What a case is about, in a clip: where the person is, or the vehicle."""

    person_at: Callable[[float], Box | None]
    vehicle_at: Callable[[float], Box | None]
    said: str
    """In the result: what was kept."""


def subject_of(tracks: Iterable[Path], clip: str, spec: Mapping[str, Any]) -> Subject:
    """Finds out what is kept.

    Args:
        tracks: Files of tracks; the one counts that is of this clip.
        clip: Name of the clip, or of a still.
        spec: The job's: `box` and the classes of the `subjects`, where no tracks say more.
    """
    for path in tracks:
        content = json.loads(path.read_text("utf-8"))
        if content.get("clip") == clip and content.get("subject") is not None:
            return _tracked(content)
    box = Box(*(float(value) for value in spec["box"])) if spec.get("box") else None
    if PERSON in spec.get("subjects", ()):
        return Subject(lambda _: box, lambda _: None, PERSON)
    return Subject(lambda _: None, lambda _: box, "vehicle" if box else "nothing")


def _tracked(content: Mapping[str, Any]) -> Subject:
    own = [
        (float(row["t"]), entry["class"], Box(*(float(value) for value in entry["box"])))
        for row in content["frames"]
        for entry in row["boxes"]
        if entry["id"] == content["subject"]
    ]
    at = subject_at((time_s, box) for time_s, _, box in own)
    if own and own[0][1] == PERSON:
        return Subject(at, lambda _: None, PERSON)
    return Subject(lambda _: None, at, own[0][1] if own else "nothing")


def distinct(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Of boxes that mean the same person, seen as a whole and closely, the one box that has both in it."""
    kept: list[Box] = []
    for box in boxes:
        twin = next((place for place, other in enumerate(kept) if iou(box, other) >= TWIN_IOU), None)
        if twin is None:
            kept.append(box)
        else:
            other = kept[twin]
            kept[twin] = Box(
                min(box.left, other.left),
                min(box.top, other.top),
                max(box.right, other.right),
                max(box.bottom, other.bottom),
            )
    return tuple(kept)


def _boxes(seen: Detections, role: str, detector: Detector, size_px: tuple[int, int]) -> tuple[Box, ...]:
    width, height = size_px
    return tuple(
        _clipped(x0 / width, y0 / height, x1 / width, y1 / height)
        for x0, y0, x1, y1 in seen.of_role(role, detector.roles).boxes_px.tolist()
    )


def _clipped(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(*(float(min(1.0, max(0.0, value))) for value in (left, top, right, bottom)))


def _aside(plate: Box, vehicle: Box) -> float:
    """How far a plate is from the middle of a vehicle, in its widths; beyond all where it lies outside."""
    x, y = plate.center
    if not (vehicle.left <= x <= vehicle.right and vehicle.top <= y <= vehicle.bottom):
        return float("inf")
    return abs(x - vehicle.center[0]) / max(vehicle.right - vehicle.left, 1e-9)


def _tiles(width: int, height: int) -> list[Part]:
    """Parts of a picture that overlap each other."""
    wide, high = round(width / TILES * (1 + TILE_OVERLAP)), round(height / TILES * (1 + TILE_OVERLAP))
    lefts = [round(n * (width - wide) / (TILES - 1)) for n in range(TILES)]
    tops = [round(n * (height - high) / (TILES - 1)) for n in range(TILES)]
    return [(left, top, left + wide, top + high) for left in lefts for top in tops]
