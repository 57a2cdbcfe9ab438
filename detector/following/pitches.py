"""Pitches: places where somebody stays with things that stay, and others come, stop and go.

The vendor is who came with the goods and keeps to them. Neither has to be seen in each look: customers stand in front. Who
stood there before the goods came, and whoever stops near them later, is no vendor.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import shapely

from detector.following.changes import ChangeKeeper, Corners
from detector.following.goods import UPRIGHT, GoodsKeeper, amount_of, called, is_mistaken, names_of
from detector.following.people import MISSED_S, PeopleKeeper, Person, Visits
from detector.following.template import patch_at
from detector.following.things import HIDDEN_MAX_S, SETTLE_S, Presence, Thing, Update
from detector.rules.signs import Amount, Trade
from detector.watching.looks import Look, unwatched_s
from detector.zoning.geometry import Box, overlap

PITCH = "pitch"
REACH = 1.5
"""In body heights, from the goods: 2.5 m. Further away nobody sells, and others walk through in between."""
VISIT_REACH = 1.25
"""Who wants to see the goods, or to talk, comes closer, to them or to the vendor: 2 m."""
FEET = 0.1
"""In body heights: the ground that somebody stands on."""
DEPTH = 2.0
"""A step towards the camera looks this much shorter than one to the side, before a camera that looks down by 30 degrees."""
BEFORE_S, AFTER_S = 15.0, 6.0
"""The vendor stops so long before the goods lie there at the most, or is seen to rest so long after."""
MOVED_S = 4.5
"""Whoever stops somewhere else near the goods so soon after the vendor was seen last is the vendor: two patrol looks."""
BRIDGE_S = 6.0
"""Not seen for so long, somebody was missed, or bent down behind the goods: three patrol looks."""
AWAY_S = 20.0
"""Long enough to fetch something; then the trade is over, unless something hides the pitch."""
GOODS_GONE_S = 6.0
"""Longer than somebody needs to lift a crate and put it down again."""
HIDES_SHARE = 0.5
"""Of somebody's place, covered by what stands nearer to the camera."""
MARGIN = 0.05
"""Around the zones, in fractions of the frame: what stands on their edge reaches over it."""


@dataclass(eq=False)
class _Pitch:
    thing: Thing
    vendor: Person | None
    """None after a restart, until somebody is found there."""
    partners: list[Person] = field(default_factory=list)
    """Others who came with the vendor."""
    goods: list[Thing] = field(default_factory=list)
    adopted: bool = False
    """Goes on after a restart: its goods are part of the ground now, and count as there."""
    looked_s: float | None = None
    kept_s: float = 0.0
    """When the vendor was seen there last."""
    goods_s: float = 0.0
    """When goods were."""
    vendor_s: float = 0.0
    missing_s: float = 0.0
    """How long the vendor has been missed with nothing in front."""
    body: float = 0.0
    """Height of somebody who stands there, as a fraction of the frame's height."""
    visits: Visits = field(default_factory=Visits)

    @property
    def there(self) -> list[Thing]:
        return [thing for thing in self.goods if thing.presence is not Presence.ABSENT]

    @property
    def laid_out(self) -> bool:
        return self.adopted or bool(self.there)

    @property
    def spots(self) -> list[Box]:
        """Where it is dealt."""
        return [thing.anchor for thing in self.goods] or [self.thing.anchor]


class PitchKeeper:
    """Follows the pitches of one camera. Pure: pictures and times come in.

    Args:
        ground: Polygons of the zones, in fractions of the frame.
        changes: Things on the ground, already up to date with a look when this takes it.
    """

    def __init__(self, ground: Sequence[Corners], changes: ChangeKeeper) -> None:
        self._pitches: list[_Pitch] = []
        self._people = PeopleKeeper()
        self._goods = GoodsKeeper(changes)
        left, top, right, bottom = shapely.union_all([shapely.Polygon(corners) for corners in ground]).bounds
        self._around = Box(left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN)
        self._next_id = 1

    @property
    def things(self) -> list[Thing]:
        """The pitches, settled or not."""
        return [pitch.thing for pitch in self._pitches]

    def update(self, look: Look) -> Update:
        """Takes a look; gives the pitches that have set themselves up and those that are over."""
        near = tuple(it for it in called(look.sightings) if overlap(it.box, self._around) > 0)
        look = Look(look.time_s, look.luma, near)
        self._people.update(look)
        self._goods.update(look, self._people.people)
        standing = self._people.at_rest()
        lying = self._goods.lying()
        for pitch in self._pitches:
            pitch.goods = [thing for thing in pitch.goods if thing in lying]
        taken = {id(thing) for pitch in self._pitches for thing in pitch.goods}
        for thing in lying:
            if id(thing) not in taken and self._goods.free(
                thing, standing, self._body(thing.anchor), self._people.aspect
            ):
                self._offer(thing, standing, look)
        for pitch in self._pitches:
            self._follow(pitch, look, standing)
        over = [pitch for pitch in self._pitches if _is_over(pitch, look.time_s)]
        self._pitches = [pitch for pitch in self._pitches if pitch not in over]
        return Update(tuple(self._settle(look.time_s)), tuple(it.thing for it in over if it.thing.settled))

    def shift(self, dx: float, dy: float) -> None:
        """The camera was nudged: everything lies elsewhere in the picture, to the right and down."""
        self._people.shift(dx, dy)
        self._goods.shift(dx, dy)
        self._around = self._around.shifted(dx, dy)
        for pitch in self._pitches:
            pitch.thing.anchor = pitch.thing.anchor.shifted(dx, dy)

    def relearn(self) -> None:
        """What the camera shows from now on may have been there before."""
        self._goods.relearn()

    def adopt(self, thing: Thing) -> None:
        """Follows a pitch that was followed before a restart: with the goods that it had, and whoever is there now."""
        self._next_id = max(self._next_id, thing.id + 1)
        height, kept_s = thing.anchor.bottom - thing.anchor.top, thing.last_s - thing.first_s
        self._pitches.append(_Pitch(thing, None, adopted=True, body=height, vendor_s=kept_s))

    def signs(self, thing: Thing) -> Trade:
        """What goes on at a pitch."""
        pitch = next(it for it in self._pitches if it.thing is thing)
        amount = amount_of(pitch.there, pitch.body, self._people.aspect)
        return Trade(
            vendor_s=round(pitch.vendor_s, 2),
            vendor_away_s=round(pitch.missing_s, 2),
            goods_s=round(max(0.0, pitch.goods_s - thing.first_s), 2),
            amount=Amount.SMALL if amount is None and pitch.adopted else amount,
            goods=names_of(pitch.there),
            visits=pitch.visits.count(pitch.looked_s or 0.0),
        )

    def _offer(self, thing: Thing, standing: Sequence[Person], look: Look) -> None:
        """Something lies there: has somebody come with it who stays, or is it more of what is there?"""
        came = sorted(
            (self._apart(person, thing.anchor) + abs(person.since_s - thing.first_s) / BEFORE_S, person.id, person)
            for person in standing
            if self._came_with(person, thing, look.time_s)
        )
        partners = [person for _, _, person in came]
        pitch = next((it for it in self._pitches if partners and partners[0] in (it.vendor, *it.partners)), None)
        if pitch is None and partners:
            pitch = self._start(partners[0], max(thing.first_s, partners[0].since_s), look)
        if pitch is None:
            pitch = next((it for it in self._pitches if self._is_beside(thing, it)), None)
        if pitch is not None:
            pitch.goods.append(thing)
            # Who came later is a customer, whatever is laid out then.
            early = [it for it in partners if it.since_s <= pitch.thing.first_s + AFTER_S]
            pitch.partners += [it for it in early if it is not pitch.vendor and it not in pitch.partners]

    def _came_with(self, person: Person, thing: Thing, now_s: float) -> bool:
        return (
            not person.from_start
            and now_s - person.last_s <= MISSED_S
            and thing.first_s - BEFORE_S <= person.since_s <= thing.first_s + AFTER_S
            and self._apart(person, thing.anchor) <= REACH
            and not is_mistaken(person, thing, self._body(thing.anchor))
            and not self._goods.held_up(thing, person.height, self._people.aspect)
        )

    def _is_beside(self, thing: Thing, pitch: _Pitch) -> bool:
        """More goods, laid out later by a vendor who is there."""
        vendor = pitch.vendor
        return vendor is not None and pitch.missing_s == 0 and self._apart(vendor, thing.anchor) <= REACH

    def _start(self, vendor: Person, first_s: float, look: Look) -> _Pitch:
        template = patch_at(look.luma, vendor.place)
        thing = Thing(self._next_id, vendor.place, template, first_s, vendor.last_s, steady=False)
        thing.classes[PITCH] = 1
        self._next_id += 1
        pitch = _Pitch(thing, vendor, kept_s=first_s)
        self._pitches.append(pitch)
        return pitch

    def _follow(self, pitch: _Pitch, look: Look, standing: Sequence[Person]) -> None:
        now_s = look.time_s
        near = [person for person in standing if person.last_s == now_s and self._is_at(person, pitch)]
        pitch.vendor = self._vendor(pitch, near)
        there = pitch.vendor in near
        usual = max([pitch.body, *(person.height for person in near)]) if pitch.vendor is None else pitch.vendor.height
        pitch.body = max(self._body(pitch.spots[0]), usual)
        staff = (pitch.vendor, *pitch.partners)
        others = [it for it in standing if it.last_s == now_s and it not in staff and self._visits(it, pitch)]
        hidden = not there and pitch.vendor is not None and _is_covered(pitch.vendor, look)
        elapsed_s = 0.0 if pitch.looked_s is None else self._watched(pitch, pitch.looked_s, now_s)
        if pitch.looked_s is None and pitch.adopted:
            pitch.kept_s = now_s
        pitch.looked_s = now_s
        if there:
            pitch.vendor_s += now_s - pitch.kept_s if pitch.missing_s <= BRIDGE_S else 0.0
            pitch.kept_s, pitch.missing_s = now_s, 0.0
        elif not hidden:
            pitch.missing_s += elapsed_s
        pitch.visits.note(others if pitch.missing_s <= BRIDGE_S else (), now_s)
        pitch.goods_s = now_s if pitch.laid_out else pitch.goods_s
        _show(pitch, now_s, there=there, hidden=hidden)

    @staticmethod
    def _watched(pitch: _Pitch, looked_s: float, now_s: float) -> float:
        """How long a pitch was watched since the last look: while nobody looks, neither vendor nor goods are missed."""
        unwatched = unwatched_s(looked_s, now_s)
        pitch.kept_s += unwatched
        pitch.goods_s += unwatched
        return now_s - looked_s - unwatched

    def _vendor(self, pitch: _Pitch, near: Sequence[Person]) -> Person | None:
        """Who keeps to the goods now: a vendor who is somewhere else near them right after is the same, or came along."""
        vendor = pitch.vendor
        if vendor in near:
            return vendor
        heirs = [it for it in near if vendor is None or it in pitch.partners or _moved_on(vendor, it)]
        return min(heirs, key=lambda it: self._apart(it, pitch.spots[0]), default=vendor)

    def _settle(self, now_s: float) -> Iterator[Thing]:
        for pitch in self._pitches:
            thing = pitch.thing
            if not thing.settled and thing.presence is Presence.SEEN and now_s - thing.first_s >= SETTLE_S:
                thing.settled = True
                yield thing

    def _visits(self, person: Person, pitch: _Pitch) -> bool:
        if person.from_start or person.since_s <= pitch.thing.first_s or person.height < UPRIGHT * pitch.body:
            return False
        spots = pitch.spots if pitch.vendor is None else [*pitch.spots, _feet(pitch.vendor)]
        return any(self._apart(person, spot) <= VISIT_REACH for spot in spots)

    def _is_at(self, person: Person, pitch: _Pitch) -> bool:
        near = any(self._apart(person, spot) <= REACH for spot in pitch.spots)
        return near and not any(is_mistaken(person, goods, pitch.body) for goods in pitch.goods)

    def _body(self, place: Box) -> float:
        """How tall people are who stand there; 0 as long as nobody has been seen."""
        return self._people.body_at(place.bottom) or 0.0

    def _apart(self, person: Person, goods: Box) -> float:
        """Distance on the ground between somebody's feet and goods, in body heights; roughly, as no camera is calibrated."""
        x, y = person.place.ground_contact
        aside = max(goods.left - x, x - goods.right, 0.0) * self._people.aspect
        # Feet that end within the goods stand behind them.
        deep = max(goods.top - y, y - goods.bottom, 0.0) * DEPTH
        return float((aside**2 + deep**2) ** 0.5 / max(person.height, self._body(goods)))


def _feet(person: Person) -> Box:
    place = person.place
    return Box(place.left, place.bottom - FEET * (place.bottom - place.top), place.right, place.bottom)


def _moved_on(vendor: Person, other: Person) -> bool:
    return vendor.last_s <= other.since_s <= vendor.last_s + MOVED_S


def _is_covered(person: Person, look: Look) -> bool:
    """True while somebody or something stands in front of where somebody was."""
    place = person.place
    return any(
        overlap(it.box, place) >= HIDES_SHARE * place.area and it.box.bottom >= place.bottom
        for it in look.of("person", "vehicle")
    )


def _show(pitch: _Pitch, now_s: float, *, there: bool, hidden: bool) -> None:
    """How the pitch shows itself in this look, and where it is."""
    thing = pitch.thing
    if pitch.laid_out and there:
        thing.presence = Presence.SEEN
    elif pitch.laid_out and (hidden or pitch.missing_s <= BRIDGE_S):
        thing.presence = Presence.HIDDEN
    else:
        thing.presence = Presence.ABSENT
    thing.counts[thing.presence] += 1
    if thing.presence is not Presence.SEEN or pitch.vendor is None:
        thing.absent_looks += thing.presence is Presence.ABSENT
        thing.absent_since_s = now_s if thing.absent_since_s is None else thing.absent_since_s
        return
    thing.last_s = thing.learned_s = now_s
    thing.absent_since_s, thing.absent_looks = None, 0
    thing.score_sum += pitch.vendor.score
    if not pitch.adopted:
        thing.anchor = _around([pitch.vendor.place, *(it.anchor for it in pitch.there)])
        thing.boxes = [thing.anchor]


def _is_over(pitch: _Pitch, now_s: float) -> bool:
    bare = not pitch.laid_out and now_s - pitch.goods_s >= GOODS_GONE_S
    return bare or pitch.missing_s >= AWAY_S or now_s - pitch.kept_s >= HIDDEN_MAX_S


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))
