"""Pitches in a street of points: people stand at x for a time, goods lie there for a time. Patrol looks every 2 s.

The picture is twice as wide as high, a body is 0.2 of its height: one body to the side is 0.1 of the width. The zone is all.
"""

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.following.changes import ChangeKeeper
from detector.following.ground import Ground
from detector.following.pitches import PitchKeeper
from detector.following.template import patch_at
from detector.following.things import Presence, Thing, Update
from detector.rules.signs import Amount, Company, Trade
from detector.watching.looks import Look, Sighting
from detector.zoning.geometry import Box
from tests.detector.test_people import BODY, somebody

GROUND = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LUMA = np.random.default_rng(1).integers(0, 255, (100, 200)).astype(np.uint8)
CLOTH = Box(0.52, 0.76, 0.60, 0.82)
"""Beside somebody at 0.5: 0.16 x 0.06 heights, 0.0096; a body covers 0.35 x 0.04 = 0.014: 0.69 bodies."""
STAYED_WITH = Company(alone_s=0.0)
FROM_S, BAG_S, END_S = 10.0, 12.0, 60.0


@dataclass(frozen=True)
class Stands:
    x: float
    from_s: float = FROM_S
    until_s: float = 1e9
    foot: float = 0.8

    def seen(self, t: float) -> bool:
        return self.from_s <= t <= self.until_s


@dataclass(frozen=True)
class Lies:
    box: Box = CLOTH
    from_s: float = BAG_S
    until_s: float = 1e9
    company: Company = STAYED_WITH
    class_name: str = "thing"


@dataclass
class Changes:
    """Says of things what a test wants."""

    goods: tuple[Lies, ...]
    ground: Ground = field(default_factory=lambda: Ground([GROUND]))
    """It never shows anything by itself."""
    things: list[Thing] = field(default_factory=list)
    known: dict[int, tuple[Thing, Lies]] = field(default_factory=dict)

    def take(self, t: float) -> None:
        for number, lies in enumerate(self.goods, start=1):
            # A change is believed after 4 s; when it is over it shows as absent for 6 s.
            if number not in self.known and lies.from_s + 4 <= t <= lies.until_s:
                thing = Thing(number, lies.box, patch_at(LUMA, lies.box), lies.from_s, t, settled=True)
                thing.classes[lies.class_name] += 1
                self.known[number] = thing, lies
            if number in self.known:
                there = t <= lies.until_s
                self.known[number][0].presence = Presence.SEEN if there else Presence.ABSENT
        self.things = [thing for thing, lies in self.known.values() if t <= lies.until_s + 6]

    def signs(self, thing: Thing) -> Company:
        return self.known[thing.id][1].company


@dataclass
class Seen:
    keeper: PitchKeeper
    settled: list[Thing] = field(default_factory=list)
    gone: list[Thing] = field(default_factory=list)

    @property
    def trade(self) -> Trade:
        (thing,) = self.keeper.things
        return self.keeper.signs(thing)


def shown_in(box: Box) -> NDArray[np.uint8]:
    """The street with something in a box: noise of its own."""
    luma = LUMA.copy()
    rows, columns = (
        slice(round(box.top * 100), round(box.bottom * 100)),
        slice(round(box.left * 200), round(box.right * 200)),
    )
    luma[rows, columns] = np.random.default_rng(2).integers(0, 255, luma[rows, columns].shape)
    return luma


def street(
    people: list[Stands],
    goods: list[Lies],
    *,
    until_s: float = END_S,
    every_s: float = 2.0,
    others: dict[float, list[Sighting]] | None = None,
    shows: tuple[float, Box] | None = None,
) -> Seen:
    """Watches from 0 s on. `Stands` that begin at 0 s were there before.

    Args:
        people: Who stands where, as the detector sees it.
        goods: What has been put on the ground.
        until_s: The last look.
        every_s: Time between looks.
        others: More sightings, from a moment on.
        shows: From a moment on the picture shows something else in a box.
    """
    changes = Changes(tuple(goods))
    seen = Seen(PitchKeeper([GROUND], cast("ChangeKeeper", changes)))
    for index in range(round(until_s / every_s) + 1):
        t = round(index * every_s, 3)
        more = [it for since_s, found in (others or {}).items() if t >= since_s for it in found]
        sightings = [somebody(it.x, it.foot) for it in people if it.seen(t)] + more
        changes.take(t)
        luma = shown_in(shows[1]) if shows and t >= shows[0] else LUMA
        update: Update = seen.keeper.update(Look(t, luma, tuple(sightings)))
        seen.settled += update.settled
        seen.gone += update.gone
    return seen


VENDOR = Stands(0.5)


def test_somebody_who_keeps_to_goods_is_a_pitch() -> None:
    seen = street([VENDOR], [Lies()])
    (thing,) = seen.keeper.things
    assert seen.settled == [thing]
    # Set up at 12 s, when the goods lay there and the vendor had come: 48 s until the look at 60 s.
    assert thing.first_s == 12.0
    assert seen.trade == Trade(vendor_s=48.0, vendor_away_s=0.0, goods_s=48.0, amount=Amount.MEDIUM, visits=0)
    assert (thing.steady, thing.class_name, thing.presence) == (False, "pitch", Presence.SEEN)
    # The vendor reaches from 0.6 to 0.8 and from 0.483 on; the goods to 0.60 and 0.82.
    assert thing.anchor == pytest.approx((0.4833, 0.6, 0.60, 0.82), abs=1e-3)


def test_full_rate_says_the_same() -> None:
    seen = street([VENDOR, Stands(0.62, 22.0, 30.0)], [Lies()], every_s=0.5)
    assert [thing.first_s for thing in seen.settled] == [12.0]
    assert seen.trade == Trade(48.0, 0.0, 48.0, Amount.MEDIUM, 1)


@pytest.mark.parametrize(
    ("people", "goods"),
    [
        pytest.param([VENDOR, Stands(0.56), Stands(0.44, 14.0)], [], id="people who talk, without goods"),
        pytest.param([Stands(0.5, 0.0)], [Lies()], id="there since before watching began"),
        pytest.param([Stands(0.5, 2.0)], [Lies(from_s=30.0)], id="waits there long before somebody leaves a thing"),
        pytest.param([Stands(0.5, 10.0, 14.0)], [Lies()], id="puts a thing down and goes"),
        pytest.param(
            [Stands(0.5, 10.0, 14.0), Stands(0.62, 30.0)], [Lies()], id="somebody stops later at what was dumped"
        ),
        # 0.18 of the width from the edge of the goods: 1.8 bodies.
        pytest.param([Stands(0.34)], [Lies()], id="somebody who came at that time, far away"),
        pytest.param([VENDOR], [Lies(company=Company(0.0, moved=True))], id="moved furniture"),
        # All of it lies within the body's box.
        pytest.param([VENDOR], [Lies(Box(0.49, 0.66, 0.51, 0.74))], id="a backpack that is worn"),
        # From one to the other, 0.16 heights wide, and its edge is 0.13 over the ground that they stand on.
        pytest.param([VENDOR, Stands(0.54)], [Lies(Box(0.48, 0.54, 0.56, 0.67))], id="an umbrella over two, unnamed"),
    ],
)
def test_no_pitch(people, goods) -> None:
    assert street(people, goods).settled == []


@pytest.mark.parametrize(
    ("wide", "pitches"),
    [
        # 0.12 of the width are 0.24 heights, 1.2 bodies, 2 m; 0.06 are 1 m.
        pytest.param(0.12, 1, id="a parasol"),
        pytest.param(0.06, 0, id="an umbrella that somebody leans on, or holds over a child"),
    ],
)
def test_parasols_are_goods_and_umbrellas_are_not(wide, pitches) -> None:
    box = Box(0.53, 0.58, 0.53 + wide, 0.8)
    seen = street(
        [VENDOR], [Lies(box, class_name="umbrella")], others={BAG_S: [Sighting(box, "umbrella", 0.8, "stall")]}
    )
    assert len(seen.settled) == pitches


def test_what_shows_over_the_heads_and_is_wider_is_a_stall() -> None:
    """The same place, 0.24 heights wide: more than a body is high. The roof of a stall has nothing below that shows."""
    assert len(street([VENDOR, Stands(0.54)], [Lies(Box(0.46, 0.54, 0.58, 0.67))]).settled) == 1


def test_a_vehicle_is_no_goods_but_hides_a_pitch() -> None:
    car = Box(0.52, 0.66, 0.72, 0.82)
    driver = {FROM_S: [Sighting(car, "car", 0.8, "vehicle")]}
    assert street([VENDOR], [Lies(car)], others=driver).settled == []
    # The vendor is seen until 20 s and from 60 s on; meanwhile a lorry stands in front.
    lorry = Sighting(Box(0.4, 0.5, 0.7, 0.95), "truck", 0.8, "vehicle")
    seen = street([Stands(0.5, 10.0, 20.0)], [Lies()], others={22.0: [lorry]})
    assert seen.gone == []
    assert seen.keeper.things[0].presence is Presence.HIDDEN
    assert seen.trade.vendor_away_s == 0


def test_goods_that_the_detector_takes_for_a_person_are_no_vendor() -> None:
    box = Box(0.52, 0.66, 0.56, 0.8)
    alive = Sighting(box, "person", 0.5, "person")
    assert street([], [Lies(box)], others={BAG_S: [alive]}).settled == []


@pytest.mark.parametrize(
    ("people", "vendor_s", "away_s", "visits"),
    [
        pytest.param([VENDOR], 48, 0, 0, id="alone"),
        pytest.param([VENDOR, Stands(0.64, 20, 28)], 48, 0, 1, id="a customer"),
        pytest.param([VENDOR, Stands(0.64, 20, 28), Stands(0.45, 34, 44)], 48, 0, 2, id="two customers"),
        pytest.param([VENDOR, Stands(0.64, 20, 22)], 48, 0, 0, id="somebody slows down"),
        pytest.param(
            [VENDOR, Stands(0.64, 16), Stands(0.45, 20)], 48, 0, 0, id="people who talk beside a bag come and stay"
        ),
        pytest.param([VENDOR, Stands(0.80, 20, 28)], 48, 0, 0, id="somebody stops 2 bodies away"),
        # 1.3 bodies from the goods on their right, and from the vendor on the left.
        pytest.param([VENDOR, Stands(0.73, 20, 28)], 48, 0, 0, id="somebody stops 1.3 bodies away"),
        pytest.param([VENDOR, Stands(0.40, 20, 28)], 48, 0, 1, id="somebody talks to the vendor, 1 body away"),
        pytest.param([VENDOR, Stands(0.48, 20, 28, 0.99)], 48, 0, 0, id="somebody stops in front, 1.7 bodies away"),
        pytest.param([VENDOR, Stands(0.64, 0, 28)], 48, 0, 0, id="who was there before is no customer"),
        # From 20 s on 0.6 bodies further right: since 22 s in one place. The look between is bridged.
        pytest.param([Stands(0.5, 10, 20), Stands(0.56, 22)], 48, 0, 0, id="the vendor steps aside"),
        # Together since 10 s; the first leaves at 30 s.
        pytest.param([Stands(0.5, 10, 30), Stands(0.45, 10)], 48, 0, 0, id="two vendors, one leaves"),
        # Away from 30 to 44 s: the way back to the place is believed with the second look, at 46 s.
        pytest.param([Stands(0.5, 10, 30), Stands(0.5, 44)], 18 + 14, 0, 0, id="fetches something"),
        # 50 to 60 s unseen.
        pytest.param([Stands(0.5, 10, 50)], 38, 10, 0, id="has gone for 10 s"),
    ],
)
def test_trade(people, vendor_s, away_s, visits) -> None:
    seen = street(people, [Lies()])
    assert len(seen.settled) == 1
    assert (seen.trade.vendor_s, seen.trade.vendor_away_s, seen.trade.visits) == (vendor_s, away_s, visits)


@pytest.mark.parametrize(
    ("boxes", "amount"),
    [
        # In heights: 0.06 x 0.04 = 0.0024 of 0.014.
        pytest.param([Box(0.52, 0.78, 0.55, 0.82)], Amount.SMALL, id="a bag, 0.17 bodies"),
        pytest.param([CLOTH], Amount.MEDIUM, id="a bundle, 0.69 bodies"),
        # 0.2 x 0.07 = 0.014.
        pytest.param([Box(0.52, 0.75, 0.62, 0.82)], Amount.LARGE, id="a table, 1.0 bodies"),
        pytest.param([CLOTH, Box(0.40, 0.78, 0.45, 0.82)], Amount.LARGE, id="a bundle and a suitcase, 0.97 bodies"),
    ],
)
def test_how_much_goods_are(boxes, amount) -> None:
    assert street([VENDOR], [Lies(box) for box in boxes]).trade.amount is amount


def test_the_detector_gives_goods_their_name_and_its_own() -> None:
    case = Sighting(Box(0.52, 0.74, 0.56, 0.82), "suitcase", 0.8, "goods")
    # Named by what it saw in the place of a change; and seen alone, where nothing changed.
    assert street([VENDOR], [Lies(class_name="suitcase")]).trade.goods == ("suitcase",)
    alone = street([VENDOR], [], others={BAG_S: [case]}, shows=(BAG_S, case.box))
    assert [thing.first_s for thing in alone.settled] == [12.0]
    assert alone.trade.goods == ("suitcase",)


def test_what_the_detector_knows_from_the_start_is_no_goods() -> None:
    case = Sighting(Box(0.52, 0.74, 0.56, 0.82), "suitcase", 0.8, "goods")
    assert street([VENDOR], [], others={0.0: [case]}, shows=(0.0, case.box)).settled == []
    # Noticed late, but the picture shows it from the start.
    assert street([VENDOR], [], others={BAG_S: [case]}, shows=(0.0, case.box)).settled == []


@pytest.mark.parametrize(
    ("vendor", "goods", "last_s"),
    [
        # 20 s without the vendor.
        pytest.param(Stands(0.5, 10, 30), Lies(), 30, id="the vendor has gone"),
        # 6 s without goods.
        pytest.param(VENDOR, Lies(until_s=40.0), 40, id="the goods have gone"),
        pytest.param(Stands(0.5, 10, 40), Lies(until_s=40.0), 40, id="both"),
    ],
)
def test_the_trade_is_over(vendor, goods, last_s) -> None:
    seen = street([vendor], [goods])
    assert seen.gone == seen.settled != []
    assert seen.gone[0].last_s == last_s
    assert seen.gone[0].presence is Presence.ABSENT
    assert seen.keeper.things == []


def test_two_vendors_side_by_side_are_two_pitches() -> None:
    goods = [Lies(), Lies(Box(0.72, 0.76, 0.80, 0.82), from_s=14.0)]
    seen = street([VENDOR, Stands(0.82, 12.0)], goods)
    assert [thing.first_s for thing in seen.settled] == [12.0, 14.0]
    assert all(seen.keeper.signs(thing).amount is Amount.MEDIUM for thing in seen.settled)


def test_more_goods_later_belong_to_the_same_pitch() -> None:
    seen = street([VENDOR], [Lies(), Lies(Box(0.40, 0.76, 0.48, 0.82), from_s=40.0)])
    (thing,) = seen.settled
    assert thing.anchor.left == pytest.approx(0.40)


def test_a_customer_who_comes_when_more_is_laid_out_is_no_partner() -> None:
    # The second thing lies there from 26 s on, the customer from 24 to 34 s.
    seen = street([VENDOR, Stands(0.64, 24.0, 34.0)], [Lies(), Lies(Box(0.40, 0.76, 0.48, 0.82), from_s=26.0)])
    assert seen.trade.visits == 1


def test_a_nudged_camera_moves_the_pitch() -> None:
    seen = street([VENDOR], [Lies()], until_s=40.0)
    (thing,) = seen.keeper.things
    seen.keeper.shift(0.1, 0.0)
    assert thing.anchor.left == pytest.approx(0.5833, abs=1e-3)
    for t in (42.0, 44.0):
        seen.keeper.update(Look(t, LUMA, (somebody(0.6),)))
    assert thing.presence is Presence.SEEN


def test_goes_on_after_a_restart() -> None:
    (thing,) = street([VENDOR], [Lies()]).keeper.things
    after = PitchKeeper([GROUND], cast("ChangeKeeper", Changes(())))
    after.adopt(thing)
    gone: list[Thing] = []
    # Ten minutes later the vendor is still there, until 720 s. What was bought before is not known any more.
    for t in range(660, 760, 2):
        gone += after.update(Look(float(t), LUMA, (somebody(0.5),) if t <= 720 else ())).gone
        if t == 720:
            # 48 s before, and 660 to 720 s after.
            assert after.signs(thing) == Trade(108.0, 0.0, 708.0, Amount.SMALL, 0)
    assert gone == [thing]
    assert thing.last_s == 720.0


def test_whoever_is_remembered_is_forgotten() -> None:
    seen = street([Stands(0.5, 10, 30)], [Lies(until_s=30.0)], until_s=120.0)
    assert seen.keeper.things == []
    assert seen.keeper._people.people == []
    assert BODY == 0.2
