"""Scores what the detector says of the clips of a dataset, and writes the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from detector.errors import ConfigError
from evaluation.datasets.truth import ClipTruth, Dataset
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import match
from evaluation.metrics.scoring import ClipScore, confirmed
from evaluation.report.build import build_report, write_json
from evaluation.report.facts import ClipFacts, clip_facts, run_settings
from evaluation.report.machine import machine
from evaluation.report.write import write_report
from evaluation.running.analysed import Analysed, AnalysedClip, Plan, Progress, analyse_clips, folder_of, problems_of
from streams.errors import SourceError

TRUNCATED = "truncated"


class Analyze(Protocol):
    """Analyses the recorded files of a cameras file and returns the content of incidents.json (`detector.analyze.analyze`)."""

    def __call__(self, cameras_path: Path, out_dir: Path, *, model: str) -> Mapping[str, Any]:
        """Analyse; evidence goes to `out_dir`."""


def evaluate(dataset: Dataset, out: Path, plan: Plan, progress: Progress | None = None) -> dict[str, Any]:
    """Analyse and score every clip; write `report.json`, `report.html`, `timing.json` and, under `clips/`, the evidence.

    A clip that can't be analysed, or whose process dies, is left out: it is named among the report's problems and counted
    in `clips_failed`; the others are scored. One that breaks off in the middle is scored as far as it goes, and counted in
    `clips_truncated`.

    Args:
        dataset: what to score.
        out: folder to write to; it is made. Clips that are finished there are taken as they are.
        plan: how the clips are worked on.
        progress: shows how far it is.

    Returns:
        the content of report.json.

    Raises:
        EvaluationError: no clip could be analysed.
        models.errors.ModelError: the model or the provider can't be had.
    """
    analysed = analyse_clips(dataset, out, plan, progress)
    problems = [*dataset.problems, *problems_of(analysed.clips)]
    scores = [score_clip(clip.clip, clip.found) for clip in analysed.clips if clip.found is not None]
    facts = [clip_facts(clip.clip.cameras, clip.found) for clip in analysed.clips if clip.found is not None]
    report = _report(scores, dataset, problems, plan.settings.model, facts)
    report |= {
        "clips_failed": sum(clip.found is None for clip in analysed.clips),
        "clips_broke": sum(clip.broke for clip in analysed.clips),
        "clips_truncated": sum(score.status == TRUNCATED for score in scores),
    }
    write_report(out, report, facts, machine=machine(provider=plan.settings.provider))
    write_json(out / "timing.json", _timing(analysed))
    return report


def run(dataset: Dataset, out: Path, analyze: Analyze, *, model: str) -> dict[str, Any]:
    """Score a detector of one's own, clip after clip in this process; nothing of it is kept for a next time.

    Returns:
        the content of report.json.

    Raises:
        EvaluationError: no clip could be analysed.
    """
    scores: list[ClipScore] = []
    problems = list(dataset.problems)
    for index, clip in enumerate(dataset.clips):
        try:
            scores.append(score_clip(clip, analyze(clip.cameras, folder_of(out, index, clip), model=model)))
        except (ConfigError, SourceError, EvaluationError) as error:
            problems += [f"{clip.name}: {line}" for line in str(error).splitlines()]
    report = _report(scores, dataset, problems, model)
    write_report(out, report)
    return report


def score_clip(clip: ClipTruth, found: Mapping[str, Any]) -> ClipScore:
    """Compare the content of an incidents.json with what is true of its clip.

    Raises:
        EvaluationError: it is of several cameras.
    """
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


def _report(
    scores: Sequence[ClipScore],
    dataset: Dataset,
    problems: Sequence[str],
    model: str,
    facts: Sequence[ClipFacts] = (),
) -> dict[str, Any]:
    if not scores:
        raise EvaluationError("\n".join(["no clip could be analysed", *problems]))
    return build_report(
        scores,
        model=model,
        problems=problems,
        unknown_keys=dataset.unknown_keys,
        facts=facts,
        settings=run_settings(model),
    )


def _timing(analysed: Analysed) -> dict[str, Any]:
    """What it took. `wall_s` is that of this run, in which kept clips were not analysed; those of clips are their own."""
    scored = [clip for clip in analysed.clips if clip.found is not None]
    new = [clip for clip in scored if not clip.kept]
    new_s, cpu_s = sum(map(_media_s, new)), sum(clip.cost.cpu_s for clip in new)
    return {
        "schema": 1,
        "clips": [
            {
                "name": clip.clip.name,
                "camera": _source(clip)["camera"],
                "media_s": _media_s(clip),
                "wall_s": clip.cost.wall_s,
                "cpu_s": clip.cost.cpu_s,
                "kept": clip.kept,
            }
            for clip in scored
        ],
        "media_s": sum(map(_media_s, scored)),
        "analysed_media_s": new_s,
        "wall_s": analysed.wall_s,
        "cpu_s": cpu_s,
        "cpu_s_per_film_minute": 60 * cpu_s / new_s if new_s else None,
        "times_real_time": new_s / analysed.wall_s if new_s else None,
    }


def _source(clip: AnalysedClip) -> Mapping[str, Any]:
    assert clip.found is not None  # noqa: S101 - those without are left out
    source: Mapping[str, Any] = clip.found["sources"][0]
    return source


def _media_s(clip: AnalysedClip) -> float:
    return float(_source(clip)["read_s"])
