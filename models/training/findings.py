"""What was found wrong in a data set and how often: nothing is left out uncounted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum


class Finding(Enum):
    """What can be wrong without the whole file being wrong; the value is for people."""

    BOX_CLIPPED = "boxes that reached over the edge of the picture: cut at the edge"
    BOX_OUTSIDE = "boxes outside the picture or with no area: left out"
    BOX_TWICE = "boxes given twice: kept once"
    CLASS_UNKNOWN = "boxes of a class that is not trained: left out"
    CROWD = "boxes around a crowd (iscrowd): left out"
    UNKNOWN_PICTURE = "labels of a picture that is not in the data set: left out"
    UNLABELLED = "pictures without a label file: kept as background"
    PICTURE_MISSING = "pictures that are not there: left out"
    PICTURE_BROKEN = "pictures that cannot be read whole: left out"
    PICTURE_CHANGED = "pictures whose sha256 or size is not the one stated: left out"
    PICTURE_TWICE = "pictures given twice: made one with the boxes of both"
    PICTURE_IN_BOTH = "pictures in train and val alike: left out of train"
    SPLIT_SHARES_CAMERA = "cameras in train and val alike: the data set was split anew by camera"
    WRONG_OBJECT = "boxes that a reviewer rejected as the wrong object: kept as background"
    REJECTED_OTHERWISE = "cases rejected for another reason, which says nothing about the object: left out"
    KEY_UNKNOWN = "keys that this version does not know: ignored"


@dataclass(slots=True)
class Findings:
    """Counts by finding, each with the first place where it was met."""

    _counts: Counter[Finding] = field(default_factory=Counter)
    _first: dict[Finding, str] = field(default_factory=dict)

    def add(self, finding: Finding, where: str, count: int = 1) -> None:
        """Count something.

        Args:
            finding: what.
            where: file, with line or key where there is one.
            count: how often; 0 counts nothing.
        """
        if count:
            self._counts[finding] += count
            self._first.setdefault(finding, where)

    def count(self, finding: Finding) -> int:
        """How often something was found."""
        return self._counts[finding]

    def merge(self, other: "Findings") -> None:
        """Take over what another data set's reading found."""
        for finding, (count, first) in other.found().items():
            self.add(finding, first, count)

    def found(self) -> dict[Finding, tuple[int, str]]:
        """What was found: how often, and where first."""
        return {finding: (self._counts[finding], self._first[finding]) for finding in Finding if self._counts[finding]}

    def lines(self) -> Iterator[str]:
        """One line for each thing found, for people."""
        for finding, (count, first) in self.found().items():
            yield f"{count} {finding.value} (first: {first})"
