"""MOTChallenge: a folder with `seqinfo.ini` and `gt/gt.txt`.

A row is `frame, id, left, top, width, height, considered, class, visibility`: frames from 1, pixels with the origin top left
(the challenge counts pixels from 1; what it calls 1 is our 0, and what we write follows that). `considered` 0 means that the
row is not to be scored: it is left out. Classes are numbers. Their names stand in `gt/labels.txt`, one a line, where a tool has
written it; without it a class goes by its number, as in `--category 3=illegal_parking`. A track is one incident from its first
row to its last: a track of a car that drives through is no incident, so map only classes that are.
"""

from __future__ import annotations

import configparser
import csv
from collections import Counter
from pathlib import Path

from evaluation.datasets.annotations import Annotations, Sighting, box_of, counted, events_of, pixels_of
from evaluation.datasets.formats.layout import OWN_TYPES, ClipFacts, Format
from evaluation.errors import EvaluationError

_COLUMNS_MIN = 6
_ORIGIN_PX = 1  # what the challenge calls the first pixel


def read_mot(path: Path, clip: ClipFacts, first_frame: int) -> Annotations:
    """Read a sequence folder.

    Raises:
        EvaluationError: a file is missing, or a row is not numbers.
    """
    size_px = _size_px(path / "seqinfo.ini", clip)
    names = _labels(path / "gt" / "labels.txt")
    rows, reasons = [], Counter[str]()
    for name, category, frame, considered, box_px in mot_rows(path / "gt" / "gt.txt", names):
        box = box_of(*box_px, size_px)
        if not considered:
            reasons["row that is not to be considered"] += 1
        elif box is None:
            reasons["row whose box is empty or outside the frame"] += 1
        else:
            rows.append((name, category, Sighting(frame - first_frame, box)))
    return Annotations(events_of(rows), counted(reasons))


def mot_rows(path: Path, names: list[str]) -> list[tuple[str, str, int, bool, tuple[float, float, float, float]]]:
    """The rows of a file: track, category, frame as it stands there, whether it is to be scored, box x1, y1, x2, y2 in pixels.

    Raises:
        EvaluationError: it can't be read, or a row is not numbers.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror}") from error
    rows = []
    for number, cells in enumerate(csv.reader(lines), start=1):
        if not cells:
            continue
        if len(cells) < _COLUMNS_MIN:
            raise EvaluationError(f"{path}:{number}: has {len(cells)} columns: allowed are {_COLUMNS_MIN} and more")
        try:
            values = [float(cell) for cell in cells]
        except ValueError:
            raise EvaluationError(f"{path}:{number}: is not all numbers: {','.join(cells)[:80]}") from None
        frame, track, left, top, width, height = values[:6]
        considered = len(values) < 7 or values[6] != 0  # noqa: PLR2004 - the seventh column
        kind = int(values[7]) if len(values) > 7 else 1  # noqa: PLR2004 - the eighth
        category = names[kind - 1] if 1 <= kind <= len(names) else str(kind)
        left, top = left - _ORIGIN_PX, top - _ORIGIN_PX
        rows.append((f"{track:g}", category, int(frame), considered, (left, top, left + width, top + height)))
    return rows


def _labels(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _size_px(path: Path, clip: ClipFacts) -> tuple[int, int]:
    info = configparser.ConfigParser()
    try:
        if not info.read(path, encoding="utf-8"):
            raise EvaluationError(f"{path}: can't be read: no such file")
        sequence = info["Sequence"]
        size_px = sequence.getint("imWidth", 0), sequence.getint("imHeight", 0)
        pictures = sequence.getint("seqLength", 0)
    except (configparser.Error, KeyError, ValueError) as error:
        raise EvaluationError(f"{path}: is not a seqinfo.ini: {' '.join(str(error).split())}") from error
    if min(size_px) <= 0:
        raise EvaluationError(f"{path}: imWidth and imHeight are missing: allowed are pixels")
    if pictures > clip.pictures:
        raise EvaluationError(f"{path}: seqLength {pictures}: {clip.name} has {clip.pictures} pictures")
    return size_px


def write_mot(path: Path, clip: ClipFacts, first_frame: int, annotations: Annotations) -> None:
    """Write a sequence folder; classes are numbered in the order of `gt/labels.txt`."""
    labels = sorted({event.category for event in annotations.events})
    info = configparser.ConfigParser()
    info.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their capitals
    info["Sequence"] = {
        "name": Path(clip.name).stem,
        "imDir": "img1",
        "frameRate": f"{clip.fps:g}",
        "seqLength": str(clip.pictures),
        "imWidth": str(clip.size_px[0]),
        "imHeight": str(clip.size_px[1]),
        "imExt": ".jpg",
    }
    rows = []
    for track, event in enumerate(annotations.events, start=1):
        for sighting in event.sightings:
            left, top, right, bottom = pixels_of(sighting.box, clip.size_px)
            frame, kind = sighting.frame + first_frame, labels.index(event.category) + 1
            corner = left + _ORIGIN_PX, top + _ORIGIN_PX
            rows.append((frame, track, *corner, right - left, bottom - top, 1, kind, 1.0))
    (path / "gt").mkdir(parents=True, exist_ok=True)
    with (path / "seqinfo.ini").open("w", encoding="utf-8") as file:
        info.write(file, space_around_delimiters=False)
    with (path / "gt" / "gt.txt").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(sorted(rows))
    (path / "gt" / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")


MOT = Format("mot", 1, OWN_TYPES, read_mot, write_mot)
