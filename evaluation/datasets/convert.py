"""Between annotations of others, which count pictures, and our incidents, which count seconds. Pure.

The end of an incident is the first picture without it: an event whose last picture is the clip's last has no end, and one
that is there on the clip's first picture has no onset. Where only every n-th picture was annotated, the last n-1 count as
annotated, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.zoning.geometry import Box
from detector.zoning.zones import Zone
from evaluation.datasets.annotations import Annotations, Event, Sighting, counted
from evaluation.datasets.checks import TYPES_OF_KIND
from evaluation.datasets.timeline import Timeline
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Prediction, Truth


@dataclass(frozen=True)
class Imported:
    """Incidents out of annotations.

    Attributes:
        incidents: in the order of their onset.
        scores: how sure whoever annotated was, for each incident; None for truth.
        problems: what was left out, or filled in: a line for each reason, with a count.
    """

    incidents: tuple[Truth, ...]
    scores: tuple[float | None, ...]
    problems: tuple[str, ...]


class _LeftOut(Exception):  # noqa: N818 - not an error: counted
    """Why an event is no incident."""


def to_incidents(
    annotations: Annotations,
    timeline: Timeline,
    zones: Sequence[Zone],
    types: Mapping[str, str],
    *,
    zone: str | None = None,
) -> Imported:
    """Make incidents of events.

    An event belongs to the zone that it names, else to `zone`, else to the first zone that can give its type and holds the
    ground contact of its box. Its alarm is due at its onset and the zone's dwell; what ends before is no incident. Its box
    is the last one seen up to the alarm.

    Args:
        annotations: of the clip.
        timeline: of the clip.
        zones: of its camera.
        types: what categories mean: category to incident type.
        zone: id of the zone that all events belong to.

    Raises:
        EvaluationError: the camera has no zone `zone`.
    """
    known = {item.id: item for item in zones}
    if zone is not None and zone not in known:
        raise EvaluationError(f"zone {zone!r} is not in the cameras file: allowed are {', '.join(sorted(known))}")
    incidents: list[Truth] = []
    scores: list[float | None] = []
    reasons, boxless = Counter[str](), 0
    for event in annotations.events:
        kind = types.get(event.category)
        if kind is None:
            reasons[f"category {event.category!r} is unknown (--category {event.category}=TYPE tells)"] += 1
            continue
        try:
            incidents.append(_incident(event, kind, timeline, _zone(event, kind, known, zone)))
        except _LeftOut as reason:
            reasons[f"{event.category}: {reason}"] += 1
        else:
            scores.append(event.score)
            boxless += not event.sightings
    filled = (f"without a box: {boxless} took the bounds of their zone",) if boxless else ()
    return Imported(tuple(incidents), tuple(scores), (*annotations.problems, *counted(reasons), *filled))


def _zone(event: Event, kind: str, zones: Mapping[str, Zone], forced: str | None) -> Zone:
    name = event.zone or forced
    if name is not None:
        if name not in zones:
            raise _LeftOut(f"zone {name!r} is not in the cameras file")
        if TYPES_OF_KIND[zones[name].kind] != kind:
            raise _LeftOut(f"zone {name!r} of kind {zones[name].kind} can't give {kind}")
        return zones[name]
    able = [zone for zone in zones.values() if TYPES_OF_KIND[zone.kind] == kind]
    if not able:
        raise _LeftOut(f"no zone can give {kind}")
    if not event.sightings:
        if len(able) == 1:
            return able[0]
        raise _LeftOut(f"has no box, and {len(able)} zones can give {kind} (--zone tells which)")
    for zone in able:
        if any(zone.holds(sighting.box) for sighting in event.sightings):
            return zone
    raise _LeftOut("stands in no zone that can give it")


def _incident(event: Event, kind: str, timeline: Timeline, zone: Zone) -> Truth:
    count = len(timeline)
    if not 0 <= event.first <= event.last < count:
        raise _LeftOut(f"lies outside the clip's {count} pictures")
    onset_s = None if event.first == 0 else timeline.time_s(event.first)
    goes_on = event.last + event.stride >= count
    end_s = None if goes_on else timeline.time_s(event.last + 1)
    alarm_s = round((onset_s or 0.0) + zone.dwell_s, 6)
    if alarm_s > (timeline.length_s if end_s is None else end_s):
        raise _LeftOut(f"was over before the dwell of {zone.dwell_s:g} s")
    return Truth(kind, zone.id, onset_s, alarm_s, _box(event, timeline, alarm_s, zone), end_s)


def _box(event: Event, timeline: Timeline, alarm_s: float, zone: Zone) -> Box:
    seen = [
        sighting for sighting in event.sightings if timeline.times_s[min(sighting.frame, len(timeline) - 1)] <= alarm_s
    ]
    if not event.sightings:  # the format has none: as near as can be said, it is the zone
        xs, ys = zip(*zone.polygon, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))
    return (seen[-1] if seen else event.sightings[0]).box


def to_annotations(
    incidents: Sequence[Truth | Prediction], timeline: Timeline, types: Mapping[str, str]
) -> Annotations:
    """Make events of incidents: a box that stands still, on every picture from onset to end.

    Args:
        incidents: true ones, or confirmed ones that the detector reported.
        timeline: of the clip.
        types: what categories mean, as for `to_incidents`; the first that means a type is taken.
    """
    names: dict[str, str] = {}
    for category, kind in types.items():
        names.setdefault(kind, category)
    events: list[Event] = []
    reasons = Counter[str]()
    for number, incident in enumerate(incidents, start=1):
        if incident.type not in names:
            reasons[f"type {incident.type} has no category in this format"] += 1
            continue
        end_s, score = (incident.end_s, None) if isinstance(incident, Truth) else (incident.ended_s, incident.score)
        first = 0 if incident.onset_s is None else timeline.frame_at(incident.onset_s)
        last = len(timeline) - 1 if end_s is None else max(first, timeline.frame_at(end_s) - 1)
        boxes = tuple(Sighting(frame, incident.box) for frame in range(first, last + 1))
        events.append(Event(str(number), names[incident.type], first, last, boxes, incident.zone, score))
    return Annotations(tuple(events), counted(reasons))
