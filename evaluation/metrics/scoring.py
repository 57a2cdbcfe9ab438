"""Numbers over the matchings of many clips: precision, recall, F1, false alarms per camera-hour, delays. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detector.zoning.geometry import Box
from evaluation.metrics.ended_error import ended_errors
from evaluation.metrics.matching import Matching, Prediction, Truth


@dataclass(frozen=True)
class ClipScore:
    """One clip, scored.

    Attributes:
        name: what the dataset calls it.
        camera: id of its camera.
        status: how reading it ended: `ok`, or `truncated` if the file broke in the middle.
        media_s: how much of it was analysed.
        matching: what was found, raised for nothing, missed.
    """

    name: str
    camera: str
    status: str
    media_s: float
    matching: Matching


@dataclass(frozen=True)
class Spread:
    """Median, 95th percentile (linear between neighbours) and greatest of some seconds; all None if there are none."""

    median: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True)
class Metrics:
    """How good a detector is on some clips. A rate whose denominator is 0 is None, never 0 or 1.

    Attributes:
        found: true incidents that were predicted.
        false_alarms: predictions that are no true incident.
        misses: true incidents that were not predicted.
        precision: found of predicted.
        recall: found of true.
        f1: harmonic mean of the two; None if there was nothing to find and nothing was predicted.
        fa_per_camera_hour: false alarms per hour of analysed film.
        delay_s: alarm minus ideal alarm, over what was found; negative is early.
        onset_error_s: absolute error of the onset, over what was found.
        ended_error_s: absolute error of the end, over what was found and ended in truth and prediction.
        ended_missed: found, over in truth, but still going on for the detector.
        ended_invented: found, still going on in truth, but over for the detector.
    """

    found: int
    false_alarms: int
    misses: int
    precision: float | None
    recall: float | None
    f1: float | None
    fa_per_camera_hour: float | None
    delay_s: Spread
    onset_error_s: Spread
    ended_error_s: Spread
    ended_missed: int
    ended_invented: int


def spread(values_s: Sequence[float]) -> Spread:
    """Summarise some seconds.

    Examples:
        >>> spread([1.0, 2.0, 3.0])  # 95 % of the way from the 1st to the 3rd is 2 + 0.9
        Spread(median=2.0, p95=2.9, max=3.0)
    """
    if not values_s:
        return Spread(None, None, None)
    return Spread(float(np.median(values_s)), float(np.percentile(values_s, 95)), float(max(values_s)))


def metrics(matchings: Iterable[Matching], media_s: float) -> Metrics:
    """Score what was matched in `media_s` seconds of film."""
    known = list(matchings)
    matches = [found for matching in known for found in matching.matches]
    found = len(matches)
    false_alarms = sum(len(matching.false_alarms) for matching in known)
    misses = sum(len(matching.misses) for matching in known)
    ended = ended_errors(matches)
    return Metrics(
        found=found,
        false_alarms=false_alarms,
        misses=misses,
        precision=_ratio(found, found + false_alarms),
        recall=_ratio(found, found + misses),
        f1=_ratio(2 * found, 2 * found + false_alarms + misses),
        fa_per_camera_hour=_ratio(false_alarms * 3600, media_s),
        delay_s=spread([pair.delay_s for pair in matches]),
        onset_error_s=spread([abs(pair.onset_error_s) for pair in matches]),
        ended_error_s=spread([abs(error_s) for error_s in ended.errors_s]),
        ended_missed=ended.missed,
        ended_invented=ended.invented,
    )


def metrics_by_type(clips: Sequence[ClipScore]) -> dict[str, Metrics]:
    """The metrics of each incident type that occurs, true or predicted; the film is all film, whatever happens in it."""
    media_s = sum(clip.media_s for clip in clips)
    types = sorted({one.type for clip in clips for one in clip.matching.everything})
    return {kind: metrics([only_type(clip.matching, kind) for clip in clips], media_s) for kind in types}


def only_type(matching: Matching, kind: str) -> Matching:
    """What is of one incident type."""
    return only(matching, lambda one: one.type == kind)


def only(matching: Matching, keep: Callable[[Prediction | Truth], bool]) -> Matching:
    """The part of a matching that is asked for; a match goes by its truth, which has its prediction's type and zone."""
    return Matching(
        tuple(pair for pair in matching.matches if keep(pair.truth)),
        tuple(prediction for prediction in matching.false_alarms if keep(prediction)),
        tuple(truth for truth in matching.misses if keep(truth)),
    )


def confirmed(incidents: Iterable[Mapping[str, Any]]) -> list[Prediction]:
    """The incidents of an incidents.json that were confirmed: only these are scored."""
    return [
        Prediction(
            id=str(incident["id"]),
            type=str(incident["type"]),
            zone=str(incident["zone"]),
            onset_s=incident.get("onset_s"),
            confirmed_s=float(incident["confirmed_s"]),
            box=Box(*incident["box"]),
            score=1.0 if incident.get("score") is None else float(incident["score"]),
            ended_s=incident.get("ended_s"),
        )
        for incident in incidents
        if incident.get("confirmed_s") is not None
    ]


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
