"""Writes the outcome of an evaluation: `report.json` for machines, `report.html` for people, `timing.json` beside them.

The report holds nothing that changes from run to run (no date, no duration of the run), so two runs on one machine write
the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from evaluation.metrics.matching import Match, Prediction, Truth
from evaluation.metrics.scoring import ClipScore, metrics, metrics_by_type

SCHEMA_VERSION: Final = 1
_DIGITS: Final = 4  # a tenth of a millisecond; beyond it only rounding noise is left


def build_report(
    clips: Sequence[ClipScore], *, model: str, problems: Sequence[str] = (), unknown_keys: int = 0
) -> dict[str, Any]:
    """The content of report.json, plain and rounded."""
    media_s = sum(clip.media_s for clip in clips)
    report = {
        "schema": SCHEMA_VERSION,
        "model": model,
        "media_s": media_s,
        "all": dataclasses.asdict(metrics([clip.matching for clip in clips], media_s)),
        "types": {kind: dataclasses.asdict(found) for kind, found in metrics_by_type(clips).items()},
        "clips": [_clip(clip) for clip in clips],
        "problems": list(problems),
        "unknown_keys": unknown_keys,
    }
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def render_html(report: dict[str, Any]) -> str:
    """The report as one page that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(report=report)


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


def _clip(clip: ClipScore) -> dict[str, Any]:
    matching = clip.matching
    return {
        "name": clip.name,
        "camera": clip.camera,
        "status": clip.status,
        "media_s": clip.media_s,
        "matches": [_match(pair) for pair in matching.matches],
        "false_alarms": [_prediction(prediction) for prediction in matching.false_alarms],
        "misses": [_truth(truth) for truth in matching.misses],
    }


def _match(pair: Match) -> dict[str, Any]:
    return {
        **_prediction(pair.prediction),
        "delay_s": pair.delay_s,
        "onset_error_s": pair.onset_error_s,
        "iou": pair.iou,
        "truth": _truth(pair.truth),
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return dataclasses.asdict(prediction)


def _truth(truth: Truth) -> dict[str, Any]:
    return dataclasses.asdict(truth)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0  # never -0.0
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
