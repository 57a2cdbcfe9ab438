"""Which moments of a report a colleague wants to see, and their stills, one small JPEG file for each outcome.

A false alarm and what was found are shown when the alarm was raised; a miss when it was due.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from detector.zoning.geometry import Box
from evaluation.errors import EvaluationError
from evaluation.report.facts import ClipFacts
from evaluation.report.pictures import pictures_at
from evaluation.report.still import small_jpeg, still

log = logging.getLogger(__name__)

PICTURES_FOLDER: Final = "pictures"
STILLS_MAX: Final = 500  # 30 MB at most; a page shows far fewer, a comparison picks from all of them
SHOWN_MAX: Final = 60  # 4 MB of page at most, and more than anybody looks at in one go
WORST_DELAYS: Final = 6

Kind = Literal["false_alarm", "miss", "match"]


@dataclass(frozen=True)
class Shot:
    """One outcome and how it is shown.

    Attributes:
        name: of its picture's file.
        kind: what came of it.
        clip: its clip, as in report.json.
        row: itself, as in report.json.
        time_s: media time of the picture.
        predicted: box of the prediction, its own or the nearest; None if there is none.
        true: box of the true incident, its own or the nearest; None if there is none.
    """

    name: str
    kind: Kind
    clip: Mapping[str, Any]
    row: Mapping[str, Any]
    time_s: float
    predicted: Box | None
    true: Box | None

    @property
    def zone(self) -> list[tuple[float, float]]:
        """Corners of its zone; none if they are not known."""
        corners = [zone["polygon"] for zone in self.clip.get("zones", ()) if zone["id"] == self.row["zone"]]
        return [(x, y) for x, y in corners[0]] if corners else []


def still_name(clip: int, kind: Kind, number: int) -> str:
    """The file of an outcome: of the clip at that place, that many of its kind come before it. Both count from 0."""
    return f"{clip:03d}-{kind.replace('_', '-')}-{number}.jpg"


def shots(report: Mapping[str, Any]) -> list[Shot]:
    """All outcomes of a report: false alarms first, then misses, then what was found, the slowest alarm first."""
    found = [
        Shot(still_name(index, kind, number), kind, clip, row, *_seen(kind, row))
        for index, clip in enumerate(report["clips"])
        for kind, rows in _outcomes(clip)
        for number, row in enumerate(rows)
    ]
    order: dict[Kind, int] = {"false_alarm": 0, "miss": 1, "match": 2}
    return sorted(found, key=lambda shot: (order[shot.kind], -shot.row.get("delay_s", 0.0)))


def failures(report: Mapping[str, Any]) -> list[Shot]:
    """What a gallery shows: every false alarm, every miss, and the alarms that came latest after their ideal moment."""
    late = [shot for shot in shots(report) if shot.kind == "match" and shot.row["delay_s"] > 0]
    return [shot for shot in shots(report) if shot.kind != "match"] + late[:WORST_DELAYS]


def take_stills(report: Mapping[str, Any], facts: Sequence[ClipFacts]) -> tuple[dict[str, bytes], list[str]]:
    """Make the stills of a report.

    Args:
        report: content of report.json.
        facts: of each of its clips, in their order.

    Returns:
        JPEG files by name, and a line for each thing that could not be shown.
    """
    wanted = shots(report)
    stills: dict[str, bytes] = {}
    missing: list[str] = []
    if len(wanted) > STILLS_MAX:
        missing.append(f"{len(wanted) - STILLS_MAX} more outcomes have no still: {STILLS_MAX} are taken")
    kept = wanted[:STILLS_MAX]
    for clip, known in zip(report["clips"], facts, strict=False):
        mine = [shot for shot in kept if shot.clip is clip]
        if not mine or known.camera is None:
            continue
        try:
            stills |= dict(_of_clip(mine, known))
        except EvaluationError as error:
            missing.append(f"{clip['name']}: no stills: {error}")
        lost = sum(shot.name not in stills for shot in mine)
        if lost:
            missing.append(f"{clip['name']}: {lost} of {len(mine)} stills can't be had")
    return stills, missing


def write_stills(folder: Path, stills: Mapping[str, bytes]) -> None:
    """Write them to a folder, in the place of those of an earlier run."""
    for old in folder.glob("[0-9][0-9][0-9]*-*-*.jpg"):
        old.unlink()
    if stills:
        folder.mkdir(parents=True, exist_ok=True)
    for name, data in stills.items():
        (folder / name).write_bytes(data)


def read_stills(folder: Path) -> dict[str, bytes]:
    """The stills of an earlier run, by name; none if there is no such folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.jpg"))}


def _outcomes(clip: Mapping[str, Any]) -> Iterator[tuple[Kind, Sequence[Mapping[str, Any]]]]:
    yield "false_alarm", clip["false_alarms"]
    yield "miss", clip["misses"]
    yield "match", clip["matches"]


def _seen(kind: Kind, row: Mapping[str, Any]) -> tuple[float, Box | None, Box | None]:
    """Time of the picture, predicted box, true box."""
    nearest = row.get("nearest") or {}
    if kind == "miss":
        return row["alarm_s"], _box(nearest.get("prediction")), _box(row)
    return row["confirmed_s"], _box(row), _box(row["truth"] if kind == "match" else nearest.get("truth"))


def _box(row: Mapping[str, Any] | None) -> Box | None:
    return None if row is None else Box(*row["box"])


def _of_clip(mine: Sequence[Shot], known: ClipFacts) -> Iterator[tuple[str, bytes]]:
    if known.camera is None or known.camera.address.live:
        return
    times_s = {shot.time_s for shot in mine}
    for time_s, picture in pictures_at(known.camera.address, times_s):
        for shot in mine:
            if shot.time_s == time_s:
                yield shot.name, small_jpeg(still(picture, predicted=shot.predicted, true=shot.true, zone=shot.zone))
