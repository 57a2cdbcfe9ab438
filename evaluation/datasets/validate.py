"""Looks a dataset over before anybody relies on it: everything that `evaluate` would leave out, and what it can't notice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.datasets.checks import TOLERANCE_S
from evaluation.datasets.document import Document, Place, read_document
from evaluation.datasets.soundness import clip_problems
from evaluation.datasets.timeline import read_timeline
from evaluation.datasets.truth import ClipTruth, clip_of, only_camera, survey
from evaluation.errors import EvaluationError

_PLACE: Final = re.compile(r"^(?P<path>[a-z_]+(?:\[\d+\]|\.[a-z_0-9]+)*): ")
_STEP: Final = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True)
class Validation:
    """What was looked at, and what is wrong with it.

    Attributes:
        clips: how many clips could be read.
        incidents: how many of their incidents are sound.
        findings: a line each: file, line where there is one, place, what is wrong, what is allowed.
    """

    clips: int
    incidents: int
    findings: tuple[str, ...]


def validate(
    path: Path, progress: Callable[[Iterable[ClipTruth]], Iterable[ClipTruth]] = iter, *, decode: bool = True
) -> Validation:
    """Check DATASET.yaml, its cameras and truth files, and decode its clips.

    Args:
        path: the dataset.
        progress: wraps the clips while they are decoded, to show how far it is.
        decode: False trusts that the pictures in the clips are whole; it is what takes the time.

    Raises:
        EvaluationError: the dataset itself can't be read.
    """
    dataset = survey(path)
    findings = list(dataset.problems)
    seen: dict[Path, str] = {}
    for clip in progress(dataset.clips):
        findings += _clip_findings(clip, decode=decode)
        cameras = clip.cameras.resolve()
        if cameras in seen:
            findings.append(f"{path}: cameras {clip.name!r} is listed twice: allowed is once")
        seen[cameras] = clip.name
    return Validation(len(dataset.clips), sum(len(clip.incidents) for clip in dataset.clips), tuple(findings))


def _clip_findings(clip: ClipTruth, *, decode: bool) -> list[str]:
    try:
        camera = only_camera(clip.cameras)
    except EvaluationError as error:
        return [_with_line(clip.cameras, line) for line in str(error).splitlines()]
    try:
        timeline = clip.timeline or read_timeline(clip_of(camera))
    except EvaluationError as error:
        return [f"{clip.cameras}:{_source_line(clip.cameras)}: cameras.0.source: {error}"]
    findings = []
    if clip.truth is not None and abs(clip.duration_s - timeline.length_s) > TOLERANCE_S:
        document = read_document(clip.truth)
        reason = f"{clip.duration_s:g} is not the length of the clip: {timeline.path} lasts {timeline.length_s:.2f} s"
        findings.append(document.said(("duration_s",), reason))
    if decode:
        findings += clip_problems(timeline)
    return findings


def _with_line(cameras: Path, message: str) -> str:
    """Adds the line to what the cameras file's reader says."""
    said = message.removeprefix(f"{cameras}: ")
    found = _PLACE.match(said)
    document = _document(cameras)
    if document is None or found is None or said == message:
        return message
    place: Place = tuple(int(step) if step.isdigit() else step for step in _STEP.findall(found["path"]))
    return f"{cameras}:{document.line(place)}: {said}"


def _source_line(cameras: Path) -> int:
    document = _document(cameras)
    return 1 if document is None else document.line(("cameras", 0, "source"))


def _document(path: Path) -> Document | None:
    try:
        return read_document(path)
    except EvaluationError:
        return None
