"""The people before a shop: each hides what is behind, and nothing beside them is put down to them.

A detector draws one box around somebody and the stall that they push, and sees a faint person in a table. What the box of a
body is, is told by its shape, and by who stands beside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from detector.following.bystanders import COVERS, FAINT, SURE, Bystanders
from detector.following.template import Patch, likeness, patch_at
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box, iou, overlap

FAINTEST = 0.15
"""Score of a sighting that may be somebody: who stands half in front of goods is seen no better, look after look."""
ASIDE = 0.1
"""Part of the frame along the edge of the place: who is no nearer to the front hides nothing of it."""
SAME_PLACE_IOU = 0.5
MISSED_S = 8.5
"""Somebody who stands is missed for so long, four looks of patrol, and still hides what is behind ..."""
STOOD_MAX_S = 120.0
"""... or for so long, while the place looks as it did."""
LOOKS_TAKEN = 0.4
"""Likeness of a place that is still taken: night's noise leaves somebody who stands 0.4 to 0.7, bare ground has 0.3 at most."""
KNOWN_LOOKS = 3
"""A thing is taken for somebody once or twice; then its likeness must not hide it."""
UPRIGHT_WIDE = 0.6
"""Width by height of who stands or walks, at the most: 0.3 to 0.5. Wider are those who sit, or somebody and a thing."""
AS_HIGH = 0.85
"""Of a box, the height of another in it that is somebody alone ..."""
WITHIN = 0.5
"""... of whom so much is in it."""
LEVEL, BESIDE = 0.15, 0.75
"""In heights of somebody: what stands beside them stands on the same ground, and not further away."""
SMALL = 0.75
"""In heights of somebody who stands beside: a table or a crate passes for a person, faintly."""
BEGAN_S = 3.0
"""Who is seen so soon after watching began was there before."""
UNMOVED_IOU = 0.6


@dataclass(eq=False)
class _Body:
    box: Box
    first: Box
    """In its first sighting."""
    first_s: float
    last_s: float
    best: float
    """Score of its best sighting."""
    score_sum: float
    looks: int = 1
    template: Patch | None = field(default=None, repr=False)
    """How the place looked in the last sighting; of one that is missed now."""


class Customers(Bystanders):
    """Remembers the bodies before a shop's front. Pure: looks come in.

    Args:
        place: Only who reaches into it counts, in fractions of the frame.
    """

    def __init__(self, place: Box) -> None:
        super().__init__(place)
        self._standing: list[_Body] = []
        self._began: float | None = None
        self._before: Look | None = None
        self.people: list[Box] = []
        """Where somebody is: those who stand there, missed or not, and those whom the newest look shows well enough."""

    def look(self, look: Look) -> None:
        """Takes a look."""
        super().look(look)
        # People explain nothing here: vehicles do, by their shadows and the shine of their lamps.
        self.bodies = [it for it in self.bodies if it.role != "person"]
        self._began = look.time_s if self._began is None else self._began
        left, top, right, bottom = self.place
        near = Box(left + ASIDE, top + ASIDE, right - ASIDE, bottom - ASIDE)
        people = [it for it in look.of("person") if it.score >= FAINTEST and _meet(it.box, near)]
        new = self._followed(people, look.time_s)
        for body in self._standing:
            if self._before is not None and body.looks > 1 and body.last_s == self._before.time_s:
                body.template = patch_at(self._before.luma, body.box)
        self._standing = [it for it in self._standing if _stands(it, look)]
        self._standing += [_Body(it.box, it.box, look.time_s, look.time_s, it.score, it.score) for it in new]
        self._before = look
        self.people = self._who_is_there(look.time_s)

    def covering(self) -> list[Box]:
        """Where bodies are in the newest look, seen or missed, grown a little."""
        others = [it.box for it in self._now if it.role != "person" and it.score >= FAINT]
        return [box.grown(COVERS) for box in (*others, *self.people)]

    def _who_is_there(self, now_s: float) -> list[Box]:
        there = [it for it in self._standing if it.looks > 1 or (it.last_s == now_s and it.best >= FAINT)]
        fixtures = [it for it in there if self._is_fixture(it)]
        there = [it for it in there if it not in fixtures and not any(_is_same(it, one) for one in fixtures)]
        upright = [it for it in there if not self._is_wide(it.box)]
        return [
            it.box
            for it in there
            if not any(it is not one and (self._has_more(it, one) or self._is_beside(it, one)) for one in upright)
        ]

    def _followed(self, people: Sequence[Sighting], now_s: float) -> list[Sighting]:
        """Brings those up to date who are seen in their places again, best overlap first; gives the others."""
        pairs = [
            (-alike, number, index)
            for number, body in enumerate(self._standing)
            for index, person in enumerate(people)
            if _meet(body.box, person.box) and (alike := iou(body.box, person.box)) >= SAME_PLACE_IOU
        ]
        taken: set[int] = set()
        for _, number, index in sorted(pairs):
            body, person = self._standing[number], people[index]
            if index in taken or body.last_s == now_s:
                continue
            taken.add(index)
            body.box, body.last_s, body.looks, body.template = person.box, now_s, body.looks + 1, None
            body.best, body.score_sum = max(body.best, person.score), body.score_sum + person.score
        return [it for index, it in enumerate(people) if index not in taken]

    def _is_fixture(self, body: _Body) -> bool:
        """True for a post or a statue: faintly like a person since watching began, it hides nothing that comes before it."""
        return (
            self._began is not None
            and body.first_s <= self._began + BEGAN_S
            and body.score_sum < SURE * body.looks
            and iou(body.first, body.box) >= UNMOVED_IOU
        )

    def _has_more(self, body: _Body, alone: _Body) -> bool:
        """True for a box that holds somebody and a thing, where another is of them alone."""
        high, high_alone = body.box.bottom - body.box.top, alone.box.bottom - alone.box.top
        return (
            _meet(body.box, alone.box)
            and high_alone >= AS_HIGH * high
            and (body.best < alone.best or self._is_wide(body.box))
            and overlap(body.box, alone.box) >= WITHIN * alone.box.area
        )

    def _is_beside(self, body: _Body, upright: _Body) -> bool:
        """True for what stands beside somebody and is too small to be another."""
        high = upright.box.bottom - upright.box.top
        aside = max(upright.box.left - body.box.right, body.box.left - upright.box.right) * self._aspect
        return (
            body.best < SURE <= upright.best
            and body.box.bottom - body.box.top < SMALL * high
            and abs(upright.box.bottom - body.box.bottom) <= LEVEL * high
            and aside <= BESIDE * high
        )

    def _is_wide(self, box: Box) -> bool:
        return (box.right - box.left) * self._aspect > UPRIGHT_WIDE * (box.bottom - box.top)


def _meet(a: Box, b: Box) -> bool:
    """Whether two boxes overlap at all: asked of each with each, and mostly they lie apart."""
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


def _is_same(body: _Body, fixture: _Body) -> bool:
    return body.best < SURE and iou(body.box, fixture.box) >= SAME_PLACE_IOU


def _stands(body: _Body, look: Look) -> bool:
    missed_s = look.time_s - body.last_s
    return missed_s <= MISSED_S or (
        missed_s <= STOOD_MAX_S
        and body.looks >= KNOWN_LOOKS
        and body.template is not None
        and likeness(body.template, look.luma, body.box) >= LOOKS_TAKEN
    )
