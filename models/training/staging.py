"""Lays a split out as the folder that Ultralytics reads. Pictures are links: nothing is copied, and nothing writes to them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.training.dataset import Part, Sample
from models.training.split import Split


def stage(folder: Path, parts: Split) -> None:
    """Write `images/PART` and `labels/PART` below a folder; what was there is replaced.

    Args:
        folder: to write into.
        parts: to write.
    """
    shutil.rmtree(folder, ignore_errors=True)
    both: tuple[tuple[Part, Sequence[Sample]], ...] = (("train", parts.train), ("val", parts.val))
    for part, samples in both:
        images, labels = folder / "images" / part, folder / "labels" / part
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for sample in samples:
            # The digest as name: no two pictures fall together, and the order of learning does not hang on folder names.
            (images / f"{sample.sha256}{sample.picture.suffix.lower()}").symlink_to(sample.picture.resolve())
            (labels / f"{sample.sha256}.txt").write_text(label_text(sample), "utf-8")


def label_text(sample: Sample) -> str:
    """The lines of a label file: class, centre and size in fractions of the picture."""
    scale = np.array(sample.size_px * 2, np.float64)
    boxes = sample.boxes_px.astype(np.float64) / scale
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rows = zip(sample.classes.tolist(), np.concatenate([centre, size], axis=1).tolist(), strict=True)
    return "".join(f"{cls} {' '.join(f'{value:.8f}' for value in values)}\n" for cls, values in rows)
