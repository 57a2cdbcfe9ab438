"""Scores each combination of thresholds from one analysis. Pure.

The score of an incident is a filter: the detector raises every alarm whose rule is broken, whatever its score, so what a
threshold would leave is exactly what lies above it. Dwell is different: it decides when an alarm is raised, and whether. So
each zone is watched once for each dwell, in the same run, by the product's own rule. The zones don't influence each other as
long as the detector sees every sampled picture, so the change gate is off where dwells are swept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.datasets.truth import ClipTruth
from evaluation.metrics.matching import Matching, match
from evaluation.metrics.scoring import Metrics, confirmed, metrics
from evaluation.running.zones import zone_id


@dataclass(frozen=True)
class Found:
    """A clip and the content of its incidents.json."""

    clip: ClipTruth
    incidents: Sequence[Mapping[str, Any]]
    media_s: float


@dataclass(frozen=True)
class Row:
    """One combination. `dwell_s` None: zones as they are drawn."""

    score_min: float
    dwell_s: float | None
    metrics: Metrics


def rows_of(clips: Sequence[Found], scores: Sequence[float], dwells_s: Sequence[float]) -> list[Row]:
    """All combinations, by dwell and then by score."""
    media_s = sum(clip.media_s for clip in clips)
    return [
        Row(score_min, dwell_s, metrics([matching_of(clip, score_min, dwell_s) for clip in clips], media_s))
        for dwell_s in (dwells_s or (None,))
        for score_min in scores
    ]


def matching_of(found: Found, score_min: float, dwell_s: float | None) -> Matching:
    """What one combination finds in a clip."""
    return match(confirmed(_passing(found.incidents, score_min, dwell_s)), found.clip.incidents)


def _passing(
    incidents: Iterable[Mapping[str, Any]], score_min: float, dwell_s: float | None
) -> Iterable[Mapping[str, Any]]:
    """Incidents of the zones with this dwell whose score is high enough; zones have their own names again."""
    mark = "" if dwell_s is None else zone_id("", dwell_s)
    for incident in incidents:
        if incident["score"] >= score_min and incident["zone"].endswith(mark):
            yield {**incident, "zone": incident["zone"].removesuffix(mark)}


def best_by_f1(rows: Sequence[Row]) -> Row | None:
    """The highest F1; among equals the fewest false alarms, then the first. None if no row has one."""
    return max(
        (row for row in rows if row.metrics.f1 is not None),
        key=lambda row: (row.metrics.f1 or 0.0, -row.metrics.false_alarms),
        default=None,
    )


def best_by_recall(rows: Sequence[Row], fa_per_hour_max: float) -> Row | None:
    """The highest recall at no more false alarms per camera-hour; among equals the fewest. None if no row is that quiet."""
    quiet = [
        row
        for row in rows
        if row.metrics.recall is not None
        and row.metrics.fa_per_camera_hour is not None
        and row.metrics.fa_per_camera_hour <= fa_per_hour_max
    ]
    return max(quiet, key=lambda row: (row.metrics.recall or 0.0, -row.metrics.false_alarms), default=None)
