"""The ground that a camera sees, in metres: a homography from pairs of points. Pure.

Image points are fractions of the frame (x to the right, y down), ground points metres. A homography knows the ground and
nothing above it; how tall a thing is follows only together with how the camera looks at the ground, which the same homography
tells of a camera with square pixels whose lens points at the middle of the picture.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from detector.zoning.geometry import Box

Point = tuple[float, float]
Matrix = NDArray[np.float64]

PAIRS_MIN, PAIRS_MAX = 4, 30
"""A homography has 8 unknowns, a pair gives 2; more than 30 by hand is a mistake."""
OFF_LINE_MIN = 0.01
"""Three points lie in a line when one is off the line of the others by less than this share of their distance: clicked points
are no better than that."""
ERROR_MAX = 0.02
"""How far a pair may lie from where the homography puts it, in fractions of the frame: 20 px of 1080 lines is several times a
careful click, and about what an uncorrected wide-angle lens bends."""
FAR_MAX = 50.0
"""A point this many times as far from the camera as the pairs are lies at the horizon: a pixel there is metres."""
FOCAL_MIN, FOCAL_MAX = 0.3, 30.0
"""Focal lengths that cameras have, in heights of the picture: from 118° to 2° of view. Beyond, the pairs don't tell it."""
FOCAL_MISFIT_MAX = 0.25
"""The homography says the focal length twice; differing by more than this, it says nothing about heights."""
HEIGHT_MAX_M = 30.0
"""Nothing that stands in a street for a while is taller; beyond, the arithmetic has come too close to the horizon."""
WGS84_A_M, WGS84_E2 = 6_378_137.0, 6.694_379_990_14e-3
"""The ellipsoid of WGS 84: semi-major axis and squared eccentricity."""
ROUNDED = 1e-6
"""A line along the edge of the picture is drawn, whatever the last digits say."""
GRID_STEPS_M = (1.0, 5.0, 25.0)
GRID_LINES_MAX = 60
"""More lines than this can't be told apart in a picture: then the next wider grid is drawn."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where on the map the ground's (0, 0) lies. WGS 84: not the shifted coordinates of Chinese map services (GCJ-02)."""

    latitude: float
    longitude: float
    bearing_deg: float = 0.0
    """Compass direction of the ground's y axis: 0 north, 90 east; x points to the right of it."""


@dataclass(frozen=True)
class _Pose:
    """How a camera looks at the ground; image coordinates centred, in heights of the picture."""

    focal: float
    axes: tuple[tuple[float, ...], ...]
    """Columns of the rotation: the ground's x, y and up, in the camera's coordinates (right, down, forward)."""
    shift: tuple[float, ...]
    aspect: float

    def height_m(self, ground: Point, top_y: float) -> float | None:
        """How far above a ground point the ray to a row of the picture (fraction of the height) passes."""
        right, forward, up = (np.array(axis) for axis in self.axes)
        foot = ground[0] * right + ground[1] * forward + np.array(self.shift)
        row = (top_y - 0.5) / self.focal
        slope = up[1] - row * up[2]
        height_m = float((row * foot[2] - foot[1]) / slope) if abs(slope) > 1e-6 else math.inf  # noqa: PLR2004
        return height_m if 0 < height_m <= HEIGHT_MAX_M else None


@dataclass(frozen=True)
class GroundPlane:
    """A fitted homography; `fit` makes one."""

    to_ground: tuple[tuple[float, float, float], ...]
    """3×3, from (x, y, 1) in fractions of the frame; the third row is 1 at the pairs' mean, and smaller farther away."""
    pairs_m: tuple[Point, ...]
    """The ground points of the pairs."""
    origin: Origin | None = None

    @cached_property
    def _matrix(self) -> Matrix:
        return np.array(self.to_ground)

    @cached_property
    def _inverse(self) -> Matrix:
        inverse: Matrix = np.linalg.inv(self._matrix).astype(np.float64)
        return inverse if inverse[2] @ (*self.pairs_m[0], 1.0) > 0 else -inverse

    def shifted(self, dx: float, dy: float) -> "GroundPlane":
        """The same ground in a view that was moved to the right and down."""
        moved = self._matrix @ np.array([[1.0, 0.0, -dx], [0.0, 1.0, -dy], [0.0, 0.0, 1.0]])
        return replace(self, to_ground=_rows(moved))

    def on_ground(self, point: Point) -> Point | None:
        """Where on the ground a point of the picture lies, in metres; None at the horizon and above it."""
        x, y, w = self._matrix @ (*point, 1.0)
        return (float(x / w), float(y / w)) if w > 1 / FAR_MAX else None

    def in_picture(self, ground: Point) -> Point | None:
        """Where a point of the ground lies, in fractions of the frame, or beside it; None behind the camera."""
        x, y, w = self._inverse @ (*ground, 1.0)
        return (float(x / w), float(y / w)) if w > 0 else None

    def all_on_ground(self, polygon: Sequence[Point]) -> bool:
        """False when the horizon crosses a polygon of the picture, or it lies above."""
        return all(self.on_ground(corner) is not None for corner in polygon)

    def distance_m(self, a: Box, b: Box) -> float | None:
        """Between the ground contacts of two things; None where one lies at the horizon."""
        first, second = self.on_ground(a.ground_contact), self.on_ground(b.ground_contact)
        return math.dist(first, second) if first is not None and second is not None else None

    def speed_m_s(self, a: Box, a_s: float, b: Box, b_s: float) -> float | None:
        """Of a thing seen at two moments of media time; None where it can't be told, or both are one moment."""
        distance_m = self.distance_m(a, b)
        return distance_m / abs(b_s - a_s) if distance_m is not None and a_s != b_s else None

    def width_m(self, box: Box) -> float | None:
        """How far a thing reaches across the view, at its ground contact; None at the horizon."""
        left, right = self.on_ground((box.left, box.bottom)), self.on_ground((box.right, box.bottom))
        return math.dist(left, right) if left is not None and right is not None else None

    def height_m(self, box: Box, aspect: float) -> float | None:
        """Of a thing that stands upright on its ground contact; of one with depth, its far upper edge counts as well.

        Args:
            box: In fractions of the frame.
            aspect: Width of the picture by its height, in square pixels.

        Returns:
            None where it can't be told: at the horizon, looking straight down, or when the pairs don't fit a camera whose lens
            points at the middle of the picture.
        """
        foot, pose = self.on_ground(box.ground_contact), _pose(self, aspect)
        return pose.height_m(foot, box.top) if foot is not None and pose is not None else None

    def camera_height_m(self, aspect: float) -> float | None:
        """How high the camera hangs above the ground: what tells a wrong pair at a glance. None where it can't be told."""
        pose = _pose(self, aspect)
        return None if pose is None else -float(np.dot(pose.axes[2], pose.shift))

    def size_m(self, box: Box, aspect: float) -> float | None:
        """The larger of what is known of width and height; None when nothing is."""
        known = [value for value in (self.width_m(box), self.height_m(box, aspect)) if value is not None]
        return max(known, default=None)

    def widest_m(self, polygon: Sequence[Point]) -> float:
        """Diameter of the largest circle on the ground that fits into a polygon of the picture, all below the horizon."""
        ground = shapely.Polygon([found for corner in polygon if (found := self.on_ground(corner)) is not None])
        return 2 * float(shapely.maximum_inscribed_circle(ground).length)

    def place(self, ground: Point) -> tuple[float, float] | None:
        """Latitude and longitude in degrees (WGS 84) of a ground point; None without an origin. Good for a few kilometres."""
        if self.origin is None:
            return None
        bearing, latitude = math.radians(self.origin.bearing_deg), math.radians(self.origin.latitude)
        east_m = ground[0] * math.cos(bearing) + ground[1] * math.sin(bearing)
        north_m = ground[1] * math.cos(bearing) - ground[0] * math.sin(bearing)
        flat = 1 - WGS84_E2 * math.sin(latitude) ** 2
        meridian_m, parallel_m = WGS84_A_M * (1 - WGS84_E2) / flat**1.5, WGS84_A_M / math.sqrt(flat)
        return (
            self.origin.latitude + math.degrees(north_m / meridian_m),
            self.origin.longitude + math.degrees(east_m / (parallel_m * math.cos(latitude))),
        )

    def grid(self, polygons: Sequence[Sequence[Point]]) -> tuple[float, list[list[Point]]]:
        """Lines on the ground around the pairs and some polygons of the picture, for drawing.

        Returns:
            How far the lines are apart in metres, and each line as points in fractions of the frame.
        """
        corners = [corner for polygon in polygons for corner in polygon]
        ground = [*self.pairs_m, *(found for corner in corners if (found := self.on_ground(corner)) is not None)]
        low, high = np.min(ground, axis=0), np.max(ground, axis=0)
        step = next((step for step in GRID_STEPS_M if (high - low).sum() / step <= GRID_LINES_MAX), GRID_STEPS_M[-1])
        first, last = np.floor(low / step).astype(int), np.ceil(high / step).astype(int)
        lines: list[list[Point]] = []
        for axis in (0, 1):
            across = np.linspace(first[1 - axis] * step, last[1 - axis] * step, 50)
            for number in range(first[axis], last[axis] + 1)[: 2 * GRID_LINES_MAX]:
                ends = ((number * step, other) if axis == 0 else (other, number * step) for other in across)
                lines.append([*self._seen(ends)])
        return step, [line for line in lines if len(line) > 1]

    def _seen(self, ground: Iterator[tuple[float, float]]) -> Iterator[Point]:
        for point in ground:
            x, y = self.in_picture(point) or (-1.0, -1.0)
            if -ROUNDED <= x <= 1 + ROUNDED and -ROUNDED <= y <= 1 + ROUNDED:
                yield x, y


def fit(image: Sequence[Point], ground_m: Sequence[Point], origin: Origin | None = None) -> GroundPlane:
    """The homography of at least 4 pairs, by least squares over the picture, where people click.

    Args:
        image: Points in fractions of the frame.
        ground_m: The same points on the ground, in metres, in the same order.
        origin: Where the ground lies on the map.

    Raises:
        ValueError: The pairs don't give one; the message names the key and what is allowed.
    """
    if len(image) != len(ground_m):
        raise ValueError(f"image, ground_m: hold {len(image)} and {len(ground_m)} points: allowed are pairs")
    if not PAIRS_MIN <= len(image) <= PAIRS_MAX:
        raise ValueError(f"image, ground_m: hold {len(image)} pairs: allowed are {PAIRS_MIN} to {PAIRS_MAX}")
    for key, points in (("image", image), ("ground_m", ground_m)):
        if not _spread(points):
            raise ValueError(
                f"{key}: its points lie in a line, or nearly: allowed are 4 of which no three lie in a line"
            )
    # From the ground into the picture, so that the errors that are made small are those of clicks, near and far alike.
    into_picture, _ = cv2.findHomography(np.array(ground_m, np.float64), np.array(image, np.float64), 0)
    if into_picture is None or abs(np.linalg.det(into_picture)) < 1e-12:  # noqa: PLR2004 - cv2 gives no reason
        raise ValueError(
            "image, ground_m: no homography fits them: allowed are 4 pairs of which no three lie in a line"
        )
    matrix: Matrix = np.linalg.inv(into_picture).astype(np.float64)
    weights = np.column_stack([image, np.ones(len(image))]) @ matrix[2]
    if weights.min() * weights.max() <= 0:
        raise ValueError(
            "image, ground_m: the horizon would run between the points: allowed are pairs in the same order, all on the ground"
        )
    matrix /= weights.mean()
    plane = GroundPlane(_rows(matrix), tuple((float(x), float(y)) for x, y in ground_m), origin)
    _refuse_misfit(plane, image, ground_m)
    if origin is not None and np.linalg.det(matrix) > 0:
        raise ValueError("ground_m: is mirrored: with an origin, allowed is x to the right of y as seen from above")
    return plane


def _refuse_misfit(plane: GroundPlane, image: Sequence[Point], ground_m: Sequence[Point]) -> None:
    errors = [math.dist(at, plane.in_picture(ground) or (2.0, 2.0)) for at, ground in zip(image, ground_m, strict=True)]
    worst = int(np.argmax(errors))
    if errors[worst] > ERROR_MAX:
        raise ValueError(
            f"image, ground_m: pair {worst + 1} lies {errors[worst]:.3f} of the frame from where all of them together put it: "
            f"allowed is {ERROR_MAX:g}"
        )


def _spread(points: Sequence[Point]) -> bool:
    """True when there are 4 points of which no three lie in a line."""
    return any(
        all(not _in_line(*three) for three in itertools.combinations(four, 3))
        for four in itertools.combinations(points, PAIRS_MIN)
    )


@lru_cache(maxsize=4096)
def _in_line(a: Point, b: Point, c: Point) -> bool:
    longest = max(math.dist(a, b), math.dist(b, c), math.dist(a, c))
    twice_area = abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]))
    return twice_area <= OFF_LINE_MIN * longest**2


@lru_cache(maxsize=1024)
def _pose(plane: GroundPlane, aspect: float) -> _Pose | None:
    """How the camera looks at the ground: the two conditions that a rotation's columns fulfil give the focal length.

    R. Hartley and A. Zisserman, Multiple View Geometry, 8.8: image of the absolute conic, with only the focal length unknown.
    """
    centred = np.array([[aspect, 0.0, -aspect / 2], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]]) @ plane._inverse  # noqa: SLF001
    (a1, a2), (b1, b2), (c1, c2) = centred[0, :2], centred[1, :2], centred[2, :2]
    slopes = np.array([a1 * a2 + b1 * b2, (a1**2 + b1**2 - a2**2 - b2**2) / 2])
    rest = np.array([c1 * c2, (c1**2 - c2**2) / 2])
    inverse_square = -float(slopes @ rest) / float(slopes @ slopes) if slopes.any() else 0.0
    if not FOCAL_MAX**-2 <= inverse_square <= FOCAL_MIN**-2:
        return None
    if np.linalg.norm(slopes * inverse_square + rest) > FOCAL_MISFIT_MAX * np.linalg.norm(rest):
        return None
    focal = inverse_square**-0.5
    right, forward, shift = (np.diag([1 / focal, 1 / focal, 1.0]) @ centred).T
    scale = (np.linalg.norm(right) + np.linalg.norm(forward)) / 2
    right, forward, shift = right / scale, forward / scale, shift / scale
    up = np.cross(right, forward)
    if shift @ up > 0:  # the camera, at -R'·shift, is above the ground
        up = -up
    return _Pose(focal, tuple(tuple(axis.tolist()) for axis in (right, forward, up)), tuple(shift.tolist()), aspect)


def _rows(matrix: Matrix) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(a), float(b), float(c)) for a, b, c in matrix)
