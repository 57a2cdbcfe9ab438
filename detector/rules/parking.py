"""Illegal parking: a vehicle that stands where it must not, for longer than the zone permits. A queue is not parking."""

from detector.rules.rule import Ask, Judgement, Stay, Subject
from detector.rules.signs import Passing, Traffic
from detector.zoning.zones import Zone, ZoneKind

SEEN_MIN = 3
"""Looks in which the detector itself must have seen a vehicle: one or two may be a slip."""
SEEN_SHARE_MIN = 0.25
"""Share of the looks with a free view in which it must have; the rest may be held by the look of the place."""
VIEW_SHARE_MIN = 0.5
"""Share of all looks that must have had a free view: of what was hidden longer, nobody can say that it is still the same."""
SCORE_MIN = 0.3
"""Seldom and faintly seen, it is something else: rubbish on a wet road is called a car at 0.35 in every other look."""
PAIR_SHARE = 1 / 3
"""Of the permitted time, and no more than a red phase: two that stopped together get so much more where nothing is known yet
of the place. A pair that has parked stands there much longer anyway, and of one that waits the first soon drives off."""
RED_PHASE_S = 45.0
"""Two that stopped together are held to be a queue as long as this, the usual one: they may as well have parked together."""
QUEUE_MAX_S = 120.0
"""Three are, through the longest red phase that there is at a junction."""
JAM_MAX_S = 300.0
"""Four and more that stopped one after the other hardly parked; but a jam, too, moves on within minutes."""
JAM_OTHERS = 3
BUSY_MIN = 2
"""Vehicles that drive by within a quarter of a minute, where there is a light: in a quiet street two have parked ..."""
LANE_MIN = 2
"""... unless others drove over the very spot, or one stopped there and drove on: two that stand in a lane mostly wait."""
STOPS_MIN = 3
"""Where so many have stopped in a quarter of an hour and soon drove on, one that stands alone is given a red phase, too."""
HELD_BACK_MIN_S = 2.5
"""Less is the rest of a patrol interval."""

ALONE = Traffic(in_file=0, neighbours=0)


class ParkingRule:
    """Confirmed once the vehicle has stood for `dwell_s` in media time, however often it was hidden meanwhile.

    As long as it stands in a file of vehicles that all came in one wave, it is held back, but not for ever.
    """

    incident_type = "illegal_parking"
    subject = Subject.VEHICLE
    needs = frozenset({"vehicle"})
    kinds = frozenset({ZoneKind.NO_PARKING, ZoneKind.FIRE_LANE})
    may_queue = True

    def judge(self, stay: Stay, zone: Zone) -> Judgement:
        """Judges a vehicle's stay."""
        traffic = stay.signs if self.may_queue and isinstance(stay.signs, Traffic) else ALONE
        free_looks = stay.seen + stay.held
        seen_share = stay.seen / max(1, free_looks)
        score = round(min(1.0, stay.mean_score * (0.5 + 0.5 * seen_share)), 3)
        stood = (
            stay.stood_s >= zone.dwell_s
            and stay.present
            and stay.seen >= SEEN_MIN
            and seen_share >= SEEN_SHARE_MIN
            and score >= SCORE_MIN
            and free_looks >= VIEW_SHARE_MIN * stay.looks
        )
        queues = stay.stood_s < zone.dwell_s + _patience_s(traffic, stay.passed, zone.dwell_s)
        # Traffic is only asked about a queue: once it was, the stay has been held back.
        held_back_s = 0.0 if stay.passed is None else max(0.0, stay.stood_s - zone.dwell_s)
        since = "since before watching began" if stay.onset_s is None else "since it came to rest"
        hidden = f", hidden in {stay.hidden}" if stay.hidden else ""
        around = _sentence(traffic, stay.passed, held_back_s)
        return Judgement(
            confirmed=stood and not queues,
            score=score,
            why={
                "summary": (
                    f"A {stay.class_name} stood {stay.stood_s:.0f} s of {zone.dwell_s:.0f} s permitted, {since}; "
                    f"seen in {stay.seen} of {stay.looks} looks{hidden}.{around}"
                ),
                "stood_s": round(stay.stood_s, 2),
                "dwell_s": zone.dwell_s,
                "there_from_start": stay.onset_s is None,
                "looks": stay.looks,
                "seen": stay.seen,
                "held_by_appearance": stay.held,
                "hidden": stay.hidden,
                "mean_score": round(stay.mean_score, 3),
                "in_file": traffic.in_file,
                "neighbours": traffic.neighbours,
                "stopped_before": traffic.stops,
                "drove_here_before": traffic.driven,
                "drove_around": None if stay.passed is None else stay.passed.around,
                "drove_by": None if stay.passed is None else stay.passed.by,
                "held_back_s": round(held_back_s, 2),
            },
            asks=Ask.PASSED if stood and queues else None,
        )


class TwoWheelerParkingRule(ParkingRule):
    """The same of bicycles and motorcycles that somebody has left there: those in a queue have riders, and are no things."""

    incident_type = "two_wheeler_parking"
    subject = Subject.TWO_WHEELER
    needs = frozenset({"two_wheeler"})
    kinds = frozenset({ZoneKind.NO_TWO_WHEELERS})
    may_queue = False


def _patience_s(traffic: Traffic, passed: Passing | None, dwell_s: float) -> float:
    """How much longer than permitted it may stand before that is no waiting at a light, nor in a jam."""
    in_file = traffic.in_file
    # Nobody drives around a queue. The more stand in file, the less likely it is that all of them have parked at once.
    if passed is not None and passed.around >= max(1, in_file):
        return 0.0
    is_lane = traffic.driven >= LANE_MIN or traffic.stops > 0
    if in_file == 1 and passed is not None and passed.by < BUSY_MIN and not is_lane:
        return min(RED_PHASE_S, PAIR_SHARE * dwell_s)
    if in_file == 0:
        return RED_PHASE_S if traffic.stops >= STOPS_MIN else 0.0
    return JAM_MAX_S if in_file >= JAM_OTHERS else (RED_PHASE_S, QUEUE_MAX_S)[in_file - 1]


def _sentence(traffic: Traffic, passed: Passing | None, held_back_s: float) -> str:
    """What is said of the traffic, where it was asked about."""
    if passed is None:
        return ""
    in_file = traffic.in_file
    file = "1 vehicle stands" if in_file == 1 else f"{in_file} vehicles stand"
    parts = [
        f"{file} in file with it" if in_file else "",
        f"{_vehicles(passed.around)} drove around it" if passed.around else "",
        f"{_vehicles(passed.by) if passed.by else 'none'} drove by",
        f"{_vehicles(traffic.driven)} came through here before, {traffic.stops} of them stopped"
        if traffic.driven
        else "",
        f"held back {held_back_s:.0f} s as a queue" if held_back_s >= HELD_BACK_MIN_S else "",
    ]
    return f" {'; '.join(part for part in parts if part).capitalize()}."


def _vehicles(count: int) -> str:
    return f"{count} vehicle{'' if count == 1 else 's'}"
