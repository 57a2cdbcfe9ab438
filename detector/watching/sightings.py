"""From detections to sightings: boxes in fractions of the frame, one for each object, each with its role."""

from collections.abc import Mapping

from detector.watching.looks import Sighting
from detector.zoning.geometry import Box, iou
from models.detections import Detections

SAME_OBJECT_IOU = 0.7
"""A lorry is often reported as car and truck at once: boxes this close are one vehicle."""


def sightings_in(detections: Detections, size_px: tuple[int, int], roles: Mapping[str, str]) -> tuple[Sighting, ...]:
    """Sightings, best score first and one for each object of a role.

    Args:
        detections: Boxes in pixels of the frame.
        size_px: Width and height of the frame.
        roles: Class name to role; a class that is not in it plays none.
    """
    width_px, height_px = size_px
    scale = (width_px, height_px, width_px, height_px)
    sightings: list[Sighting] = []
    order = (-detections.scores).argsort(kind="stable")
    for index in order:
        name = detections.names[int(detections.classes[index])]
        role = roles.get(name)
        corners = (float(v) / s for v, s in zip(detections.boxes_px[index], scale, strict=True))
        box = Box(*(min(1.0, max(0.0, corner)) for corner in corners))
        if role is None or all(kept.role != role or iou(box, kept.box) < SAME_OBJECT_IOU for kept in sightings):
            sightings.append(Sighting(box, name, float(detections.scores[index]), role))
    return tuple(sightings)
