"""Traffic around a standing vehicle: does it stand in a queue, and do others drive around it?

A queue is told by how it came about: several vehicles close behind one another, each within seconds of the next. That needs no
motion, so a glance every other second is enough. What stands in the way of others is told by their paths, from look-back.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import shapely

from detector.following.flow import Flow
from detector.following.tracking import Tracked
from detector.rules.signs import Passing, Traffic
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone

GAP_MAX = 1.0
"""Gap between two vehicles of a file, in lengths of a vehicle: at a light they stop 2 to 3 m apart, seldom more than 5."""
AREA_RATIO_MAX = 6.0
"""A bus covers three times as much of the picture as the car behind it, and the one further away is smaller."""
WAVE_S = 15.0
"""Vehicles of one wave stop this soon after the one ahead: as they arrive at a light, two seconds apart in dense traffic, and
ten and more in thin one. Patrol notices an arrival up to 2.5 s late."""
BEYOND = 1.0
"""Along its way, a vehicle is behind or ahead of another one from this distance on: one box, so that the two do not overlap."""
REACH = 3.0
"""And it is of interest up to this one: further off, the lanes of a picture run together."""
SAME_STOP = 0.5
"""Boxes between two stops on one spot: drivers hit the line to a metre or two."""
BESIDE_MAX = 2.0
"""Lateral distance, in boxes, up to which it drives close along the other: a lane and a half."""
OWN_LANE = 0.35
"""Lateral distance up to which two are in one lane. The next lane is 1.9 widths of a car away when it is seen from behind, and
half a height when it is seen from the side, from 10° above."""
SWERVE = 0.25
"""It must have been this much further to the side while it passed: who drives straight on stays in a lane of its own."""
JUMP = 2.5
"""Boxes between two pictures of a track: 10 m in a quarter of a second; it has gone over to another vehicle."""
MARGIN = 1.0
"""Boxes between its way and the zone, at most: who swerves may leave a narrow zone, but not for the road beyond."""
CREEP = 0.1
"""Boxes that it must move from picture to picture as it passes."""
STEPS_MIN = 2
DRIVES = 1.0
"""Boxes of its own that it must get on in all: the box of one that stands trembles by a tenth."""

Point = tuple[float, float]


class Standing(NamedTuple):
    """A vehicle at rest."""

    box: Box
    since_s: float | None
    """First look at it in this place, in media time; None if it was there when watching began: nobody knows how it came."""

    def shifted(self, dx: float, dy: float) -> "Standing":
        """Moved to the right and down."""
        return Standing(self.box.shifted(dx, dy), self.since_s)


def traffic_around(vehicles: Sequence[Standing], flow: Flow, stops: Sequence[Box] = ()) -> list[Traffic]:
    """How the vehicles around each of several stand.

    Args:
        vehicles: All that are at rest, and those of a file that have only just driven off.
        flow: Where others drove.
        stops: Where others stopped before, and soon drove on.
    """
    count = len(vehicles)
    neighbours = [0] * count
    leader = [*range(count)]  # of the file that each belongs to
    for (i, a), (j, b) in combinations(enumerate(vehicles), 2):
        if not _close(a.box, b.box):
            continue
        neighbours[i] += 1
        neighbours[j] += 1
        if leader[i] != leader[j] and _apart_s(a, b) <= WAVE_S:
            old, new = leader[j], leader[i]
            leader = [new if it == old else it for it in leader]
    files: dict[int, list[Standing]] = defaultdict(list)
    for index, vehicle in zip(leader, vehicles, strict=True):
        files[index].append(vehicle)
    stopped = {index: max(_stopped_at(it.box, stops) for it in file) for index, file in files.items()}
    driven = {index: max(flow.here(it.box) for it in file) for index, file in files.items()}
    return [
        Traffic(
            in_file=0 if flow.beside_it_only(vehicle.box) else len(files[index]) - 1,
            neighbours=near,
            stops=stopped[index],
            driven=driven[index],
        )
        for vehicle, index, near in zip(vehicles, leader, neighbours, strict=True)
    ]


def passed_by(rows: Iterable[tuple[float, Sequence[Tracked]]], anchor: Box, zone: Zone) -> Passing:
    """Which vehicles drove around a standing one, past it and back into its lane, and which drove by at all.

    Who merely drives by, in the next lane, the other direction or across, does so beside every queue at a red light as well.
    A track that stands in the end, as one that joins the queue, is neither; one that jumps is taken for several.

    Args:
        rows: Tracks of vehicles alone, picture by picture, as `tracking.tracked` gives them.
        anchor: Where the standing vehicle is.
        zone: The zone that it stands in.
    """
    tracks: dict[int, list[Box]] = defaultdict(list)
    for _, row in rows:
        for entry in row:
            tracks[entry.track].append(entry.box)
    driven = [path for path in tracks.values() if _drives(path)]
    around = sum(any(_around(piece, anchor, zone) for piece in _unbroken(path, anchor)) for path in driven)
    return Passing(around=around, by=len(driven))


def _stopped_at(box: Box, stops: Sequence[Box]) -> int:
    return sum(_close_in_size(box, stop) and _moved(box, stop) <= SAME_STOP for stop in stops)


def _apart_s(a: Standing, b: Standing) -> float:
    return math.inf if a.since_s is None or b.since_s is None else abs(a.since_s - b.since_s)


def _close(a: Box, b: Box) -> bool:
    """True when no more than a vehicle's length lies between two: of a length in the picture, whichever way it faces."""
    if not _close_in_size(a, b):
        return False
    wide, high = (a.right - a.left + b.right - b.left) / 2, (a.bottom - a.top + b.bottom - b.top) / 2
    gap_x = max(0.0, a.left - b.right, b.left - a.right) / wide
    gap_y = max(0.0, a.top - b.bottom, b.top - a.bottom) / high
    return math.hypot(gap_x, gap_y) <= GAP_MAX


def _close_in_size(a: Box, b: Box) -> bool:
    return 1 / AREA_RATIO_MAX <= a.area / max(b.area, 1e-9) <= AREA_RATIO_MAX


def _drives(path: Sequence[Box]) -> bool:
    """True for what gets on, and still does where it was last seen."""
    if len(path) < STEPS_MIN:
        return False
    first, before, last = path[0], path[-2], path[-1]
    return _moved(first, last) >= DRIVES and _moved(before, last) >= CREEP and _moved(first, path[1]) >= CREEP


def _moved(a: Box, b: Box) -> float:
    """How far apart two places of one vehicle are, in its boxes."""
    (x0, y0), (x1, y1) = a.ground_contact, b.ground_contact
    wide, high = (a.right - a.left + b.right - b.left) / 2, (a.bottom - a.top + b.bottom - b.top) / 2
    return math.hypot((x1 - x0) / wide, (y1 - y0) / high)


def _unbroken(path: Sequence[Box], anchor: Box) -> Iterator[list[Point]]:
    """The parts of a path between its jumps. The standing vehicle's ground contact is 0, its box is 1 wide and 1 high."""
    x, y = anchor.ground_contact
    wide, high = anchor.right - anchor.left, anchor.bottom - anchor.top
    contacts = (box.ground_contact for box in path)
    places = [((at_x - x) / wide, (at_y - y) / high) for at_x, at_y in contacts]
    start = 0
    for index, (a, b) in enumerate(pairwise(places), 1):
        if math.dist(a, b) > JUMP:
            yield places[start:index]
            start = index
    yield places[start:]


def _around(path: Sequence[Point], anchor: Box, zone: Zone) -> bool:
    """True when a path leads around the standing vehicle: past it, and back into its lane."""
    nearest = min(range(len(path)), key=lambda index: math.hypot(*path[index]))
    before, after = path[max(0, nearest - 1)], path[min(len(path) - 1, nearest + 1)]
    moved = math.dist(before, after)
    if moved < CREEP:
        return False
    way = (after[0] - before[0]) / moved, (after[1] - before[1]) / moved
    along = [x * way[0] + y * way[1] for x, y in path]
    beside = [abs(x * way[1] - y * way[0]) for x, y in path]
    if (
        min(along[: nearest + 1]) > -BEYOND
        or beside[nearest] > BESIDE_MAX
        or _off(path[nearest], anchor, zone) > MARGIN
    ):
        return False
    back = [
        side
        for ahead, side in zip(along[nearest:], beside[nearest:], strict=True)
        if BEYOND <= ahead <= REACH and side <= OWN_LANE
    ]
    return bool(back) and beside[nearest] >= min(back) + SWERVE


def _off(place: Point, anchor: Box, zone: Zone) -> float:
    """How far a place is from the zone, in boxes."""
    x, y = anchor.ground_contact
    wide, high = anchor.right - anchor.left, anchor.bottom - anchor.top
    corners = [((at_x - x) / wide, (at_y - y) / high) for at_x, at_y in zone.polygon]
    return shapely.Polygon(corners).distance(shapely.Point(place))
