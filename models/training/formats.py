"""Finds out which format a data set has, and reads it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from models.errors import ModelError
from models.training.cases_format import CASES_NAME, WRONG_OBJECT_REASONS, read_cases
from models.training.coco_format import read_coco
from models.training.dataset import Dataset, make_dataset, only_classes, relabel
from models.training.yolo_format import DATA_NAMES, read_yolo

ALLOWED = "a folder with data.yaml or cases.jsonl, or a file .yaml (YOLO), .json (COCO), .jsonl (reviewed cases)"


def read_dataset(
    path: Path, *, classes: Sequence[str] = (), wrong_object_reasons: Sequence[str] = WRONG_OBJECT_REASONS
) -> Dataset:
    """Read a data set of any known format.

    Args:
        path: its file, or the folder of `data.yaml` or `cases.jsonl`.
        classes: to keep, in the order of their indices; none keeps all.
        wrong_object_reasons: for reviewed cases, see `read_cases`.

    Raises:
        ModelError: it is no such thing, is not right, or holds no picture.
    """
    file = _file(path)
    if file.suffix == ".jsonl":
        dataset = read_cases(file, classes=classes, wrong_object_reasons=wrong_object_reasons)
    else:
        dataset = read_coco(file) if file.suffix == ".json" else read_yolo(file)
        if classes:
            dataset = only_classes(dataset, classes)
    if not dataset.samples:
        found = "; ".join(dataset.findings.lines()) or "it lists none"
        raise ModelError(f"{file}: no picture is left to learn from: {found}")
    return dataset


def with_val(train: Dataset, val: Dataset) -> Dataset:
    """One data set out of two: all of the first is to be learnt from, all of the second to be judged by.

    The classes are the first one's. Boxes of others are left out of the second and counted.
    """
    val = relabel(val, train.names)
    train.findings.merge(val.findings)
    samples = [replace(sample, part="train") for sample in train.samples]
    samples += [replace(sample, part="val") for sample in val.samples]
    return make_dataset(samples, train.names, train.findings)


def _file(path: Path) -> Path:
    if path.is_dir():
        found = [path / name for name in (*DATA_NAMES, CASES_NAME) if (path / name).is_file()]
        if len(found) != 1:
            held = ", ".join(file.name for file in found) or "none of them"
            raise ModelError(f"{path}: it holds {held}; {ALLOWED} is expected")
        return found[0]
    if not path.is_file():
        raise ModelError(f"{path}: no such file or folder; {ALLOWED} is expected")
    if path.suffix not in {".yaml", ".yml", ".json", ".jsonl"}:
        raise ModelError(f"{path}: {ALLOWED} is expected")
    return path
