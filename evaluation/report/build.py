"""The content of `report.json`, which machines read and the page is made of.

It holds nothing that changes from run to run (no date, no duration of the run), so two runs on one machine write the same
bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from evaluation.metrics.breakdown import metrics_by_camera, metrics_by_rule, metrics_by_zone
from evaluation.metrics.det_curve import DetCurve, det_curve
from evaluation.metrics.intervals import intervals
from evaluation.metrics.matching import Match, Prediction, Truth
from evaluation.metrics.reliability import reliability
from evaluation.metrics.scoring import ClipScore, metrics, metrics_by_type, only_type
from evaluation.report.differences import Nearest, nearest_prediction, nearest_truth
from evaluation.report.facts import ClipFacts
from evaluation.report.page import render_html

__all__ = ["SCHEMA_VERSION", "build_report", "render_html", "rounded", "write_json", "write_text"]

SCHEMA_VERSION: Final = 1
_DIGITS: Final = 4  # a tenth of a millisecond; beyond it only rounding noise is left


def build_report(
    clips: Sequence[ClipScore],
    *,
    model: str,
    problems: Sequence[str] = (),
    unknown_keys: int = 0,
    facts: Sequence[ClipFacts] = (),
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of report.json, plain and rounded.

    Args:
        clips: scored.
        model: name of the model.
        problems: a line for whatever is not part of the score.
        unknown_keys: of dataset and truth files.
        facts: of each clip, in their order; without them there are no zones, no `why` and no table of rules.
        settings: what the result depends on (`facts.run_settings`); it must not change from run to run.

    Raises:
        EvaluationError: something is true or predicted in a zone that the clip's camera doesn't have.
    """
    media_s = sum(clip.media_s for clip in clips)
    types = metrics_by_type(clips)
    report = {
        "schema": SCHEMA_VERSION,
        "model": model,
        "settings": dict(settings or {}),
        "media_s": media_s,
        "all": {
            **dataclasses.asdict(metrics([clip.matching for clip in clips], media_s)),
            "intervals": dataclasses.asdict(intervals(clips)),
        },
        "types": {
            kind: {**dataclasses.asdict(found), "intervals": dataclasses.asdict(intervals(_of_type(clips, kind)))}
            for kind, found in types.items()
        },
        "rules": _rules(clips, facts),
        "cameras": {camera: dataclasses.asdict(found) for camera, found in metrics_by_camera(clips).items()},
        "zones": [
            {"camera": camera, "zone": zone, **dataclasses.asdict(found)}
            for (camera, zone), found in metrics_by_zone(clips).items()
        ],
        "curves": {
            "det": {kind: _det(_of_type(clips, kind), media_s) for kind in types},
            "reliability": _reliability(clips),
        },
        "clips": [_clip(clip, known or ClipFacts()) for clip, known in zip_longest(clips, facts[: len(clips)])],
        "problems": list(problems),
        "unknown_keys": unknown_keys,
    }
    plain: dict[str, Any] = rounded(report)
    return plain


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a document with sorted keys; the file appears whole or not at all."""
    write_text(path, json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file; it appears whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _of_type(clips: Sequence[ClipScore], kind: str) -> list[ClipScore]:
    return [dataclasses.replace(clip, matching=only_type(clip.matching, kind)) for clip in clips]


def _rules(clips: Sequence[ClipScore], facts: Sequence[ClipFacts]) -> dict[str, Any]:
    """By kind of zone; nothing where the zones of some clip are not known, as a part would pass for the whole."""
    cameras = [known.camera for known in facts if known.camera is not None]
    if len(cameras) < len(clips):
        return {}
    kinds = {(camera.id, zone.id): zone.kind.value for camera in cameras for zone in camera.zones}
    return {kind: dataclasses.asdict(found) for kind, found in metrics_by_rule(clips, kinds).items()}


def _det(clips: Sequence[ClipScore], media_s: float) -> dict[str, Any] | None:
    curve: DetCurve | None = det_curve([(clip.matching.predictions, clip.matching.truths) for clip in clips], media_s)
    return None if curve is None else {**dataclasses.asdict(curve), "naudc": curve.naudc()}


def _reliability(clips: Sequence[ClipScore]) -> dict[str, Any] | None:
    known = reliability(clip.matching for clip in clips)
    return None if known is None else dataclasses.asdict(known)


def _clip(clip: ClipScore, facts: ClipFacts) -> dict[str, Any]:
    matching = clip.matching

    def predicted(prediction: Prediction) -> dict[str, Any]:
        why = facts.incidents.get(prediction.id, {}).get("why")
        return dataclasses.asdict(prediction) | ({"why": why} if why else {})

    return {
        "name": clip.name,
        "camera": clip.camera,
        "status": clip.status,
        "media_s": clip.media_s,
        "zones": _zones(facts),
        "matches": [predicted(pair.prediction) | _match(pair) for pair in matching.matches],
        "false_alarms": [
            predicted(wrong) | {"nearest": _nearest(nearest_truth(wrong, matching), "truth")}
            for wrong in matching.false_alarms
        ],
        "misses": [
            _truth(missed) | {"nearest": _nearest(nearest_prediction(missed, matching), "prediction")}
            for missed in matching.misses
        ],
    }


def _zones(facts: ClipFacts) -> list[dict[str, Any]]:
    return [
        {
            "id": zone.id,
            "kind": zone.kind.value,
            "polygon": [list(corner) for corner in zone.polygon],
            "dwell_s": zone.dwell_s,
        }
        for zone in (facts.camera.zones if facts.camera is not None else ())
    ]


def _match(pair: Match) -> dict[str, Any]:
    return {
        "delay_s": pair.delay_s,
        "onset_error_s": pair.onset_error_s,
        "iou": pair.iou,
        "truth": _truth(pair.truth),
    }


def _nearest(nearest: Nearest | None, side: str) -> dict[str, Any] | None:
    if nearest is None:
        return None
    other = _truth(nearest.truth) if side == "truth" else dataclasses.asdict(nearest.prediction)
    return {side: other, "differs": nearest.differs, "onset_off_s": nearest.onset_off_s, "iou": nearest.iou}


def _truth(truth: Truth) -> dict[str, Any]:
    return dataclasses.asdict(truth)


def rounded(value: Any) -> Any:
    """The same with its numbers rounded, however deep they are; tuples become lists."""
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0  # never -0.0
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
