"""What all formats have in common: things with a category, seen in boxes on numbered pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from detector.zoning.geometry import Box


@dataclass(frozen=True)
class Sighting:
    """Where a thing is on one picture, counted from 0; the box is in fractions of the frame."""

    frame: int
    box: Box


@dataclass(frozen=True)
class Event:
    """One thing or activity, over time.

    Attributes:
        id: as the format has it; unique among the events of a clip.
        category: as the format has it.
        first: the first picture of it, counted from 0.
        last: the last picture of it.
        sightings: rising by picture; empty where a format has no boxes.
        zone: the zone that it names, if it names one.
        score: 0 to 1; None for truth.
    """

    id: str
    category: str
    first: int
    last: int
    sightings: tuple[Sighting, ...]
    zone: str | None = None
    score: float | None = None

    @property
    def stride(self) -> int:
        """The longest step between two sightings, in pictures; 1 if every picture was looked at.

        >>> boxes = tuple(Sighting(frame, Box(0, 0, 1, 1)) for frame in (0, 5, 10))
        >>> Event("1", "van", 0, 10, boxes).stride
        5
        """
        frames = [sighting.frame for sighting in self.sightings]
        return max((b - a for a, b in pairwise(frames)), default=1)


@dataclass(frozen=True)
class Annotations:
    """What a file says about one clip.

    Attributes:
        events: in the order of their first picture.
        problems: what was left out: a line for each reason, with a count.
    """

    events: tuple[Event, ...]
    problems: tuple[str, ...] = ()


def events_of(
    sightings: Iterable[tuple[str, str, Sighting]],
    scores: dict[str, float] | None = None,
    zones: dict[str, str] | None = None,
) -> tuple[Event, ...]:
    """Gather sightings into events.

    Args:
        sightings: id, category and sighting; in any order. Of two on one picture the later counts.
        scores: by id.
        zones: by id.
    """
    frames: dict[tuple[str, str], dict[int, Sighting]] = {}
    for name, category, sighting in sightings:
        frames.setdefault((name, category), {})[sighting.frame] = sighting
    used = Counter(name for name, _ in frames)
    events = []
    for (name, category), seen in frames.items():
        ordered = tuple(seen[frame] for frame in sorted(seen))
        events.append(
            Event(
                id=name if used[name] == 1 else f"{name}/{category}",  # one number for two things: they stay apart
                category=category,
                first=ordered[0].frame,
                last=ordered[-1].frame,
                sightings=ordered,
                zone=(zones or {}).get(name),
                score=(scores or {}).get(name),
            )
        )
    return tuple(sorted(events, key=lambda event: (event.first, event.id)))


def counted(reasons: Counter[str]) -> tuple[str, ...]:
    """A line for each reason, with how often it came."""
    return tuple(f"{reason}: {count} left out" for reason, count in reasons.items())


def box_of(left: float, top: float, right: float, bottom: float, size_px: tuple[int, int]) -> Box | None:
    """A box of pixels in fractions, cut to the frame; None if nothing of it lies in the frame.

    >>> box_of(-10, 0, 50, 50, (100, 100))
    Box(left=0.0, top=0.0, right=0.5, bottom=0.5)
    """
    width, height = size_px
    box = Box(*(min(1.0, max(0.0, value)) for value in (left / width, top / height, right / width, bottom / height)))
    return box if box.left < box.right and box.top < box.bottom else None


def pixels_of(box: Box, size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box in whole pixels, xyxy; at least one pixel wide and high.

    >>> pixels_of(Box(0.1, 0.2, 0.3, 0.4), (1000, 500))
    (100, 100, 300, 200)
    """
    width, height = size_px
    left, top = round(box.left * width), round(box.top * height)
    return left, top, max(left + 1, round(box.right * width)), max(top + 1, round(box.bottom * height))
