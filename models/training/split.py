"""Divides a data set into what is learnt from and what is judged by, the same way every time.

A camera sees the same street all day: its pictures are near copies of each other, and a model that is judged by a camera it
has learnt from looks better than it is. So a camera is whole in one part. Where there is one camera alone, an
incident is; where there is none, a picture.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.errors import ModelError
from models.training.dataset import Dataset, Sample
from models.training.findings import Finding, Findings

VAL_SHARE = 0.2  # customary; of the groups, so that a group stays where it is when others are added
_HASH_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class Split:
    """Both parts of a data set.

    Attributes:
        train: to learn from.
        val: to be judged by.
        by: what was kept whole: `camera`, `incident`, `picture`, or `data set` where it brings its own split.
    """

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    by: str


def split(dataset: Dataset, val_share: float = VAL_SHARE) -> Split:
    """Divide a data set.

    Its own split is kept, unless it puts a camera into both parts. A picture in both is taken out of `train`.

    Args:
        dataset: with every picture once in each part.
        val_share: how much goes to `val` where the data set does not say, 0…1, of the groups; at least one goes to each part.

    Raises:
        ModelError: there are not two groups to divide.
    """
    samples = dataset.samples
    if all(sample.part for sample in samples):
        train = [sample for sample in samples if sample.part == "train"]
        val = [sample for sample in samples if sample.part == "val"]
        shared = _cameras(train) & _cameras(val)
        if not shared and train and val:
            return Split(_without(train, val, dataset.findings), tuple(val), "data set")
        dataset.findings.add(Finding.SPLIT_SHARES_CAMERA, ", ".join(sorted(shared)), len(shared))
        samples = (*_without(train, val, dataset.findings), *val)
    by, group_of = _grouping(samples)
    groups = Counter(group_of(sample) for sample in samples)
    if len(groups) < 2:  # noqa: PLR2004 - one for each part
        raise ModelError(
            f"the data set holds {len(samples)} picture(s) of one {by}: it cannot be divided into train and val"
        )
    chosen = _chosen(sorted(groups, key=_place), val_share)
    return Split(
        tuple(sample for sample in samples if group_of(sample) not in chosen),
        tuple(sample for sample in samples if group_of(sample) in chosen),
        by,
    )


def check_split(parts: Split, names: Sequence[str]) -> list[str]:
    """Whether a model can learn from a split.

    Returns:
        Classes that `val` has no box of, and that nothing can therefore be said about.

    Raises:
        ModelError: `train` has no box of a class, or `val` none at all.
    """
    learnt = {int(cls) for sample in parts.train for cls in sample.classes}
    judged = {int(cls) for sample in parts.val for cls in sample.classes}
    missing = [name for index, name in enumerate(names) if index not in learnt]
    if missing:
        raise ModelError(
            f"class {missing[0]!r} has no box in train (split by {parts.by}): give more pictures, or name the classes to train"
        )
    if not judged:
        raise ModelError(
            f"val has no box at all (split by {parts.by}): the model could not be judged; give more pictures"
        )
    return [name for index, name in enumerate(names) if index not in judged]


def _cameras(samples: Sequence[Sample]) -> set[str]:
    return {sample.camera for sample in samples if sample.camera}


def _without(train: Sequence[Sample], val: Sequence[Sample], findings: Findings) -> tuple[Sample, ...]:
    """Train without the pictures that val has: a picture that was learnt by heart judges nothing."""
    judged = {sample.sha256 for sample in val}
    for sample in train:
        if sample.sha256 in judged:
            findings.add(Finding.PICTURE_IN_BOTH, str(sample.picture))
    return tuple(sample for sample in train if sample.sha256 not in judged)


def _grouping(samples: Sequence[Sample]) -> tuple[str, Callable[[Sample], str]]:
    if len(_cameras(samples)) > 1:
        return "camera", lambda sample: sample.camera or sample.sha256
    if len({sample.incident for sample in samples if sample.incident}) > 1:
        return "incident", lambda sample: sample.incident or sample.sha256
    return "picture", lambda sample: sample.sha256


def _place(group: str) -> float:
    """Where a group stands between 0 and 1: a hash of its name, so the same on every machine and in every year."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) / _HASH_RANGE


def _chosen(groups: Sequence[str], val_share: float) -> set[str]:
    """The groups of val: those whose place lies below the share; of few groups at least one, and not all."""
    count = sum(_place(group) < val_share for group in groups)
    return set(groups[: min(max(count, 1), len(groups) - 1)])
