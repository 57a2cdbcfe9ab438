"""Evidence of vending adds up: each line of the table says what to."""

import pytest

from detector.rules.rule import Stay
from detector.rules.signs import Amount, Company, Trade
from detector.rules.vending import AMOUNT, ENOUGH, GOODS, VENDOR, VISIT, VendingRule
from detector.zoning.geometry import Box
from detector.zoning.zones import Zone, ZoneKind

ZONE = Zone("square", ZoneKind.NO_VENDING, ((0, 0), (1, 0), (1, 1), (0, 1)), dwell_s=60.0)


def stay(trade: Trade | Company | None, *, stood_s: float = 60.0, present: bool = True) -> Stay:
    return Stay(
        now_s=100.0 + stood_s,
        since_s=100.0,
        onset_s=100.0,
        box=Box(0.4, 0.4, 0.5, 0.6),
        class_name="pitch",
        mean_score=0.7,
        looks=31,
        seen=29,
        held=0,
        hidden=2,
        present=present,
        signs=trade,
    )


def trade(
    amount: str, visits: int = 0, *names: str, vendor_s: float = 60.0, goods_s: float = 60.0, away_s: float = 0.0
) -> Trade:
    return Trade(vendor_s, away_s, goods_s, amount, visits, names)


@pytest.mark.parametrize(
    ("signs", "score", "confirmed"),
    [
        # 0.30 for the vendor and 0.20 for the goods, both for all of the 60 s, and:
        pytest.param(
            trade(Amount.SMALL), 0.55, False, id="somebody with a bag beside them, on a bench or at a bus stop: 0.05"
        ),
        pytest.param(trade(Amount.SMALL, 1), 0.675, False, id="somebody asked them the way: 0.05 + 0.125"),
        pytest.param(trade(Amount.SMALL, 2), 0.80, True, id="two customers at a basket: 0.05 + 0.25"),
        pytest.param(trade(Amount.SMALL, 9), 0.80, True, id="nine customers are no more than two"),
        pytest.param(trade(Amount.MEDIUM), 0.63, False, id="a carton, or a traveller's two suitcases: 0.13"),
        pytest.param(trade(Amount.MEDIUM, 1), 0.755, True, id="a carton and a customer: 0.13 + 0.125"),
        pytest.param(trade(Amount.LARGE), 0.75, True, id="a cloth that is spread, a table, a cart: 0.25"),
        pytest.param(trade(Amount.LARGE, 2, "suitcase"), 1.0, True, id="all that there is"),
        # 0.30 x 36/60 = 0.18.
        pytest.param(
            trade(Amount.LARGE, vendor_s=36.0), 0.63, False, id="unloads: with the load for 36 s of 60 s: 0.18 + 0.45"
        ),
        pytest.param(
            trade(Amount.LARGE, 1, vendor_s=48.0), 0.815, True, id="fetched something for 12 s: 0.24 + 0.45 + 0.125"
        ),
        # 0.20 x 30/60 = 0.10.
        pytest.param(
            trade(Amount.MEDIUM, 1, goods_s=30.0), 0.655, False, id="goods lifted after 30 s: 0.30 + 0.10 + 0.255"
        ),
        pytest.param(
            trade(Amount.LARGE, 2, away_s=2.0), 1.0, False, id="just now nobody is there: who left it is another rule's"
        ),
        pytest.param(Trade(60.0, 0.0, 60.0, None, 3), 0.75, False, id="no goods any more"),
        pytest.param(None, 0.0, False, id="nothing is known"),
        pytest.param(Company(alone_s=0.0), 0.0, False, id="signs of something else"),
    ],
)
def test_evidence(signs, score, confirmed) -> None:
    judgement = VendingRule().judge(stay(signs), ZONE)
    assert judgement.score == pytest.approx(score)
    assert judgement.confirmed is confirmed
    assert sum(judgement.why["evidence"].values()) == pytest.approx(score, abs=2e-3)


def test_a_vendor_who_is_passing_is_not_reported() -> None:
    # All evidence that there is, 1 s before the dwell is over. What lasts longer counts no more than the dwell.
    signs = trade(Amount.LARGE, 2, vendor_s=59.0)
    assert not VendingRule().judge(stay(signs, stood_s=59.0), ZONE).confirmed
    late = trade(Amount.LARGE, vendor_s=600.0, goods_s=600.0)
    assert VendingRule().judge(stay(late, stood_s=600.0), ZONE).score == pytest.approx(0.75)


def test_what_the_newest_look_does_not_show_is_not_reported() -> None:
    assert not VendingRule().judge(stay(trade(Amount.LARGE), present=False), ZONE).confirmed


def test_no_two_of_the_parts_are_enough() -> None:
    # Whoever stays with goods may be a traveller, whatever stays may be rubbish, and people meet.
    parts = sorted([VENDOR, GOODS, max(AMOUNT.values()), 2 * VISIT])
    assert sum(parts[-2:]) < ENOUGH < sum(parts[-3:])


def test_why_is_for_people() -> None:
    why = VendingRule().judge(stay(trade(Amount.MEDIUM, 1, "suitcase")), ZONE).why
    assert why["summary"] == (
        "Somebody kept to goods (thing, suitcase) for 60 s of 60 s permitted; 1 other came, stopped and went;"
        " evidence 0.76 of 0.70."
    )
    assert why["evidence"] == {"vendor_stays": 0.3, "goods_stay": 0.2, "goods": 0.13, "visits": 0.125}
