"""The one form that every data set is read into: pictures with boxes, whatever file they came from."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.training.findings import Finding, Findings

Part = Literal["train", "val"]

SIDE_MIN_PX = 1.0  # a thing narrower than a pixel cannot be seen
ROUNDING_PX = 1.0  # formats write few digits: a box that leaves the picture by less was written so, not drawn so


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture and what is to be seen in it.

    Attributes:
        picture: its file.
        sha256: of that file, hex.
        size_px: width and height as it is shown (EXIF orientation applied).
        boxes_px: float32 `(N, 4)`, x1, y1, x2, y2 in pixels, origin top left, inside the picture.
        classes: int64 `(N,)`, index into the names of the data set.
        camera: that took it; None where the data set does not say.
        incident: that it shows; None where there is none.
        part: where the data set itself puts it; None leaves it to us.
    """

    picture: Path
    sha256: str
    size_px: tuple[int, int]
    boxes_px: NDArray[np.float32]
    classes: NDArray[np.int64]
    camera: str | None = None
    incident: str | None = None
    part: Part | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Pictures with boxes, each file once.

    Attributes:
        samples: in the order of the file they were read from.
        names: classes in the order of their indices.
        findings: what was left out or mended on the way.
    """

    samples: tuple[Sample, ...]
    names: tuple[str, ...]
    findings: Findings = field(default_factory=Findings)


def boxes_inside(
    boxes_px: NDArray[np.float64], size_px: tuple[int, int], findings: Findings, where: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cut boxes at the edges of a picture and count what happened to them.

    Args:
        boxes_px: float64 `(N, 4)`, x1, y1, x2, y2 in pixels.
        size_px: width and height of the picture.
        findings: takes the counts.
        where: for the findings.

    Returns:
        Those that are left, float32 `(M, 4)`, and which those are, bool `(N,)`.
    """
    boxes = boxes_px.reshape(-1, 4)
    limit = np.array(size_px * 2, np.float64)
    inside = np.clip(boxes, 0, limit)
    kept: NDArray[np.bool_] = np.all(inside[:, 2:] - inside[:, :2] >= SIDE_MIN_PX, axis=1)
    moved = np.abs(inside - boxes).max(axis=1, initial=0) > ROUNDING_PX
    findings.add(Finding.BOX_OUTSIDE, where, int((~kept).sum()))
    findings.add(Finding.BOX_CLIPPED, where, int((kept & moved).sum()))
    return inside[kept].astype(np.float32), kept


def make_dataset(samples: Iterable[Sample], names: Sequence[str], findings: Findings) -> Dataset:
    """A data set in which every picture stands once, with all the boxes that any of its entries gives it.

    Pictures are the same when their sha256 is. Entries that the data set itself puts into `train` and into `val` stay two:
    the split takes care of them.

    Args:
        samples: as read.
        names: classes in the order of their indices.
        findings: takes the counts.
    """
    merged: dict[tuple[str, Part | None], Sample] = {}
    for sample in samples:
        key = sample.sha256, sample.part
        if key in merged:
            findings.add(Finding.PICTURE_TWICE, str(sample.picture))
            first = merged[key]
            boxes_px = np.concatenate([first.boxes_px, sample.boxes_px])
            classes = np.concatenate([first.classes, sample.classes])
            merged[key] = replace(first, boxes_px=boxes_px, classes=classes)
        else:
            merged[key] = sample
    return Dataset(tuple(_each_box_once(sample, findings) for sample in merged.values()), tuple(names), findings)


def _each_box_once(sample: Sample, findings: Findings) -> Sample:
    rows = np.column_stack([sample.classes, sample.boxes_px.astype(np.float64)])
    _, first = np.unique(rows, axis=0, return_index=True)
    if len(first) == len(rows):
        return sample
    findings.add(Finding.BOX_TWICE, str(sample.picture), len(rows) - len(first))
    order = np.sort(first)
    return replace(sample, boxes_px=sample.boxes_px[order], classes=sample.classes[order])


def only_classes(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The same pictures with boxes of these classes alone, in this order of indices.

    Raises:
        ModelError: the data set has no such class, or one is named twice.
    """
    for name in names:
        if name not in dataset.names:
            raise ModelError(f"class {name!r} is not in the data set: {', '.join(dataset.names)}")
    if len(set(names)) != len(names):
        raise ModelError(f"classes {', '.join(names)}: each may be named once")
    return relabel(dataset, names)


def relabel(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The same pictures with class indices into another list; boxes of classes that it has not are left out and counted."""
    index = np.array([names.index(name) if name in names else -1 for name in dataset.names], np.int64)
    samples = []
    for sample in dataset.samples:
        classes = index[sample.classes]
        kept = classes >= 0
        dataset.findings.add(Finding.CLASS_UNKNOWN, str(sample.picture), int((~kept).sum()))
        samples.append(replace(sample, boxes_px=sample.boxes_px[kept], classes=classes[kept]))
    return Dataset(tuple(samples), tuple(names), dataset.findings)


def boxes_by_class(samples: Iterable[Sample], names: Sequence[str]) -> dict[str, int]:
    """How many boxes of each class there are."""
    counts = Counter(int(index) for sample in samples for index in sample.classes)
    return {name: counts[index] for index, name in enumerate(names)}


def digest(train: Sequence[Sample], val: Sequence[Sample], names: Sequence[str]) -> str:
    """The SHA-256, hex, of what a model learns from: pictures, boxes, names and the split, wherever the files lie."""
    lines = [
        [part, sample.sha256, np.column_stack([sample.classes, sample.boxes_px.astype(np.float64)]).tolist()]
        for part, samples in (("train", train), ("val", val))
        for sample in sorted(samples, key=lambda one: one.sha256)
    ]
    text = json.dumps([list(names), lines], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
