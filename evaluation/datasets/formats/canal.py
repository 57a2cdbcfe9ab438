"""The city-governance track of the contest 大运河杯 (Grand Canal Cup) of 2024: one JSON file for each clip.

The layout that we take, after a published description of the task; no official file was at hand: a list of
`{"frame_id", "event_id", "category", "bbox": [xmin, ymin, xmax, ymax]}`, one entry for each event on each picture. Beside them
`"confidence"` (0 to 1) may stand, which is ours. Pictures are counted from 0 (the description does not say; `--first-frame 1`
reads it the other way), boxes are in pixels, `event_id` is the same for one event over all pictures, categories are Chinese.

Categories of the contest that no rule of ours covers (非机动车违停, 垃圾桶满溢) are named, counted and left out.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import Field, TypeAdapter

from evaluation.datasets.annotations import Annotations, Sighting, box_of, counted, events_of, pixels_of
from evaluation.datasets.formats.layout import OWN_TYPES, ClipFacts, Foreign, Format, load_json, save_json

TYPES = {
    "机动车违停": "illegal_parking",
    "违法经营": "street_vending",
    "游商经营": "street_vending",
    "无照经营游商": "street_vending",
    "占道经营": "road_occupation",
    "店外经营": "road_occupation",
    "垃圾倾倒": "dumping",
}


class _Entry(Foreign):
    frame_id: int
    event_id: int | str
    category: str
    bbox: tuple[float, float, float, float]
    confidence: float | None = Field(default=None, ge=0, le=1)


def read_canal(path: Path, clip: ClipFacts, first_frame: int) -> Annotations:
    """Read a file of the contest.

    Raises:
        EvaluationError: it is not such a list.
    """
    rows, scores, reasons = [], dict[str, float](), Counter[str]()
    for entry in load_json(path, TypeAdapter(list[_Entry])):
        box = box_of(*entry.bbox, clip.size_px)
        if box is None:
            reasons["entry whose box is empty or outside the frame"] += 1
            continue
        name = str(entry.event_id)
        rows.append((name, entry.category, Sighting(entry.frame_id - first_frame, box)))
        if entry.confidence is not None:
            scores[name] = max(entry.confidence, scores.get(name, 0.0))
    return Annotations(events_of(rows, scores), counted(reasons))


def write_canal(path: Path, clip: ClipFacts, first_frame: int, annotations: Annotations) -> None:
    """Write a file of the contest, in the order of its pictures; `confidence` where there is a score."""
    entries = []
    for number, event in enumerate(annotations.events, start=1):
        for sighting in event.sightings:
            entry = {
                "frame_id": sighting.frame + first_frame,
                "event_id": number,
                "category": event.category,
                "bbox": list(pixels_of(sighting.box, clip.size_px)),
            }
            entries.append(entry if event.score is None else {**entry, "confidence": event.score})
    entries.sort(key=lambda entry: (entry["frame_id"], entry["event_id"]))
    save_json(path, entries)


CANAL = Format("canal", 0, {**TYPES, **OWN_TYPES}, read_canal, write_canal)
