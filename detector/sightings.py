"""From detections to sightings: boxes in fractions of the frame, what rules care about apart from the rest."""

from collections.abc import Callable

from detector.geometry import Box, iou
from detector.looks import Sighting
from models.detections import Detections

SAME_OBJECT_IOU = 0.7
"""A lorry is often reported as car and truck at once: boxes this close are one vehicle."""


def sightings_in(
    detections: Detections, size_px: tuple[int, int], matters: Callable[[str], bool]
) -> tuple[tuple[Sighting, ...], tuple[Box, ...]]:
    """Sightings, best score first and one for each object, and the boxes of everything else.

    Args:
        detections: Boxes in pixels of the frame.
        size_px: Width and height of the frame.
        matters: Whether a rule cares about things of a class.
    """
    width_px, height_px = size_px
    scale = (width_px, height_px, width_px, height_px)
    sightings: list[Sighting] = []
    others: list[Box] = []
    order = (-detections.scores).argsort(kind="stable")
    for index in order:
        name = detections.names[int(detections.classes[index])]
        corners = (float(v) / s for v, s in zip(detections.boxes_px[index], scale, strict=True))
        box = Box(*(min(1.0, max(0.0, corner)) for corner in corners))
        if not matters(name):
            others.append(box)
        elif all(iou(box, kept.box) < SAME_OBJECT_IOU for kept in sightings):
            sightings.append(Sighting(box, name, float(detections.scores[index])))
    return tuple(sightings), tuple(others)
