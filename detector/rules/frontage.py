"""Road occupation: goods, boards or furniture that a shop puts before its front and leaves there, whoever is near."""

from detector.rules.rule import Judgement, Stay, Subject
from detector.rules.signs import Company
from detector.zoning.zones import Zone, ZoneKind

SEEN_SHARE_MIN = 0.5
"""Share of the looks with a free view that must have shown it where it was put."""
SEEN_MIN = 3
VIEW_SHARE_MIN = 0.3
"""Share of all looks that must have had a free view: before a shop people stand in front most of the time."""


class FrontageRule:
    """Confirmed once the thing has stood there for `dwell_s`. What was moved, or is a light, is no thing that was put there."""

    incident_type = "road_occupation"
    subject = Subject.FRONT
    needs = frozenset({"person"})
    kinds = frozenset({ZoneKind.FRONTAGE})

    def judge(self, stay: Stay, zone: Zone) -> Judgement:
        """Judges a thing's stay."""
        company = stay.signs if isinstance(stay.signs, Company) else Company(alone_s=0.0)
        free_looks = max(1, stay.looks - stay.hidden)
        shown_share = (stay.seen + stay.held) / free_looks
        put_there = stay.onset_s is not None and not company.moved
        confirmed = (
            put_there
            and stay.present
            and stay.stood_s >= zone.dwell_s
            and stay.seen >= SEEN_MIN
            and shown_share >= SEEN_SHARE_MIN
            and free_looks >= VIEW_SHARE_MIN * stay.looks
        )
        hidden = f", hidden in {stay.hidden}" if stay.hidden else ""
        return Judgement(
            confirmed=confirmed,
            score=round(min(1.0, 0.5 + 0.5 * shown_share) if put_there else 0.0, 3),
            why={
                "summary": (
                    f"A {stay.class_name} was put there and stood {stay.stood_s:.0f} s of {zone.dwell_s:.0f} s permitted; "
                    f"seen in {stay.seen} of {stay.looks} looks{hidden}."
                ),
                "stood_s": round(stay.stood_s, 2),
                "dwell_s": zone.dwell_s,
                "there_from_start": stay.onset_s is None,
                "looks": stay.looks,
                "seen": stay.seen,
                "held_by_appearance": stay.held,
                "hidden": stay.hidden,
                "moved_furniture": company.moved,
                "alone_s": round(company.alone_s, 2),
            },
        )
