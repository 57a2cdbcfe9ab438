"""What a shop puts before its front: noticed beside people who stand there, as soon as it shows.

Rubbish must lie there once everybody has gone, so whatever changes at the feet of somebody who stands is doubted. Before a
shop somebody stands most of the time: what shows beside them is a thing already, and what shows on both sides is one.
"""

from collections.abc import Sequence

from detector.following.cells import Corners
from detector.following.changes import GROWS_S, ChangeKeeper
from detector.following.customers import Customers
from detector.following.moves import REMEMBERED_S
from detector.following.things import Presence, Thing, Update
from detector.following.traces import Trace, near, weight
from detector.watching.looks import Look
from detector.zoning.geometry import Box, overlap

WEIGHT_MIN = 90.0
"""Mean change in steps of 1.1 %, times the square root of its cells: a foot or a shadow that reaches out of somebody's box has
up to 80, a crate that shows beside them 150 and more."""
HEAD = 0.35
"""In body heights, from the top: what ends there is held over somebody's head, or hangs there."""
OVER_SHARE = 0.5
"""Of the narrower of the two."""


class FrontKeeper(ChangeKeeper):
    """Follows what has been put before some fronts, at any rate of looks. Pure: pictures and times come in.

    Args:
        ground: Polygons of the zones, in fractions of the frame.
    """

    def __init__(self, ground: Sequence[Corners]) -> None:
        super().__init__(ground)
        self._customers = Customers(self.bystanders.place)
        self.bystanders = self._customers

    def update(self, look: Look) -> Update:
        """Takes a look; gives what settled and what left with it. Parts of one display settle as one thing."""
        update = super().update(look)
        if self._now_s == look.time_s and not self.ground.holding:
            self._seek_old_places(look)
        return Update(tuple(thing for thing in update.settled if not self._is_part(thing)), update.gone)

    def _is_object(self, box: Box, trace: Trace, now_s: float) -> bool:
        if not super()._is_object(box, trace, now_s):
            return False
        people = self._customers.people
        beside = any(near(self.ground.cells.reach(person), trace.reach) for person in people)
        return not (beside and weight(self.ground, trace) < WEIGHT_MIN) and not any(_is_over(box, it) for it in people)

    def _seek_old_places(self, look: Look) -> None:
        """Where a thing stood before, somebody may have stood in front when it settled."""
        for lying in self._lying.values():
            thing = lying.thing
            if (
                thing.settled
                and not (lying.moved or lying.adopted)
                and thing.presence is Presence.SEEN
                and look.time_s - thing.first_s <= REMEMBERED_S
            ):
                lying.moved = self._moves.brought(self.ground, lying.reach, look.time_s)

    def _is_part(self, thing: Thing) -> bool:
        """True for what shows on the other side of somebody who stands before a display."""
        reach = self.ground.cells.reach(thing.anchor)
        bodies = [body for box in self._customers.people if near(body := self.ground.cells.reach(box), reach)]
        return any(
            it.thing is not thing
            and it.thing.settled
            and it.thing.first_s <= thing.first_s <= it.thing.first_s + GROWS_S
            and any(near(body, it.reach) for body in bodies)
            for it in self._lying.values()
        )


def _is_over(box: Box, person: Box) -> bool:
    high = person.bottom - person.top
    shared = min(box.right, person.right) - max(box.left, person.left)
    return (
        shared >= OVER_SHARE * min(box.right - box.left, person.right - person.left)
        and person.top - high < box.bottom <= person.top + HEAD * high
        and overlap(box, Box(person.left, person.top - high, person.right, person.bottom)) > 0
    )
