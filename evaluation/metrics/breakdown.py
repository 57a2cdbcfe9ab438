"""The metrics of each camera, each zone and each rule. Pure.

The film of a camera is that of its own clips. A zone has all the film of its camera, since it is watched all the time; a
rule has that of every camera with such a zone, counted once however many it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Matching
from evaluation.metrics.scoring import ClipScore, Metrics, metrics, only

Place = tuple[str, str]
"""Ids of a camera and of one of its zones."""


def metrics_by_camera(clips: Sequence[ClipScore]) -> dict[str, Metrics]:
    """The metrics of each camera, over all of its clips; one in whose clips nothing happens is there, too."""
    return {
        camera: metrics([clip.matching for clip in clips if clip.camera == camera], _media_s(clips, {camera}))
        for camera in sorted({clip.camera for clip in clips})
    }


def metrics_by_zone(clips: Sequence[ClipScore]) -> dict[Place, Metrics]:
    """The metrics of each zone in which something is true or predicted."""
    return {place: _at(clips, {place}) for place in sorted(_places(clips))}


def metrics_by_rule(clips: Sequence[ClipScore], kinds: Mapping[Place, str]) -> dict[str, Metrics]:
    """The metrics of each kind of zone: `no_parking` and `fire_lane` are one incident type, but two rules.

    Args:
        clips: scored.
        kinds: the kind of each zone of their cameras; a kind in whose zones nothing happens is there, too.

    Raises:
        EvaluationError: something is true or predicted in a zone whose kind isn't given.
    """
    unknown = sorted(_places(clips) - set(kinds))
    if unknown:
        known = ", ".join("/".join(place) for place in sorted(kinds)) or "none"
        raise EvaluationError(f"zone {'/'.join(unknown[0])}: its kind is not known; known are those of {known}")
    return {
        kind: _at(clips, {place for place, other in kinds.items() if other == kind})
        for kind in sorted(set(kinds.values()))
    }


def _at(clips: Sequence[ClipScore], places: set[Place]) -> Metrics:
    """The metrics of some zones; the film is that of their cameras."""
    matchings = [_in_zones(clip, {zone for camera, zone in places if camera == clip.camera}) for clip in clips]
    return metrics(matchings, _media_s(clips, {camera for camera, _ in places}))


def _in_zones(clip: ClipScore, zones: set[str]) -> Matching:
    return only(clip.matching, lambda one: one.zone in zones)


def _media_s(clips: Sequence[ClipScore], cameras: set[str]) -> float:
    return sum(clip.media_s for clip in clips if clip.camera in cameras)


def _places(clips: Sequence[ClipScore]) -> set[Place]:
    return {(clip.camera, one.zone) for clip in clips for one in clip.matching.everything}
