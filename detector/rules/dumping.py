"""Dumping: a thing that was put down, and left by whoever put it there."""

from typing import Any

from detector.rules.rule import Ask, Judgement, Stay, Subject
from detector.rules.signs import Actor, Company
from detector.zoning.zones import Zone, ZoneKind

SEEN_MIN = 3
"""Looks that must have shown it: one or two may be a slip."""
SEEN_SHARE_MIN = 0.7
"""Share of the looks with a free view that must have shown it there; in the rest its place looked otherwise."""
ALONE_S = 3.0
"""Nobody has stayed near it for more than one patrol look, or for two of the ground's at full rate: the detector may miss a
person in one look, but seldom the same one again."""
UNSEEN_DWELL = 1.5
"""Where nobody was seen to put it there, it must lie so many times as long as the zone says ..."""
UNSEEN_SEEN_SHARE = 0.9
"""... and show in so many of the looks with a free view."""
UNSEEN_SCORE = 0.6
VEHICLE_SCORE = 0.3
"""Seen closely, vehicles that were missed have 0.3 to 0.9, and dumped things are hardly ever called one at all."""
UNSEEN_VEHICLE_SCORE = 0.15
"""Where nobody was seen to put it there, a fainter one is enough: it may have come by itself."""
STILL_NEAR_ALONE_S = 10.0
"""Where the pictures of the arrival end before whoever put it there has left, it must have been alone so long."""


class DumpingRule:
    """Confirmed once it has lain for `dwell_s` and whoever put it there has gone; what was there before is no incident."""

    incident_type = "dumping"
    subject = Subject.THING
    needs = frozenset({"person"})
    kinds = frozenset({ZoneKind.NO_DUMPING})

    def judge(self, stay: Stay, zone: Zone) -> Judgement:
        """Judges a thing's stay."""
        company = stay.signs if isinstance(stay.signs, Company) else Company(alone_s=0.0)
        shown = stay.seen + stay.held
        share = shown / max(1, stay.looks - stay.hidden)
        left = (
            stay.onset_s is not None
            and stay.stood_s >= zone.dwell_s
            and stay.present
            and shown >= SEEN_MIN
            and share >= SEEN_SHARE_MIN
            and company.alone_s >= ALONE_S
            and not company.moved
        )
        borne_out = left and stay.actor_sought and _borne_out(stay, zone, company, share)
        asks = Ask.ACTOR if left and not stay.actor_sought else Ask.CLOSELY if borne_out and not stay.closely else None
        vehicle_score = UNSEEN_VEHICLE_SCORE if stay.actor is None else VEHICLE_SCORE
        return Judgement(
            confirmed=borne_out and stay.closely is not None and stay.closely.score < vehicle_score,
            score=round(min(1.0, share) * (1.0 if stay.actor is not None else UNSEEN_SCORE), 3),
            why=_why(stay, zone, company),
            asks=asks,
        )


def _borne_out(stay: Stay, zone: Zone, company: Company, share: float) -> bool:
    """Whether what look-back says of the actor is enough."""
    if stay.actor is None:
        return stay.stood_s >= UNSEEN_DWELL * zone.dwell_s and share >= UNSEEN_SEEN_SHARE
    return stay.actor.left_s is not None or company.alone_s >= STILL_NEAR_ALONE_S


def _why(stay: Stay, zone: Zone, company: Company) -> dict[str, Any]:
    onset_s = stay.onset_s
    why: dict[str, Any] = {
        "summary": _summary(stay, zone, company),
        "stood_s": round(stay.stood_s, 2),
        "dwell_s": zone.dwell_s,
        "there_from_start": onset_s is None,
        "looks": stay.looks,
        "seen": stay.seen,
        "held_by_appearance": stay.held,
        "hidden": stay.hidden,
        "alone_s": round(company.alone_s, 2),
        "moved": company.moved,
        "covered_share": round(company.covered, 3),
        "actor_sought": stay.actor_sought,
        "actor": None,
        "vehicle": None if stay.closely is None else stay.closely.class_name,
        "vehicle_score": None if stay.closely is None else round(stay.closely.score, 3),
    }
    actor = stay.actor
    if actor is not None:
        why["actor"] = {
            "role": actor.role,
            "class": actor.class_name,
            "box": [round(value, 4) for value in actor.box],
            # Seconds of media time mean nothing to a reader: how long after it was put there.
            "left_after_s": None if actor.left_s is None else round(max(0.0, actor.left_s - stay.since_s), 2),
            "went": actor.went,
        }
    return why


def _summary(stay: Stay, zone: Zone, company: Company) -> str:
    lay = f"it lay there for {stay.stood_s:.0f} s of {zone.dwell_s:.0f} s"
    alone = f"nobody has stayed near it for {company.alone_s:.0f} s"
    looks = f"seen in {stay.seen + stay.held} of {stay.looks} looks"
    hidden = f", hidden in {stay.hidden}" if stay.hidden else ""
    tail = f"{lay}, {alone}; {looks}{hidden}."
    if stay.onset_s is None:
        return f"There since before watching began; {tail}"
    if company.moved:
        return f"Moved from close by, where it stood before; {tail}"
    if stay.actor is None:
        unseen = "nobody was seen to do it" if stay.actor_sought else "by whom is not known yet"
        return f"Put down; {unseen}; {tail}"
    return f"Put down by a {_who(stay.actor, stay.onset_s)}; {tail}"


def _who(actor: Actor, onset_s: float) -> str:
    who = "person" if actor.role == "person" else actor.class_name
    if actor.left_s is None:
        return f"{who} who was still near when the pictures ended" if who == "person" else f"{who} still near it"
    which = "who" if who == "person" else "that"
    way = {"left": " to the left", "right": " to the right", "away": " into the distance"}.get(actor.went or "", "")
    way = " towards the camera" if actor.went == "towards the camera" else way
    return f"{who} {which} left after {max(0.0, actor.left_s - onset_s):.0f} s{way}"
