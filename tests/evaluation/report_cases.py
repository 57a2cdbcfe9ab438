"""Reports made by hand: clips with true incidents and predictions, scored as an evaluation scores them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lxml import html

from detector.zoning.geometry import Box
from evaluation.metrics.matching import Prediction, Truth, match
from evaluation.metrics.scoring import ClipScore
from evaluation.report.build import build_report

BOX = Box(0.4, 0.4, 0.6, 0.6)
PARKING, DUMPING = "illegal_parking", "dumping"


def truth(onset_s: float | None = 10.0, *, kind: str = PARKING, zone: str = "kerb", box: Box = BOX) -> Truth:
    """Due 30 s after its onset."""
    return Truth(kind, zone, onset_s, (onset_s or 0.0) + 30.0, box)


def alarm(
    onset_s: float | None = 10.0,
    *,
    delay_s: float = 1.0,
    name: str = "p",
    kind: str = PARKING,
    zone: str = "kerb",
    box: Box = BOX,
    score: float = 0.8,
) -> Prediction:
    """Raised `delay_s` after the ideal moment of a true incident with the same onset."""
    return Prediction(name, kind, zone, onset_s, (onset_s or 0.0) + 30.0 + delay_s, box, score)


def clip(name: str, truths: list[Truth], alarms: list[Prediction], media_s: float = 450.0) -> ClipScore:
    return ClipScore(f"{name}.yaml", name, "ok", media_s, match(alarms, truths))


def write(folder: Path, clips: list[ClipScore], model: str = "m", **more: Any) -> dict[str, Any]:
    """A folder with a report.json."""
    report = build_report(clips, model=model, **more)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report))
    return report


def parsed(page: str) -> Any:
    """The page as a tree."""
    return html.document_fromstring(page)


def text_of(element: Any) -> str:
    """What it says, with a space between cells."""
    return " ".join(" ".join(element.itertext()).split())
