"""Runs the detector over the clips of a dataset and scores what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from detector.errors import ConfigError
from evaluation.datasets.truth import ClipTruth, Dataset
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import match
from evaluation.metrics.scoring import ClipScore, confirmed
from evaluation.report.build import build_report, render_html, write_json, write_text
from streams.errors import SourceError


class Analyze(Protocol):
    """Analyses the recorded files of a cameras file and returns the content of incidents.json (`detector.analyze.analyze`)."""

    def __call__(self, cameras_path: Path, out_dir: Path, *, model: str) -> Mapping[str, Any]:
        """Analyse; evidence goes to `out_dir`."""


def run(
    dataset: Dataset,
    out: Path,
    analyze: Analyze,
    *,
    model: str,
    progress: Callable[[Iterable[ClipTruth]], Iterable[ClipTruth]] = iter,
) -> dict[str, Any]:
    """Analyse and score every clip; write `report.json`, `report.html`, `timing.json` and, under `clips/`, the evidence.

    A clip that can't be analysed is left out, named among the report's problems; the others are scored.

    Args:
        dataset: what to score.
        out: folder to write to; it is made.
        analyze: the detector.
        model: name of the model it is to use.
        progress: wraps the clips while they are worked on, to show how far it is.

    Returns:
        the content of report.json.

    Raises:
        EvaluationError: no clip could be analysed.
    """
    scores: list[ClipScore] = []
    timings: list[dict[str, Any]] = []
    problems = list(dataset.problems)
    for index, clip in enumerate(progress(dataset.clips)):
        started = time.perf_counter()
        try:
            found = analyze(clip.cameras, out / "clips" / _folder(index, clip), model=model)
            score = _score(clip, found)
        except (ConfigError, SourceError, EvaluationError) as error:
            problems += [f"{clip.name}: {line}" for line in str(error).splitlines()]
            continue
        scores.append(score)
        timings.append({"camera": score.camera, "media_s": score.media_s, "wall_s": time.perf_counter() - started})
    if not scores:
        raise EvaluationError("\n".join(["no clip could be analysed", *problems]))
    report = build_report(scores, model=model, problems=problems, unknown_keys=dataset.unknown_keys)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "report.json", report)
    write_text(out / "report.html", render_html(report))
    write_json(out / "timing.json", _timing(timings))
    return report


def _folder(index: int, clip: ClipTruth) -> str:
    """A folder of its own for each clip, however alike their names are."""
    return f"{index:03d}-{clip.cameras.name.split('.')[0]}"


def _score(clip: ClipTruth, found: Mapping[str, Any]) -> ClipScore:
    sources = found["sources"]
    if len(sources) != 1:
        raise EvaluationError(f"has {len(sources)} cameras: a clip of a dataset has one")
    source = sources[0]
    return ClipScore(
        name=clip.name,
        camera=str(source["camera"]),
        status=str(source["status"]),
        media_s=float(source["read_s"]),
        matching=match(confirmed(found["incidents"]), clip.incidents),
    )


def _timing(timings: list[dict[str, Any]]) -> dict[str, Any]:
    media_s = sum(timing["media_s"] for timing in timings)
    wall_s = sum(timing["wall_s"] for timing in timings)
    return {"schema": 1, "clips": timings, "media_s": media_s, "wall_s": wall_s, "times_real_time": media_s / wall_s}
