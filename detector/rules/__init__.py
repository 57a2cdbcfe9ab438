"""The rules: one pure object for each kind of incident."""

from detector.rules.parking import ParkingRule
from detector.rules.rule import Judgement, Rule, Stay
from detector.zones import ZoneKind

RULES: tuple[Rule, ...] = (ParkingRule(),)

__all__ = ["RULES", "Judgement", "Rule", "Stay", "rule_for"]


def rule_for(kind: ZoneKind) -> Rule | None:
    """The rule that watches zones of a kind; None if there is none yet."""
    return next((rule for rule in RULES if kind in rule.kinds), None)
