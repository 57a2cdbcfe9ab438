"""The rules: one pure object for each kind of incident."""

from detector.rules.dumping import DumpingRule
from detector.rules.frontage import FrontageRule
from detector.rules.parking import ParkingRule, TwoWheelerParkingRule
from detector.rules.rule import DETECTED, Ask, Judgement, Rule, Stay, Subject
from detector.rules.signs import Actor, Company, Passing, Signs, Trade, Traffic, Vehicle
from detector.rules.vending import VendingRule
from detector.zoning.zones import ZoneKind

RULES: tuple[Rule, ...] = (ParkingRule(), TwoWheelerParkingRule(), VendingRule(), FrontageRule(), DumpingRule())

__all__ = [
    "DETECTED",
    "RULES",
    "Actor",
    "Ask",
    "Company",
    "Judgement",
    "Passing",
    "Rule",
    "Signs",
    "Stay",
    "Subject",
    "Trade",
    "Traffic",
    "Vehicle",
    "rule_for",
]


def rule_for(kind: ZoneKind) -> Rule | None:
    """The rule that watches zones of a kind; None if there is none yet."""
    return next((rule for rule in RULES if kind in rule.kinds), None)
