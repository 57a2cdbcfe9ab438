"""Who put a thing down: found in the tracks of the seconds around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.following.tracking import Tracked
from detector.rules.signs import Actor
from detector.zoning.geometry import Box, overlap

REACH = 0.25
"""Somebody reaches so far beyond the box, in its own width and height: an outstretched arm, a step back."""
REACH_MIN = 0.01
"""And at least so much of the frame."""
AT_ONSET_S = 2.5
"""The onset is known to a second or so: what lies under a stooping body shows when that rises."""
LEFT_HEIGHTS = 0.6
"""Whose feet are further away than this, in own heights, has left."""
STANDS = 0.1
"""Who has moved by less than this part of the frame before and after was there anyway."""
WENT_MIN = 0.02
"""Way in fractions of the frame from which its direction is told."""
GREW = 1.25
"""Who became so much taller came towards the camera; the inverse went away."""
EDGE = 0.01
"""Part of the frame along its edge; what reaches into it is cut."""
RANK = {"person": 0, "two_wheeler": 1, "vehicle": 2}
"""Of several who were there, people put things down; a vehicle does where nobody gets off."""


@dataclass(frozen=True, slots=True)
class _Path:
    role: str
    class_name: str
    steps: tuple[tuple[float, Box], ...]


def who_put_it(
    rows: Sequence[tuple[float, Sequence[Tracked]]], anchor: Box, onset_s: float, roles: Mapping[str, str]
) -> Actor | None:
    """The person, two-wheeler or vehicle that a thing came from; None where nobody was near.

    Args:
        rows: Tracks picture by picture, as `tracking.tracked` gives them, from some seconds before the onset on.
        anchor: Where the thing lies, in fractions of the frame.
        onset_s: When it was put down, in media time.
        roles: Class name to role.
    """
    candidates = []
    for path in _paths(rows, roles):
        near = [(time_s, box) for time_s, box in path.steps if _reaches(box, anchor)]
        at = min(near, key=lambda step: abs(step[0] - onset_s), default=None)
        if at is None or abs(at[0] - onset_s) > AT_ONSET_S:
            continue
        moved = max(_way(at[1], box) for _, box in path.steps)
        if moved < STANDS * _height(at[1]):
            # A lamp post that passes for a person, or a parked car: it neither came nor went.
            continue
        candidates.append((RANK[path.role], abs(at[0] - onset_s), _gap(at[1], anchor), path, at))
    if not candidates:
        return None
    *_, path, (seen_s, box) = min(candidates, key=lambda it: (it[0], round(it[1], 1), it[2]))
    left_s = _left_s(path, anchor, seen_s)
    # A track that ends while the pictures go on: whoever it was is no longer there, if he was on the way.
    ended_s = path.steps[-1][0]
    if left_s is None and rows and rows[-1][0] - ended_s > 1.0 and not _reaches(path.steps[-1][1], anchor):
        left_s = ended_s
    return Actor(path.role, path.class_name, box, seen_s, left_s, _went(path, seen_s))


def _paths(rows: Sequence[tuple[float, Sequence[Tracked]]], roles: Mapping[str, str]) -> list[_Path]:
    steps: dict[int, list[tuple[float, Box]]] = {}
    names: dict[int, list[str]] = {}
    for time_s, row in rows:
        for entry in row:
            if roles.get(entry.class_name) in RANK:
                steps.setdefault(entry.track, []).append((time_s, entry.box))
                names.setdefault(entry.track, []).append(entry.class_name)
    paths = []
    for track, way in steps.items():
        name = max(set(names[track]), key=lambda it: (names[track].count(it), it))
        paths.append(_Path(roles[name], name, tuple(way)))
    return paths


def _reaches(box: Box, anchor: Box) -> bool:
    dx, dy = max(REACH_MIN, REACH * (box.right - box.left)), max(REACH_MIN, REACH * 0.4 * _height(box))
    # A thing that lies deeper in the picture than the feet may be behind somebody; it must still be at his legs.
    legs = Box(box.left - dx, box.top + 0.3 * _height(box), box.right + dx, box.bottom + dy)
    return overlap(legs, anchor) > 0


def _gap(box: Box, anchor: Box) -> float:
    (x, y), (ax, ay) = box.ground_contact, anchor.ground_contact
    return abs(x - ax) + abs(y - ay)


def _way(a: Box, b: Box) -> float:
    (ax, ay), (bx, by) = a.ground_contact, b.ground_contact
    return max(abs(ax - bx), abs(ay - by))


def _left_s(path: _Path, anchor: Box, seen_s: float) -> float | None:
    """The first moment from which on it was always further away."""
    left_s: float | None = None
    for time_s, box in path.steps:
        if time_s <= seen_s:
            continue
        x, y = box.ground_contact
        aside = max(anchor.left - x, x - anchor.right, anchor.top - y, y - anchor.bottom)
        if aside <= LEFT_HEIGHTS * _height(box):
            left_s = None
        elif left_s is None:
            left_s = time_s
    return left_s


def _went(path: _Path, seen_s: float) -> str | None:
    after = [box for time_s, box in path.steps if time_s >= seen_s]
    first, last = after[0], after[-1]
    (x0, y0), (x1, y1) = first.ground_contact, last.ground_contact
    # What is cut by the picture's edge has no true height.
    whole = last.left > EDGE and last.right < 1 - EDGE and last.bottom < 1 - EDGE
    dx, dy, grew = x1 - x0, y1 - y0, _height(last) / max(1e-6, _height(first))
    if max(abs(dx), abs(dy)) < WENT_MIN:
        return None
    if abs(dx) >= abs(dy) and not (whole and (grew >= GREW or grew <= 1 / GREW) and abs(dx) < 2 * abs(dy)):
        return "right" if dx > 0 else "left"
    return "towards the camera" if dy > 0 else "away"


def _height(box: Box) -> float:
    return box.bottom - box.top
