"""Which parts of which pictures are made unrecognisable: sightings are joined to paths, and gaps in a path are filled. Pure.

A detector misses somebody in one picture out of many, and that one picture would be enough. So whoever was seen before and
after is covered in between as well, and for a moment before the first and after the last sighting. Rather too much is
covered than too little.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from detector.zoning.geometry import Box, iou

GAP_S = 1.0
"""Somebody who was missed for longer has mostly gone, or stands behind something; where they were is covered for `HOLD_S`."""
HOLD_S = 0.4
"""Before the first sighting and after the last: whoever comes in at the edge is seen late."""
REACH = 0.5
"""Boxes are grown by this share on each side to find the same one in the next picture: a walker moves by a tenth of their
width from one to the next at 25 pictures per second, and by half of it after a gap."""
JOIN_IOU = 0.15
"""Of the grown boxes."""
MARGIN = 0.1
"""A box is covered with this margin on each side: detectors cut off hair, hands and bags."""
UNSEEN_MARGIN = 0.25
"""Where nobody was seen, and the box is a guess."""
SUBJECT_IOU = 0.5
"""A path that mostly lies this close to the subject's is the subject's."""
SUBJECT_HERE_IOU = 0.3
"""In each single picture it must be this close as well: a path can go over from one person to another."""


@dataclass(slots=True)
class Path:
    """One person or plate through the pictures: box by index of the picture."""

    boxes: dict[int, Box] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The newest picture that it was seen in."""
        return max(self.boxes)


@dataclass(frozen=True, slots=True)
class Cover:
    """What is covered.

    Attributes:
        boxes: For each picture.
        paths: How many people or plates.
        seen: Boxes that the detector saw.
        filled: Boxes that were filled in.
        kept: Boxes that were left, since they are the subject's.
    """

    boxes: tuple[tuple[Box, ...], ...]
    paths: int
    seen: int
    filled: int
    kept: int


def cover(
    sightings: Sequence[Sequence[Box]],
    times_s: Sequence[float],
    subject: Callable[[float], Box | None] = lambda _: None,
) -> Cover:
    """Decides what is covered.

    Args:
        sightings: For each picture what was seen in it, in fractions of the frame.
        times_s: When each picture is, rising.
        subject: Where the one is at a moment who is not covered; None where nobody is.
    """
    paths = joined(sightings, times_s)
    rows: list[list[Box]] = [[] for _ in sightings]
    counted = seen = filled = kept = 0
    for path in paths:
        near = {index: _nearness(box, subject(times_s[index])) for index, box in path.boxes.items()}
        is_subject = sum(value >= SUBJECT_IOU for value in near.values()) * 2 > len(near)
        own = [index for index, value in near.items() if is_subject and value >= SUBJECT_HERE_IOU]
        for index, box in path.boxes.items():
            if index not in own:
                rows[index].append(box.grown(MARGIN))
        kept += len(own)
        seen += len(path.boxes) - len(own)
        counted += len(own) < len(path.boxes)
        for index, box in _between(path, times_s):
            if is_subject and _nearness(box, subject(times_s[index])) >= SUBJECT_HERE_IOU:
                continue
            rows[index].append(box.grown(UNSEEN_MARGIN))
            filled += 1
    return Cover(tuple(tuple(row) for row in rows), counted, seen, filled, kept)


def joined(sightings: Sequence[Sequence[Box]], times_s: Sequence[float]) -> list[Path]:
    """Joins what is near in place from picture to picture, best overlap first, over gaps of up to `GAP_S`."""
    paths: list[Path] = []
    open_paths: list[Path] = []
    for index, boxes in enumerate(sightings):
        open_paths = [path for path in open_paths if times_s[index] - times_s[path.last] <= GAP_S]
        pairs = sorted(
            (
                (overlap, place, number)
                for place, path in enumerate(open_paths)
                for number, box in enumerate(boxes)
                if (overlap := iou(path.boxes[path.last].grown(REACH), box.grown(REACH))) >= JOIN_IOU
            ),
            reverse=True,
        )
        taken: set[int] = set()
        extended: set[int] = set()
        for _, place, number in pairs:
            if place in extended or number in taken:
                continue
            open_paths[place].boxes[index] = boxes[number]
            extended.add(place)
            taken.add(number)
        fresh = [Path({index: box}) for number, box in enumerate(boxes) if number not in taken]
        paths += fresh
        open_paths += fresh
    return paths


def subject_at(rows: Iterable[tuple[float, Box]], *, gap_s: float = GAP_S) -> Callable[[float], Box | None]:
    """Where the subject is between the moments that are known; nowhere across a longer gap, or beyond the ends.

    Args:
        rows: Times, rising, and boxes.
        gap_s: So far apart two moments may lie to say something of what is between them.
    """
    known = list(rows)

    def at(time_s: float) -> Box | None:
        for (before_s, before), (after_s, after) in pairwise(known):
            if before_s <= time_s <= after_s and after_s - before_s <= gap_s:
                return _mixed(before, after, (time_s - before_s) / max(after_s - before_s, 1e-9))
        return next((box for known_s, box in known if abs(known_s - time_s) <= gap_s / 4), None)

    return at


def _between(path: Path, times_s: Sequence[float]) -> list[tuple[int, Box]]:
    """Boxes of a path where it was not seen: in its gaps, and at both ends."""
    indices = sorted(path.boxes)
    found: list[tuple[int, Box]] = []
    for before, after in pairwise(indices):
        span_s = max(times_s[after] - times_s[before], 1e-9)
        for index in range(before + 1, after):
            share = (times_s[index] - times_s[before]) / span_s
            found.append((index, _mixed(path.boxes[before], path.boxes[after], share)))
    first, last = indices[0], indices[-1]
    found += [
        (index, path.boxes[first]) for index in range(first - 1, -1, -1) if times_s[first] - times_s[index] <= HOLD_S
    ]
    found += [
        (index, path.boxes[last]) for index in range(last + 1, len(times_s)) if times_s[index] - times_s[last] <= HOLD_S
    ]
    return found


def _mixed(one: Box, other: Box, share: float) -> Box:
    return Box(*(a + (b - a) * share for a, b in zip(one, other, strict=True)))


def _nearness(box: Box, subject: Box | None) -> float:
    return 0.0 if subject is None else iou(box, subject)
