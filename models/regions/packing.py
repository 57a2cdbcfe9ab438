"""Where parts of pictures go in the inputs of a detector: as few inputs as possible, then as large as possible.

Pure: sizes in, places out. The rectangles are packed by `rectpack` (maximal rectangles, best short side fit: Jylänki 2010,
"A Thousand Ways to Pack the Bin").
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product

import rectpack

from models.errors import ModelError
from models.regions.rects import Rect

GUTTER_PX = 16
"""Grey between two tiles of an input: half a cell of the coarsest grid, so that no box has reason to span two scenes."""
JOINED_AREA_MAX = 1.0
"""Two rectangles of a camera become one when that takes no more area than both: fewer edges to cut things at."""
STEPS = 12
"""Halvings of the search for the scale: a 4096th of the way between the two ends is less than a pixel of an input."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of one camera's picture that must be seen.

    Attributes:
        camera: whose picture.
        source_px: width and height of that picture in pixels.
        rect: the part, in its pixels.
        scale_min: of the input to the picture, when the whole picture is looked at; a region is never seen smaller.
    """

    camera: str
    source_px: tuple[int, int]
    rect: Rect
    scale_min: float

    def __post_init__(self) -> None:
        width, height = self.source_px
        inside = 0 <= self.rect.left < self.rect.right <= width and 0 <= self.rect.top < self.rect.bottom <= height
        if not inside:
            raise ModelError(f"region of {self.camera}: {tuple(self.rect)} px lies not within {width}x{height} px")
        if self.scale_min <= 0:
            raise ModelError(f"region of {self.camera}: scale_min {self.scale_min:g}: allowed is more than 0")


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture in its place.

    Attributes:
        region: what it shows; its rectangle may have grown where an input had room.
        canvas: index of the input.
        place: in pixels of that input.
    """

    region: Region
    canvas: int
    place: Rect

    @property
    def scale(self) -> float:
        """Of the input to the source; pixels are whole, so that width and height may differ by a part of one."""
        return math.sqrt(self.place.area / self.region.rect.area)


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """Which part of which picture goes where.

    Attributes:
        canvases: width and height of each input in pixels.
        tiles: all parts that found a place.
        unplaced: those that did not: too large for an input even at their least scale, or in a picture so small that the
            whole of it is enlarged.
    """

    canvases: tuple[tuple[int, int], ...]
    tiles: tuple[Tile, ...]
    unplaced: tuple[Region, ...]

    @property
    def area_px(self) -> int:
        """What is looked at, in square pixels of inputs: the cost follows it."""
        return sum(width * height for width, height in self.canvases)

    @property
    def gain(self) -> float:
        """How much larger than in the whole picture the least favoured part is seen; 1 when there is none."""
        return min((tile.scale / tile.region.scale_min for tile in self.tiles), default=1.0)

    def tiles_of(self, canvas: int) -> tuple[Tile, ...]:
        """Those in one input."""
        return tuple(tile for tile in self.tiles if tile.canvas == canvas)


def plan_regions(regions: Sequence[Region], canvas_px: tuple[int, int], *, stride_px: int | None = None) -> RegionPlan:
    """Packs regions into as few inputs as possible, at the largest scale that takes no more of them.

    No region is enlarged, and none is seen smaller than in the whole picture. Between the two every region goes the same
    part of its way, so that cameras of different resolution gain alike.

    Args:
        regions: of any number of cameras.
        canvas_px: width and height of an input.
        stride_px: inputs may be smaller, by multiples of this; None: they have the one size.

    Returns:
        The plan; a region is in its tiles, joined with others of the same picture or not, or in `unplaced`.

    Examples:
        >>> far = Region("a", (1920, 1080), Rect(900, 300, 1100, 400), scale_min=1 / 3)
        >>> plan = plan_regions([far], (640, 384), stride_px=32)
        >>> plan.canvases, plan.tiles[0].scale, round(plan.gain, 6)
        (((224, 128),), 1.0, 3.0)

    Raises:
        ModelError: a size is not positive, or the input's no multiple of the stride.
    """
    _check(canvas_px, stride_px)
    small = [region for region in regions if region.scale_min > 1]
    parts = _joined([region for region in regions if region.scale_min <= 1])
    least = [_size(part, 0.0) for part in parts]
    fits = [width <= canvas_px[0] and height <= canvas_px[1] for width, height in least]
    small += [part for part, fit in zip(parts, fits, strict=True) if not fit]
    parts = [part for part, fit in zip(parts, fits, strict=True) if fit]
    if not parts:
        return RegionPlan((), (), tuple(small))
    places, share = _largest(parts, canvas_px)
    if stride_px is not None and max(canvas for canvas, _ in places) == 0:
        canvas_px, places = _tightest(parts, share, canvas_px, stride_px, places)
    count = 1 + max(canvas for canvas, _ in places)
    tiles = [Tile(part, canvas, place) for part, (canvas, place) in zip(parts, places, strict=True)]
    canvases = [_trimmed([t for t in tiles if t.canvas == index], canvas_px, stride_px) for index in range(count)]
    return RegionPlan(tuple(canvases), tuple(_filled(tiles, canvases)), tuple(small))


def _check(canvas_px: tuple[int, int], stride_px: int | None) -> None:
    if min(canvas_px) < 1 or (stride_px is not None and stride_px < 1):
        raise ModelError(f"regions: input of {canvas_px[0]}x{canvas_px[1]} px: allowed is 1 px and more")
    if stride_px is not None and any(side % stride_px for side in canvas_px):
        raise ModelError(
            f"regions: input of {canvas_px[0]}x{canvas_px[1]} px is no multiple of the stride, {stride_px} px"
        )


def _joined(regions: Sequence[Region]) -> list[Region]:
    """Regions of one picture that are better looked at as one, until none is left."""

    def picture(region: Region) -> tuple[str, tuple[int, int], float]:
        return region.camera, region.source_px, region.scale_min

    joined: list[Region] = []
    for (camera, source_px, scale_min), group in groupby(sorted(regions, key=picture), key=picture):
        rects = _joined_rects([region.rect for region in group])
        joined += [Region(camera, source_px, rect, scale_min) for rect in rects]
    return joined


def _joined_rects(rects: list[Rect]) -> list[Rect]:
    for index, one in enumerate(rects):
        for other_index in range(index + 1, len(rects)):
            both = one.around(rects[other_index])
            if both.area <= JOINED_AREA_MAX * (one.area + rects[other_index].area):
                rest = [rect for at, rect in enumerate(rects) if at not in (index, other_index)]
                return _joined_rects([*rest, both])
    return rects


def _size(region: Region, share: float) -> tuple[int, int]:
    """In an input; `share` 0 is the least scale, 1 the picture's own."""
    scale = region.scale_min ** (1 - share)
    return max(1, round(region.rect.width * scale)), max(1, round(region.rect.height * scale))


_Places = list[tuple[int, Rect]]
"""Index of the input and place in it, in the order of the regions."""


def _largest(parts: Sequence[Region], canvas_px: tuple[int, int]) -> tuple[_Places, float]:
    """Places at the largest share of the way to the picture's own scale that takes as many inputs as the least does."""
    best = _packed([_size(part, 0.0) for part in parts], canvas_px, count_max=len(parts))
    assert best is not None  # noqa: S101 - each fits an input of its own
    count = 1 + max(canvas for canvas, _ in best)
    best_share, low, high = 0.0, 0.0, 1.0
    share = 1.0
    for _ in range(STEPS):
        found = _packed([_size(part, share) for part in parts], canvas_px, count_max=count)
        if found is None:
            high = share
        else:
            best, best_share, low = found, share, share
            if share == 1.0:
                break
        share = (low + high) / 2
    return best, best_share


def _tightest(
    parts: Sequence[Region], share: float, canvas_px: tuple[int, int], stride_px: int, places: _Places
) -> tuple[tuple[int, int], _Places]:
    """The smallest single input that still takes everything at this scale."""
    sizes = [_size(part, share) for part in parts]
    needed = sum(width * height for width, height in sizes)
    for size_px in sorted(_sizes_up_to(canvas_px, stride_px), key=lambda size: (size[0] * size[1], size)):
        found = _packed(sizes, size_px, count_max=1) if size_px[0] * size_px[1] >= needed else None
        if found is not None:
            return size_px, found
    return canvas_px, places


def _sizes_up_to(canvas_px: tuple[int, int], stride_px: int) -> Iterator[tuple[int, int]]:
    widths, heights = (range(stride_px, side + 1, stride_px) for side in canvas_px)
    return product(widths, heights)


def _packed(sizes: Sequence[tuple[int, int]], canvas_px: tuple[int, int], *, count_max: int) -> _Places | None:
    """A place for every size, or None when they do not fit into so many inputs."""
    packer = rectpack.newPacker(rotation=False)
    # A gutter on the right and below each; the last one of a row may lie outside of the input.
    packer.add_bin(canvas_px[0] + GUTTER_PX, canvas_px[1] + GUTTER_PX, count=count_max)
    for index, (width, height) in enumerate(sizes):
        packer.add_rect(width + GUTTER_PX, height + GUTTER_PX, rid=index)
    packer.pack()
    places: dict[int, tuple[int, Rect]] = {}
    for canvas, x, y, _, _, index in packer.rect_list():
        width, height = sizes[index]
        places[index] = canvas, Rect(x, y, x + width, y + height)
    return [places[index] for index in range(len(sizes))] if len(places) == len(sizes) else None


def _trimmed(tiles: Sequence[Tile], canvas_px: tuple[int, int], stride_px: int | None) -> tuple[int, int]:
    """The input without what nothing lies in."""
    if stride_px is None:
        return canvas_px
    right, bottom = max(tile.place.right for tile in tiles), max(tile.place.bottom for tile in tiles)
    return math.ceil(right / stride_px) * stride_px, math.ceil(bottom / stride_px) * stride_px


def _filled(tiles: Sequence[Tile], canvases: Sequence[tuple[int, int]]) -> Iterator[Tile]:
    """A tile that has an input to itself shows its surroundings instead of grey: context that costs nothing."""
    for tile in tiles:
        alone = sum(other.canvas == tile.canvas for other in tiles) == 1
        yield _grown(tile, canvases[tile.canvas]) if alone else tile


def _grown(tile: Tile, canvas_px: tuple[int, int]) -> Tile:
    region, rect = tile.region, tile.region.rect
    left, right = _stretched(rect.left, rect.right, region.source_px[0], canvas_px[0] * rect.width // tile.place.width)
    top, bottom = _stretched(
        rect.top, rect.bottom, region.source_px[1], canvas_px[1] * rect.height // tile.place.height
    )
    grown = Rect(left, top, right, bottom)
    width = min(canvas_px[0], round(grown.width * tile.place.width / rect.width))
    height = min(canvas_px[1], round(grown.height * tile.place.height / rect.height))
    return Tile(
        Region(region.camera, region.source_px, grown, region.scale_min), tile.canvas, Rect(0, 0, width, height)
    )


def _stretched(start: int, end: int, limit: int, length: int) -> tuple[int, int]:
    """Both ends moved apart to a length, evenly as far as the picture allows."""
    length = min(limit, max(length, end - start))
    start = min(max(0, start - (length - (end - start)) // 2), limit - length)
    return start, start + length
