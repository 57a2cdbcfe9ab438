"""Illegal parking: a vehicle that stands where it must not, for longer than the zone permits."""

from detector.rules.rule import Judgement, Stay
from detector.zones import Zone, ZoneKind

SEEN_MIN = 3
"""Looks in which the detector itself must have seen a vehicle: one or two may be a slip."""
SEEN_SHARE_MIN = 0.25
"""Share of the looks with a free view in which it must have; the rest may be held by the look of the place."""
VIEW_SHARE_MIN = 0.5
"""Share of all looks that must have had a free view: of what was hidden longer, nobody can say that it is still the same."""


class ParkingRule:
    """Confirmed once the vehicle has stood for `dwell_s` in media time; however often it was hidden meanwhile."""

    incident_type = "illegal_parking"
    role = "vehicle"
    kinds = frozenset({ZoneKind.NO_PARKING, ZoneKind.FIRE_LANE})

    def judge(self, stay: Stay, zone: Zone) -> Judgement:
        """Judges a vehicle's stay."""
        free_looks = stay.seen + stay.held
        seen_share = stay.seen / max(1, free_looks)
        confirmed = (
            stay.stood_s >= zone.dwell_s
            and stay.present
            and stay.seen >= SEEN_MIN
            and seen_share >= SEEN_SHARE_MIN
            and free_looks >= VIEW_SHARE_MIN * stay.looks
        )
        since = "since before watching began" if stay.onset_s is None else "since it came to rest"
        hidden = f", hidden in {stay.hidden}" if stay.hidden else ""
        return Judgement(
            confirmed=confirmed,
            score=round(min(1.0, stay.mean_score * (0.5 + 0.5 * seen_share)), 3),
            why={
                "summary": (
                    f"A {stay.class_name} stood {stay.stood_s:.0f} s of {zone.dwell_s:.0f} s permitted, {since}; "
                    f"seen in {stay.seen} of {stay.looks} looks{hidden}."
                ),
                "stood_s": round(stay.stood_s, 2),
                "dwell_s": zone.dwell_s,
                "there_from_start": stay.onset_s is None,
                "looks": stay.looks,
                "seen": stay.seen,
                "held_by_appearance": stay.held,
                "hidden": stay.hidden,
                "mean_score": round(stay.mean_score, 3),
            },
        )
