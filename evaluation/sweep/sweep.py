"""Runs a sweep: `sweep.json`, `sweep.svg`, and a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from evaluation.datasets.truth import Dataset
from evaluation.errors import EvaluationError
from evaluation.report.build import write_json
from evaluation.running.analysed import Plan, Progress, analyse_clips, problems_of
from evaluation.sweep.plot import write_plot
from evaluation.sweep.rows import Found, Row, best_by_f1, best_by_recall, rows_of

EXACT: Final = {
    "score": "exact: the detector itself drops no alarm for its score; without --dwell, this is the product's own analysis",
    "dwell_s": "exact for the detector without its change gate: each zone was watched once for each dwell by the rule itself; "
    "with the gate, as the product runs, an alarm may come a sample later",
    "truth": "as labelled: alarm_s is that of the labelled dwell, so delays of other dwells are shifted by the difference",
    "choice": "the best row was chosen on the clips that it was measured on: confirm it with `evaluate` on others",
}
_DIGITS: Final = 4


def sweep(
    dataset: Dataset,
    out: Path,
    plan: Plan,
    *,
    scores: Sequence[float],
    fa_per_hour_max: float,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Analyse each clip once, and score all combinations; dwells are those of the plan's settings.

    Returns:
        The content of sweep.json.

    Raises:
        EvaluationError: no clip could be analysed.
        models.errors.ModelError: the model or the provider can't be had.
    """
    analysed = analyse_clips(dataset, out, plan, progress)
    problems = [*dataset.problems, *problems_of(analysed.clips)]
    clips = [
        Found(it.clip, it.found["incidents"], float(it.found["sources"][0]["read_s"]))
        for it in analysed.clips
        if it.found is not None
    ]
    if not clips:
        raise EvaluationError("\n".join(["no clip could be analysed", *problems]))
    rows = rows_of(clips, scores, plan.settings.dwells_s)
    content = {
        "schema": 1,
        "model": plan.settings.model,
        "media_s": round(sum(clip.media_s for clip in clips), _DIGITS),
        "clips": len(clips),
        "problems": problems,
        "exact": EXACT,
        "rows": [row_document(row) for row in rows],
        "best_f1": _document(best_by_f1(rows)),
        "best_recall": {
            "fa_per_camera_hour_max": fa_per_hour_max,
            "row": _document(best_by_recall(rows, fa_per_hour_max)),
        },
    }
    write_json(out / "sweep.json", content)
    write_plot(out / "sweep.svg", rows, fa_per_hour_max)
    return content


def row_document(row: Row) -> dict[str, Any]:
    """A combination as sweep.json says it: counts and rates over all types."""
    found = row.metrics
    rates = {"precision": found.precision, "recall": found.recall, "f1": found.f1}
    return {
        "score_min": row.score_min,
        "dwell_s": row.dwell_s,
        "found": found.found,
        "false_alarms": found.false_alarms,
        "misses": found.misses,
        **{name: _rounded(value) for name, value in rates.items()},
        "fa_per_camera_hour": _rounded(found.fa_per_camera_hour),
        "delay_s": {name: _rounded(value) for name, value in dataclasses.asdict(found.delay_s).items()},
    }


def _document(row: Row | None) -> dict[str, Any] | None:
    return None if row is None else row_document(row)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS) + 0.0
