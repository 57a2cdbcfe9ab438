"""Where the data of a run come from: read, divided, and said to whoever asked for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.training.cases_format import WRONG_OBJECT_REASONS
from models.training.dataset import Dataset, boxes_by_class
from models.training.formats import read_dataset, with_val
from models.training.split import VAL_SHARE, Split, check_split, split

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data come from.

    Attributes:
        dataset: its file or folder.
        val: another data set to be judged by; None takes a part of the first.
        val_share: how large that part is, 0…1.
        classes: to train, in the order of their indices; none takes all.
        wrong_object_reasons: of rejected cases that are kept as background.
    """

    dataset: Path
    val: Path | None = None
    val_share: float = VAL_SHARE
    classes: tuple[str, ...] = ()
    wrong_object_reasons: tuple[str, ...] = WRONG_OBJECT_REASONS


def read_source(source: Source, say: Say) -> tuple[Dataset, Split]:
    """Read a data set, divide it, and say what was found.

    Raises:
        ModelError: a file is not right, or nothing can be learnt from it.
    """
    dataset = read_dataset(source.dataset, classes=source.classes, wrong_object_reasons=source.wrong_object_reasons)
    if source.val:
        dataset = with_val(dataset, read_dataset(source.val, wrong_object_reasons=source.wrong_object_reasons))
    parts = split(dataset, source.val_share)
    for line in dataset.findings.lines():
        say(line)
    for part, samples in (("train", parts.train), ("val", parts.val)):
        background = sum(not len(sample.classes) for sample in samples)
        boxes = ", ".join(f"{name} {count}" for name, count in boxes_by_class(samples, dataset.names).items())
        say(f"{part}: {len(samples)} pictures ({background} of background); boxes: {boxes}; split by {parts.by}")
    for name in check_split(parts, dataset.names):
        say(f"val has no box of {name!r}: nothing will be known about how well it is found")
    return dataset, parts
