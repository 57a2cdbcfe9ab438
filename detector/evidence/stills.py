"""Stills of an incident: the picture as it is, an annotated copy, and a close-up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.evidence.annotate import annotated
from detector.evidence.files import write_evidence
from detector.lifecycle.incidents import EvidenceFile
from detector.zoning.geometry import Box
from streams.frame import Frame
from streams.still import encode_jpeg

CLOSEUP_MARGIN = 0.15
"""Grown by this share on each side: the whole vehicle stays in, with a little of where it stands."""


def take_still(
    folder: Path,
    name: str,
    frame: Frame,
    lines: Sequence[str],
    *,
    box: Box | None,
    label: str,
    zone: Sequence[tuple[float, float]],
) -> tuple[EvidenceFile, EvidenceFile]:
    """Writes `snapshot-NAME.jpg` and its annotated copy."""
    image = frame.rgb()
    original = f"snapshot-{name}.jpg"
    copy = f"snapshot-{name}-annotated.jpg"
    raw = write_evidence(folder, original, "snapshot", encode_jpeg(image), frame.time_s, frame.time_s)
    drawn = annotated(image, lines, box=box, label=label, zone=zone)
    return raw, write_evidence(
        folder, copy, "snapshot", encode_jpeg(drawn), frame.time_s, frame.time_s, derived_from=original
    )


def take_plate(folder: Path, name: str, image_rgb: NDArray[np.uint8], time_s: float) -> EvidenceFile:
    """Writes the close-up of a plate, uint8 `(height, width, 3)` in the pixels of the source."""
    return write_evidence(folder, name, "closeup", encode_jpeg(image_rgb), time_s, time_s)


def take_closeup(folder: Path, name: str, frame: Frame, box: Box) -> EvidenceFile:
    """Writes a close-up: what is in the box, in the pixels of the source."""
    image = frame.rgb()
    height, width = image.shape[:2]
    cut = box.grown(CLOSEUP_MARGIN)
    crop = image[
        int(cut.top * height) : max(int(cut.bottom * height), int(cut.top * height) + 2),
        int(cut.left * width) : max(int(cut.right * width), int(cut.left * width) + 2),
    ]
    return write_evidence(folder, name, "closeup", encode_jpeg(crop), frame.time_s, frame.time_s)
