"""Who is who on a recorded clip, without labels: it follows from the film itself.

One vehicle is what stays in sight without a break, picture by picture. Two are different where both are in one picture, or
where one of them was seen to drive through the place that the other had at another time: its successor, in the same place,
under the same light, from the same side. Fragments of what stands in one place may be one vehicle: such pairs are left out and
counted.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from detector.following.template import Patch, patch_at
from detector.following.template import similarity as patch_similarity
from detector.following.things import SEED_SCORE
from detector.watching.sightings import sightings_in
from detector.zoning.cameras_file import read_cameras
from detector.zoning.geometry import Box, iou
from evaluation.errors import EvaluationError
from models.detector import Detector

SEED: Final = 1
WIDTH_MIN_PX: Final = 28
"""Below, a car is ten pixels high: nobody could tell two of them apart."""
EVERY_S: Final = 0.07
"""Pictures closer together than this show nothing new."""
NEXT_S: Final = 0.2
NEXT_IOU: Final = 0.35
NEXT_ALIKE: Final = 0.85
"""From one picture to the next: a car that drives keeps this; its successor in a time lapse does not (0.77 at most)."""
PICTURES_MIN: Final = 5
"""Of a vehicle; shorter tracks are flicker of the detector."""
SIGHTINGS: Final = 6
"""Taken from each vehicle, spread over its time in sight."""
SAME_VIEW_IOU: Final = 0.6
MOVED_IOU: Final = 0.3
SUCCESSOR_IOU: Final = 0.45
APART_S: Final = 2.0
"""A driving car whose track breaks is found again within this; later, it is another one."""
PAIRS_PER_VEHICLE: Final = 15
PAIRS_PER_TWO: Final = 4
SCENE_PAIRS_MAX: Final = 2000
_MARGIN: Final = 0.1
"""Of the box, kept around it for boxes that are a little off."""

Picture = NDArray[np.uint8]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Seen:
    """One sighting: the box with a margin around it, `inner` being the box in pixels of that picture."""

    time_s: float
    box: Box
    patch: Patch
    picture: Picture
    inner: tuple[int, int, int, int]

    def crop(self, shift: tuple[float, float, float, float] = (0, 0, 0, 0)) -> Picture:
        """The box, its sides moved by fractions of its size."""
        left, top, right, bottom = self.inner
        wide, high = right - left, bottom - top
        x1, y1 = max(0, round(left + shift[0] * wide)), max(0, round(top + shift[1] * high))
        return self.picture[y1 : round(bottom + shift[3] * high), x1 : round(right + shift[2] * wide)]


@dataclass(eq=False)
class Vehicle:
    """What stayed in sight without a break."""

    clip: int
    seen: list[Seen] = field(default_factory=list)

    @property
    def drove(self) -> bool:
        """It was seen to leave the place that it had at first."""
        return iou(self.seen[0].box, self.seen[-1].box) < MOVED_IOU

    def apart_s(self, other: "Vehicle") -> float:
        """Time between the two, negative where both are in sight."""
        first, second = sorted((self, other), key=lambda one: one.seen[0].time_s)
        return second.seen[0].time_s - first.seen[-1].time_s


@dataclass
class Pairs:
    """Indices of sightings: of one vehicle in one view and after a move; of two in one place and elsewhere."""

    same_view: list[Pair] = field(default_factory=list)
    moved: list[Pair] = field(default_factory=list)
    successor: list[Pair] = field(default_factory=list)
    scene: list[Pair] = field(default_factory=list)
    unknown: int = 0


def link(clip: int, looks: Iterator[list[Seen]]) -> list[Vehicle]:
    """Vehicles of one clip: sightings that follow on one another in place and looks, best first."""
    done: list[Vehicle] = []
    open_: list[Vehicle] = []
    for look in looks:
        now_s = look[0].time_s if look else None
        if now_s is not None:
            done += [vehicle for vehicle in open_ if now_s - vehicle.seen[-1].time_s > NEXT_S]
            open_ = [vehicle for vehicle in open_ if now_s - vehicle.seen[-1].time_s <= NEXT_S]
        ranked = sorted(
            (-near, at, index)
            for at, vehicle in enumerate(open_)
            for index, seen in enumerate(look)
            if (near := iou(vehicle.seen[-1].box, seen.box)) >= NEXT_IOU
            and patch_similarity(vehicle.seen[-1].patch, seen.patch) >= NEXT_ALIKE
        )
        continued: set[int] = set()
        taken: set[int] = set()
        for _, at, index in ranked:
            if at not in continued and index not in taken:
                open_[at].seen.append(look[index])
                continued.add(at)
                taken.add(index)
        open_ += [Vehicle(clip, [seen]) for index, seen in enumerate(look) if index not in taken]
    return [vehicle for vehicle in (*done, *open_) if len(vehicle.seen) >= PICTURES_MIN]


def pair_up(vehicles: Sequence[Vehicle], sightings: Sequence[tuple[int, Seen]]) -> Pairs:
    """Pairs whose answer the film gives, a bounded number of each two vehicles, the same at every call."""
    found = Pairs()
    for (i, (a, one)), (j, (b, other)) in combinations(enumerate(sightings), 2):
        overlap = iou(one.box, other.box)
        if a == b:
            if overlap >= SAME_VIEW_IOU:
                found.same_view.append((i, j))
            elif overlap < MOVED_IOU:
                found.moved.append((i, j))
        elif vehicles[a].clip != vehicles[b].clip or vehicles[a].apart_s(vehicles[b]) < 0:
            found.scene.append((i, j))
        elif vehicles[a].apart_s(vehicles[b]) < APART_S or not (vehicles[a].drove or vehicles[b].drove):
            found.unknown += 1
        elif overlap >= SUCCESSOR_IOU:
            found.successor.append((i, j))
    random = np.random.default_rng(SEED)
    for name, each in (("same_view", PAIRS_PER_VEHICLE), ("moved", PAIRS_PER_VEHICLE), ("successor", PAIRS_PER_TWO)):
        setattr(found, name, _capped(getattr(found, name), sightings, each, random))
    scene = _capped(found.scene, sightings, 1, random)
    found.scene = [scene[at] for at in sorted(random.permutation(len(scene))[:SCENE_PAIRS_MAX])]
    return found


def _capped(
    pairs: Sequence[Pair], sightings: Sequence[tuple[int, Seen]], each: int, random: np.random.Generator
) -> list[Pair]:
    groups: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for i, j in pairs:
        groups[sightings[i][0], sightings[j][0]].append((i, j))
    return [group[at] for group in groups.values() for at in sorted(random.permutation(len(group))[:each])]


def spread(vehicle: Vehicle) -> list[int]:
    """Indices of a bounded number of its sightings, over all its time in sight."""
    return sorted({round(at) for at in np.linspace(0, len(vehicle.seen) - 1, SIGHTINGS)})


def clips_of(path: Path) -> list[Path]:
    """The clip itself, or those of a cameras file.

    Raises:
        EvaluationError: a camera is live.
    """
    if path.suffix not in {".yaml", ".yml"}:
        return [path]
    cameras = read_cameras(path)
    live = [camera.id for camera in cameras if camera.address.live]
    if live:
        raise EvaluationError(f"{path}: camera {live[0]!r} is live; recorded clips are expected")
    return [Path(str(camera.address)) for camera in cameras]


def looks_at(clip: Path, detector: Detector) -> Iterator[list[Seen]]:
    """What the detector sees of vehicles in every picture."""
    try:
        with av.open(str(clip)) as container:
            due_s = -np.inf
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= due_s:
                    due_s = frame.time + EVERY_S
                    picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                    yield _vehicles_in(picture, float(frame.time), detector)
    except (av.FFmpegError, OSError) as error:
        raise EvaluationError(f"{clip}: cannot be decoded: {error}") from None


def _vehicles_in(picture: Picture, time_s: float, detector: Detector) -> list[Seen]:
    height, width = picture.shape[:2]
    detections = detector.detect(picture, detector.plan(width, height), score_min=SEED_SCORE)
    boxes = [it for it in sightings_in(detections, (width, height), detector.roles) if it.role == "vehicle"]
    luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    found = []
    for sighting in boxes:
        box = sighting.box
        left, top, right, bottom = (
            round(side * size) for side, size in zip(box, (width, height, width, height), strict=True)
        )
        if right - left >= WIDTH_MIN_PX and bottom - top >= WIDTH_MIN_PX // 2:
            x, y = max(0, left - round(_MARGIN * (right - left))), max(0, top - round(_MARGIN * (bottom - top)))
            cut = picture[y : bottom + (top - y), x : right + (left - x)].copy()
            found.append(Seen(time_s, box, patch_at(luma, box), cut, (left - x, top - y, right - x, bottom - y)))
    return found
