"""What can't be true: incidents outside the clip, in zones that are not there, too early, or twice. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from detector.zoning.geometry import iou
from detector.zoning.zones import Zone, ZoneKind
from evaluation.metrics.matching import Truth

TOLERANCE_S: Final = 0.5  # a stated time is often rounded, and a last picture lasts a while
SAME_PLACE_IOU_MIN: Final = 0.5  # two boxes that share more are one thing, as in the contest scores of this field

TYPES_OF_KIND: Final[Mapping[ZoneKind, str]] = {
    ZoneKind.NO_PARKING: "illegal_parking",
    ZoneKind.FIRE_LANE: "illegal_parking",
    ZoneKind.NO_TWO_WHEELERS: "two_wheeler_parking",
    ZoneKind.NO_VENDING: "street_vending",
    ZoneKind.FRONTAGE: "road_occupation",
    ZoneKind.NO_DUMPING: "dumping",
}
"""The incident type that each kind of zone can give."""


def impossible(
    truths: Mapping[int, Truth], *, duration_s: float, length_s: float | None, zones: Sequence[Zone] | None
) -> dict[int, str]:
    """Which incidents can't be true, and why.

    Args:
        truths: by their place in the file.
        duration_s: how long the truth file says the clip is.
        length_s: how long the clip really is; None if that is not known.
        zones: of its camera; None if they are not known.

    Returns:
        The reason for each that can't be true. Of two that exclude each other the later one is named.
    """
    known = None if zones is None else {zone.id: zone for zone in zones}
    reasons: dict[int, str] = {}
    kept: dict[int, Truth] = {}
    for index, truth in truths.items():
        reason = (
            _outside(truth, duration_s, length_s)
            or _misplaced(truth, known)
            or _too_short(truth)
            or _excluded(truth, kept)
        )
        if reason is None:
            kept[index] = truth
        else:
            reasons[index] = reason
    return reasons


def _outside(truth: Truth, duration_s: float, length_s: float | None) -> str | None:
    for key in ("onset_s", "alarm_s", "end_s"):
        value = getattr(truth, key)
        if value is None:
            continue
        if value > duration_s + TOLERANCE_S:
            return f"{key} {value:g} lies outside the clip: allowed is 0 to duration_s {duration_s:g}"
        if length_s is not None and value > length_s + TOLERANCE_S:
            return f"{key} {value:g} lies outside the clip: the file ends at {length_s:.2f} s"
    return None


def _misplaced(truth: Truth, zones: Mapping[str, Zone] | None) -> str | None:
    if zones is None:
        return None
    zone = zones.get(truth.zone)
    if zone is None:
        return f"zone {truth.zone!r} is not in the cameras file: allowed are {', '.join(sorted(zones))}"
    allowed = TYPES_OF_KIND[zone.kind]
    if truth.type != allowed:
        return f"type {truth.type} can't happen in zone {zone.id!r}: its kind {zone.kind} gives {allowed}"
    due_s = (truth.onset_s or 0.0) + zone.dwell_s
    if truth.alarm_s < due_s - TOLERANCE_S:
        return (
            f"alarm_s {truth.alarm_s:g} lies before onset and dwell: allowed is {due_s:g} and later"
            f" ({truth.onset_s or 0.0:g} + dwell_s {zone.dwell_s:g})"
        )
    return None


def _too_short(truth: Truth) -> str | None:
    if truth.end_s is None or truth.end_s >= truth.alarm_s - TOLERANCE_S:
        return None
    return f"end_s {truth.end_s:g} lies before alarm_s {truth.alarm_s:g}: what ends before its alarm is no incident"


def _excluded(truth: Truth, others: Mapping[int, Truth]) -> str | None:
    for index, other in others.items():
        if truth == other:
            return f"is the same as incidents.{index}"
        if (truth.type, truth.zone) != (other.type, other.zone) or not _at_once(truth, other):
            continue
        shared = iou(truth.box, other.box)
        if shared > SAME_PLACE_IOU_MIN:
            return (
                f"contradicts incidents.{index}: same type and zone, at the same time and place (IoU {shared:.2f}):"
                f" allowed is up to {SAME_PLACE_IOU_MIN:g}"
            )
    return None


def _at_once(one: Truth, other: Truth) -> bool:
    def end_s(truth: Truth) -> float:
        return float("inf") if truth.end_s is None else truth.end_s

    return (one.onset_s or 0.0) < end_s(other) and (other.onset_s or 0.0) < end_s(one)
