"""What may be goods: lies there, has come since watching began, and is not worn, driven or held over somebody's head."""

from collections.abc import Iterable, Sequence

from detector.following.belongings import Belongings
from detector.following.changes import ChangeKeeper
from detector.following.people import Person
from detector.following.retrospect import arrival_bracket
from detector.following.things import Thing, ThingKeeper
from detector.rules.signs import Amount
from detector.watching.looks import Look, LookMemory, Sighting
from detector.zoning.geometry import Box, iou, overlap

ROLES = ("stall", "goods", "two_wheeler")
"""Of what the detector knows; everything else shows as a change of the ground."""
WORN_SHARE = 0.5
"""Of a thing, within somebody's box: it is on their back, or it is a part of them that the detector missed."""
OVER_SHARE = 0.5
"""Of the narrower of the two: an umbrella reaches to one side, or over two people."""
MISTAKEN_IOU = 0.3
UPRIGHT = 0.7
"""In body heights: what is smaller is a part of somebody, or of the goods."""
VEHICLE_SHARE = 0.5
"""Of a change that a vehicle covers: it is the vehicle."""
SAME_GOODS_IOU = 0.3
"""A change and what the detector calls it: the outlines of a change are rough."""
PARASOL_WIDTH = 1.0
"""In body heights: a parasol spans 2 m and more, an umbrella 1 m; the umbrella keeps the rain off and shows no stall."""
BODY_WIDTH = 0.35
"""Of somebody who stands, in body heights; so a body covers 0.35 of the square of its height."""
SMALL_MAX, LARGE_MIN = 0.2, 0.8
"""In bodies, all goods together, as far as the vendor doesn't stand before them: a bag shows 0.05 to 0.15, a carton, a bundle
or an armchair 0.25 to 0.7, a spread cloth, a table, a sofa or a cart up to 2."""


class GoodsKeeper:
    """Knows what lies before one camera that may be goods.

    Args:
        changes: Things on the ground, already up to date with a look when this takes it.
    """

    def __init__(self, changes: ChangeKeeper) -> None:
        self._changes = changes
        self._beside = Belongings(changes)
        self._known = ThingKeeper(ROLES)
        self._memory = LookMemory()
        self._has_come: dict[int, bool] = {}
        self._roles: dict[str, str | None] = {}
        self._vehicles: tuple[Box, ...] = ()

    def update(self, look: Look, people: Sequence[Person]) -> None:
        """Takes a look, and who is before the camera in it."""
        self._memory.add(look)
        self._beside.update(look, people)
        self._known.update(look)
        self._vehicles = tuple(sighting.box for sighting in look.of("vehicle"))
        self._roles.update({sighting.class_name: sighting.role for sighting in look.of("stall")})
        there = {thing.id for thing in self._known.things}
        self._has_come = {key: value for key, value in self._has_come.items() if key in there}

    def lying(self) -> list[Thing]:
        """All that may be goods, once each; but whose?"""
        changed = [thing for thing in self._changes.things if thing.settled and self._is_thing(thing)]
        changed += [thing for thing in self._beside.things if thing.settled]
        known = [thing for thing in self._known.things if thing.settled and self._is_new(thing)]
        return changed + [it for it in known if all(iou(it.anchor, other.anchor) < SAME_GOODS_IOU for other in changed)]

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        self._beside.shift(dx, dy)
        self._known.shift(dx, dy)

    def relearn(self) -> None:
        """What the camera shows from now on may have been there before."""
        self._memory = LookMemory()

    def free(self, thing: Thing, people: Iterable[Person], body: float, aspect: float) -> bool:
        """False for what somebody wears or holds up, for somebody whom the detector missed before, and for a vehicle.

        Args:
            thing: What may be goods.
            people: Who is there.
            body: Height of somebody who stands there, as a fraction of the frame's height.
            aspect: Width of the picture by its height.
        """
        area = thing.anchor.area
        worn = any(
            (overlap(thing.anchor, person.place) >= WORN_SHARE * area or _is_over(person, thing, aspect))
            and not is_mistaken(person, thing, body)
            for person in people
        )
        return not worn and all(overlap(thing.anchor, box) < VEHICLE_SHARE * area for box in self._vehicles)

    def held_up(self, thing: Thing, body: float, aspect: float) -> bool:
        """True for an umbrella: nothing that shows a stall."""
        wide = (thing.anchor.right - thing.anchor.left) * aspect
        return self._roles.get(thing.class_name) == "stall" and wide < PARASOL_WIDTH * body

    def _is_thing(self, thing: Thing) -> bool:
        return not self._changes.signs(thing).moved

    def _is_new(self, thing: Thing) -> bool:
        if thing.id not in self._has_come:
            self._has_come[thing.id] = arrival_bracket(thing, self._memory).without_s is not None
        return self._has_come[thing.id]


def is_mistaken(person: Person, thing: Thing, body: float) -> bool:
    """True for somebody who is nothing but the goods, which the detector takes for a person: too small for the place."""
    return iou(person.place, thing.anchor) >= MISTAKEN_IOU and person.height < UPRIGHT * body


def _is_over(person: Person, thing: Thing, aspect: float) -> bool:
    """True for an umbrella: it ends over the middle of somebody who stands right there, and is narrower than a parasol."""
    it, place = thing.anchor, person.place
    shared = min(it.right, place.right) - max(it.left, place.left)
    return (
        shared >= OVER_SHARE * min(it.right - it.left, place.right - place.left)
        and it.bottom <= place.bottom - person.height / 2
        and (it.right - it.left) * aspect < PARASOL_WIDTH * person.height
    )


def amount_of(goods: Sequence[Thing], body: float, aspect: float) -> Amount | None:
    """How much goods are, all together; None where there are none.

    Args:
        goods: All of one pitch.
        body: Height of somebody who stands there, as a fraction of the frame's height.
        aspect: Width of the picture by its height.
    """
    if not goods:
        return None
    bodies = sum(thing.anchor.area for thing in goods) * aspect / max(BODY_WIDTH * body**2, 1e-9)
    return Amount.SMALL if bodies < SMALL_MAX else Amount.MEDIUM if bodies < LARGE_MIN else Amount.LARGE


def names_of(goods: Sequence[Thing]) -> tuple[str, ...]:
    """What the detector calls goods."""
    return tuple(sorted({name for thing in goods for name in thing.classes if name != "thing"}))


def called(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Those that a pitch is about."""
    return tuple(it for it in sightings if it.role in ("person", "vehicle", *ROLES))
