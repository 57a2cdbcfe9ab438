"""Street vending: somebody stays with things that stay, others come, stop and go. Evidence adds up."""

from detector.rules.rule import Judgement, Stay, Subject
from detector.rules.signs import Amount, Trade
from detector.zoning.zones import Zone, ZoneKind

VENDOR, GOODS = 0.30, 0.20
"""For a vendor who has kept to the goods, and goods that have lain there, for all of the dwell. Together they are what a
traveller with a suitcase does as well, or somebody with a bag on a bench: not enough."""
AMOUNT = {None: 0.0, Amount.SMALL: 0.05, Amount.MEDIUM: 0.13, Amount.LARGE: 0.25}
"""For the goods: a bag is carried anyway; what covers as much as a person is laid out, and nobody waits for a bus with it."""
VISIT, VISITS_MAX = 0.125, 2
"""For each who came, stopped and went, up to so many: one may have asked the way."""
ENOUGH = 0.70
"""With a cloth, a table or a cart it is enough to stay (0.75); with a carton or a bundle one customer must have come and gone
(0.755), with a bag two (0.80); people who talk beside a bag come and stay (0.55)."""


class VendingRule:
    """Confirmed once the trade has gone on for `dwell_s` and its evidence is enough: customers may bring it later."""

    incident_type = "street_vending"
    subject = Subject.PITCH
    needs = frozenset({"person"})
    kinds = frozenset({ZoneKind.NO_VENDING})

    def judge(self, stay: Stay, zone: Zone) -> Judgement:
        """Judges a pitch."""
        trade = stay.signs if isinstance(stay.signs, Trade) else Trade(0.0, 0.0, 0.0, None, 0)
        parts = {
            "vendor_stays": VENDOR * _share(trade.vendor_s, zone.dwell_s),
            "goods_stay": GOODS * _share(trade.goods_s, zone.dwell_s),
            "goods": AMOUNT[trade.amount],
            "visits": VISIT * min(trade.visits, VISITS_MAX),
        }
        score = sum(parts.values())
        goes_on = (
            stay.present and stay.stood_s >= zone.dwell_s and trade.vendor_away_s == 0 and trade.amount is not None
        )
        goods = [*([trade.amount.value] if trade.amount else []), *trade.goods]
        customers = f"{trade.visits} {'other' if trade.visits == 1 else 'others'} came, stopped and went"
        return Judgement(
            confirmed=goes_on and score >= ENOUGH,
            score=round(min(1.0, score), 3),
            why={
                "summary": (
                    f"Somebody kept to goods ({', '.join(goods)}) for {trade.vendor_s:.0f} s of"
                    f" {zone.dwell_s:.0f} s permitted; {customers}; evidence {score:.2f} of {ENOUGH:.2f}."
                ),
                "stood_s": round(stay.stood_s, 2),
                "dwell_s": zone.dwell_s,
                "vendor_s": trade.vendor_s,
                "goods_s": trade.goods_s,
                "goods": goods,
                "visits": trade.visits,
                "looks": stay.looks,
                "seen": stay.seen,
                "hidden": stay.hidden,
                "evidence": {part: round(value, 3) for part, value in parts.items()},
                "evidence_needed": ENOUGH,
            },
        )


def _share(lasted_s: float, dwell_s: float) -> float:
    return max(0.0, min(1.0, lasted_s / dwell_s))
