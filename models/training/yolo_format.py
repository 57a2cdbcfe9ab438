"""Reads the YOLO format: `data.yaml`, and beside every `images/` folder a `labels/` folder with a text file a picture.

A label line is `CLASS X Y WIDTH HEIGHT`, centre and size in fractions of the picture, or `CLASS X1 Y1 X2 Y2 X3 Y3 …`, the
corners of an outline, of which the enclosing box is taken. Format: docs.ultralytics.com/datasets/detect.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from models.errors import ModelError
from models.registry.entries import first_problem
from models.training.dataset import Dataset, Part, Sample, boxes_inside, make_dataset
from models.training.findings import Finding, Findings
from models.training.pictures import SUFFIXES, counted, read_picture

DATA_NAMES = ("data.yaml", "data.yml", "dataset.yaml")
_BOX_NUMBERS = 5
_OUTLINE_NUMBERS_MIN = 7  # a class and three corners
_CLASS_LIST = "classes.txt"  # some labelling tools keep the names beside the labels


class _Data(BaseModel):
    """`data.yaml`; what else it says (`download`, `test`, publishers' notes) is nothing to a reader."""

    path: str | None = None
    train: str | list[str]
    val: str | list[str] | None = None
    nc: int | None = None
    names: list[str] | dict[int, str]


def read_yolo(file: Path) -> Dataset:
    """Read a data set in the YOLO format.

    Args:
        file: its `data.yaml`.

    Returns:
        The data set. A folder below the one that `train` or `val` names is taken for the camera of its pictures.

    Raises:
        ModelError: a file is not right; the line names it, the line or key, and what is allowed.
    """
    data, names = _read_data(file)
    findings = Findings()
    root = file.parent / data.path if data.path else file.parent
    if not root.is_dir():  # `path` is often the publisher's own, beside which the file no longer lies
        root = file.parent
    samples: list[Sample] = []
    labels: set[Path] = set()
    parts: tuple[tuple[Part, str | list[str] | None], ...] = (("train", data.train), ("val", data.val))
    own_split = data.val is not None and data.val != data.train
    for part, places in parts:
        if places is None or (part == "val" and not own_split):
            continue
        for place in [places] if isinstance(places, str) else places:
            for picture, camera in counted(_pictures(file, root, place, part)):
                sample = _sample(picture, names, findings)
                labels.add(_label_file(picture))
                if sample:
                    samples.append(replace(sample, camera=camera, part=part if own_split else None))
    _count_orphans(labels, findings)
    return make_dataset(samples, names, findings)


def _read_data(file: Path) -> tuple[_Data, tuple[str, ...]]:
    try:
        data = _Data.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ModelError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ModelError(f"{file}: {first_problem(error)}") from None
    named = data.names if isinstance(data.names, list) else [data.names[key] for key in sorted(data.names)]
    if isinstance(data.names, dict) and sorted(data.names) != list(range(len(named))):
        raise ModelError(f"{file}: names: keys 0…{len(named) - 1} are expected, each once")
    if not named or len(set(named)) != len(named):
        raise ModelError(f"{file}: names: at least one class is expected, each name once")
    if data.nc not in (None, len(named)):
        raise ModelError(f"{file}: nc: {data.nc}, but names has {len(named)} classes")
    return data, tuple(named)


def _pictures(file: Path, root: Path, place: str, part: Part) -> Iterator[tuple[Path, str | None]]:
    """Pictures of a folder, or of a text file that lists them, each with its camera."""
    folder = root / place
    if not folder.exists() and place.startswith("../"):  # as some publishers write, who mean a folder beside the file
        folder = root / place.removeprefix("../")
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                inside = path.relative_to(folder).parts
                yield path, inside[0] if len(inside) > 1 else None
    elif folder.is_file() and folder.suffix == ".txt":
        for line in folder.read_text("utf-8").splitlines():
            if line.strip():
                yield root / line.strip(), None
    else:
        raise ModelError(
            f"{file}: {part}: {folder}: no such folder; a folder of pictures or a .txt list of them is allowed"
        )


def _label_file(picture: Path) -> Path:
    """`…/images/…/NAME.jpg` has its labels in `…/labels/…/NAME.txt`; the last `images` counts."""
    parts = list(picture.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _sample(path: Path, names: tuple[str, ...], findings: Findings) -> Sample | None:
    label_file = _label_file(path)
    picture = read_picture(path, findings, str(label_file))
    if picture is None:
        return None
    if not label_file.is_file():
        findings.add(Finding.UNLABELLED, str(path))
        rows: list[tuple[int, NDArray[np.float64]]] = []
    else:
        rows = list(_rows(label_file, names, findings))
    width, height = picture.size_px
    scale = np.array([width, height, width, height], np.float64)
    boxes = np.array([box for _, box in rows], np.float64).reshape(-1, 4) * scale
    boxes_px, kept = boxes_inside(boxes, picture.size_px, findings, str(label_file))
    classes = np.array([cls for cls, _ in rows], np.int64)[kept]
    return Sample(path, picture.sha256, picture.size_px, boxes_px, classes)


def _rows(label_file: Path, names: tuple[str, ...], findings: Findings) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Class and box, x1, y1, x2, y2 in fractions, of every line whose class is one of the names."""
    try:
        lines = label_file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{label_file}: cannot be read: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{label_file}: line {number}"
        cls, box = _row(line.split(), where)
        if cls < len(names):
            yield cls, box
        else:
            findings.add(Finding.CLASS_UNKNOWN, f"{where}: class {cls}, of 0…{len(names) - 1}")


def _row(words: list[str], where: str) -> tuple[int, NDArray[np.float64]]:
    try:
        values = np.array([float(word) for word in words], np.float64)
    except ValueError:
        raise ModelError(f"{where}: {' '.join(words)!r}: numbers are expected: class x y width height") from None
    if not np.isfinite(values).all():
        raise ModelError(f"{where}: {' '.join(words)!r}: finite numbers are expected")
    cls = int(values[0])
    if cls != values[0] or cls < 0:
        raise ModelError(f"{where}: class {words[0]}: a whole number from 0 is expected")
    if len(words) == _BOX_NUMBERS:
        centre, half = values[1:3], values[3:5] / 2
        return cls, np.concatenate([centre - half, centre + half])
    if len(words) >= _OUTLINE_NUMBERS_MIN and len(words) % 2:
        corners = values[1:].reshape(-1, 2)
        return cls, np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    raise ModelError(
        f"{where}: {len(words)} numbers: 5 (class x y width height) or a class and at least 3 corners x y are allowed"
    )


def _count_orphans(known: set[Path], findings: Findings) -> None:
    """Label files whose picture is not there, in the folders in which labels were looked for."""
    for folder in sorted({path.parent for path in known}):
        for path in sorted(folder.glob("*.txt")):
            if path not in known and path.name != _CLASS_LIST:
                findings.add(Finding.UNKNOWN_PICTURE, str(path))
