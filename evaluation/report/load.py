"""Reads reports of earlier runs: a folder that `streetwarden evaluate` wrote, or its report.json alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from detector.zoning.geometry import Box
from evaluation.errors import EvaluationError
from evaluation.metrics.matching import Match, Matching, Prediction, Truth
from evaluation.metrics.scoring import ClipScore
from evaluation.report.gallery import PICTURES_FOLDER, read_stills

REPORT_FILE: Final = "report.json"
TIMING_FILE: Final = "timing.json"
_SCHEMAS: Final = (1,)


@dataclass(frozen=True)
class LoadedReport:
    """One run.

    Attributes:
        name: what a comparison calls it.
        report: content of its report.json.
        clips: the same, as the metrics take it. The name of a clip that is there twice has `#2` behind it.
        stills: JPEG files of its outcomes by name.
        machine: what it ran on; nothing where it is not known.
    """

    name: str
    report: Mapping[str, Any]
    clips: tuple[ClipScore, ...]
    stills: Mapping[str, bytes] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)


def load_report(path: Path) -> LoadedReport:
    """Read one.

    Args:
        path: folder that holds a report.json, or that file.

    Raises:
        EvaluationError: there is none, it is no report, or one of a schema that this version doesn't know.
    """
    file = path / REPORT_FILE if path.is_dir() else path
    if not file.is_file():
        what = f"holds no {REPORT_FILE}" if path.is_dir() else "no such file"
        raise EvaluationError(
            f"{path}: {what}: allowed is a folder that `streetwarden evaluate` wrote, or its {REPORT_FILE}"
        )
    report = _object(file)
    schema = report.get("schema")
    if "clips" not in report or "all" not in report:
        raise EvaluationError(f"{file}: is no report of an evaluation: it has no `all` and `clips`")
    if schema not in _SCHEMAS:
        raise EvaluationError(f"{file}: schema: {schema!r} is not known: allowed is {', '.join(map(str, _SCHEMAS))}")
    folder = file.parent
    timing = _object(folder / TIMING_FILE) if (folder / TIMING_FILE).is_file() else {}
    machine = timing.get("machine")
    return LoadedReport(
        name=folder.resolve().name,
        report=report,
        clips=_clips(file, report),
        stills=read_stills(folder / PICTURES_FOLDER),
        machine=machine if isinstance(machine, dict) else {},
    )


def unique_names(report: Mapping[str, Any]) -> list[str]:
    """The names of its clips, in their order, each once: the second `kerb.yaml` is `kerb.yaml#2`."""
    seen: Counter[str] = Counter()
    names = []
    for clip in report["clips"]:
        seen[clip["name"]] += 1
        names.append(clip["name"] if seen[clip["name"]] == 1 else f"{clip['name']}#{seen[clip['name']]}")
    return names


def truth_of(row: Mapping[str, Any]) -> Truth:
    """A true incident out of its row of a report."""
    return Truth(row["type"], row["zone"], row["onset_s"], row["alarm_s"], Box(*row["box"]), row.get("end_s"))


def prediction_of(row: Mapping[str, Any]) -> Prediction:
    """A prediction out of its row of a report."""
    box = Box(*row["box"])
    score, ended_s = row.get("score", 1.0), row.get("ended_s")
    return Prediction(row["id"], row["type"], row["zone"], row["onset_s"], row["confirmed_s"], box, score, ended_s)


def _object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise EvaluationError(f"{file}: can't be read: {error.strerror}") from error
    except ValueError as error:
        raise EvaluationError(f"{file}: is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise EvaluationError(f"{file}: is no JSON object")
    return content


def _clips(file: Path, report: Mapping[str, Any]) -> tuple[ClipScore, ...]:
    try:
        return tuple(_clip(name, clip) for name, clip in zip(unique_names(report), report["clips"], strict=True))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise EvaluationError(f"{file}: clips: not as schema {report['schema']} has them: {reason}") from error


def _clip(name: str, clip: Mapping[str, Any]) -> ClipScore:
    matching = Matching(
        tuple(Match(prediction_of(row), truth_of(row["truth"])) for row in clip["matches"]),
        tuple(prediction_of(row) for row in clip["false_alarms"]),
        tuple(truth_of(row) for row in clip["misses"]),
    )
    return ClipScore(name, clip["camera"], clip["status"], float(clip["media_s"]), matching)
