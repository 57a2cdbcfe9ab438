"""CVAT's XML for video, version 1.1: tracks of boxes, frames from 0 as the video counts them.

A track is an incident in one of three ways, tried in this order:

- its boxes carry an attribute `incident` whose value names the category: the incident lasts from the first box with that
  value up to the picture before it changes; empty, `none`, `false` and `no` say that nothing happens. So one track can
  hold several;
- its label is `incident` and an attribute `type` names the category;
- else its label is the category.

An attribute `zone` names the zone. A box with `outside="1"` ends what was going on. Other shapes than boxes are counted and
left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from lxml import etree

from detector.zoning.geometry import Box
from evaluation.datasets.annotations import Annotations, Event, Sighting, box_of, counted
from evaluation.datasets.formats.layout import OWN_TYPES, ClipFacts, Format
from evaluation.errors import EvaluationError

_NOTHING: Final = frozenset({"", "none", "false", "no"})
_LABEL: Final = "incident"


def read_cvat(path: Path, clip: ClipFacts, first_frame: int) -> Annotations:
    """Read an XML file.

    Raises:
        EvaluationError: it is not CVAT's XML for video.
    """
    root = _root(path)
    size_px = _size_px(root, clip)
    events: list[Event] = []
    reasons = Counter[str]()
    for number, track in enumerate(root.iter("track")):
        name, label = track.get("id", str(number)), track.get("label", "")
        for other in track:
            if other.tag != "box":
                reasons[f"shape {other.tag!r} of a track"] += 1
        boxes = sorted(track.iter("box"), key=lambda box: int(box.get("frame", "0")))
        try:
            events += _events(name, label, boxes, size_px, first_frame)
        except (TypeError, ValueError) as error:
            raise EvaluationError(
                f"{path}:{track.sourceline}: track {name}: a box is not all numbers: {error}"
            ) from error
    return Annotations(tuple(sorted(events, key=lambda event: (event.first, event.id))), counted(reasons))


def _events(name: str, label: str, boxes: list[Any], size_px: tuple[int, int], first_frame: int) -> Iterator[Event]:
    def state(box: Any) -> tuple[str, str | None] | None:
        """Category and zone of what goes on in a box; None for nothing."""
        if box.get("outside") == "1":
            return None
        told = {item.get("name"): (item.text or "").strip() for item in box.iter("attribute")}
        category = told.get("incident", told.get("type", "") if label == _LABEL else label)
        return None if category.lower() in _NOTHING else (category, told.get("zone") or None)

    stretches = [(happening, list(run)) for happening, run in groupby(boxes, key=state)]
    several = sum(happening is not None for happening, _ in stretches) > 1
    number = 0
    for index, (happening, run) in enumerate(stretches):
        if happening is None:
            continue
        seen = [(int(box.get("frame")) - first_frame, _placed(box, size_px)) for box in run]
        sightings = tuple(Sighting(frame, place) for frame, place in seen if place is not None)
        if sightings:
            after = stretches[index + 1][1][0] if index + 1 < len(stretches) else None
            last = seen[-1][0] if after is None else int(after.get("frame")) - first_frame - 1
            identity = f"{name}.{number}" if several else name
            yield Event(identity, happening[0], sightings[0].frame, last, sightings, happening[1])
        number += 1


def _placed(box: Any, size_px: tuple[int, int]) -> Box | None:
    left, top, right, bottom = (float(box.get(key)) for key in ("xtl", "ytl", "xbr", "ybr"))
    return box_of(left, top, right, bottom, size_px)


def _root(path: Path) -> Any:
    # Nothing outside the file is fetched, and no entity is expanded: an XML file may come from anybody.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.parse(path, parser).getroot()
    except OSError as error:
        raise EvaluationError(f"{path}: can't be read: {error.strerror or error}") from error
    except etree.XMLSyntaxError as error:
        raise EvaluationError(f"{path}: is not XML: {error.msg}") from error
    if root.tag != "annotations":
        raise EvaluationError(f"{path}: its root is {root.tag!r}: allowed is CVAT's 'annotations'")
    if root.find("image") is not None:
        raise EvaluationError(f"{path}: is CVAT's XML for images: allowed is the one for video")
    return root


def _size_px(root: Any, clip: ClipFacts) -> tuple[int, int]:
    size = root.find("meta//original_size")
    if size is None:
        return clip.size_px
    return int(size.findtext("width")), int(size.findtext("height"))


CVAT = Format("cvat", 0, OWN_TYPES, read_cvat)
