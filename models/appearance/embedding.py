"""Whether two pictures show the same vehicle: an embedding by cells, compared by the cells that agree best.

A vehicle that is partly hidden still agrees in the cells that are free; the mean over all cells loses it with the first
passer-by. So the mean of the best cells is taken.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError

ROWS: Final = 3
COLUMNS: Final = 4
CHANNELS: Final = 128
"""Of the map that the cells are means of; see `backbone`."""
BEST_CELLS: Final = 7
"""Of twelve: a passer-by or a lorry's corner may cover five. On footage labelled by eye two pictures of one vehicle are more
alike than two of successors in 91 % of the cases; with nine cells in 88 %, with all in 80 %."""

SAME: Final = 0.91
"""From here on it is the same vehicle. Of successors in the same place 1 % reach 0.89 (`streetwarden bench appearance`); of the
twelve pairs labelled by eye none reaches 0.902, and of parked vehicles in a time lapse half stay above."""
DIFFERENT: Final = 0.75
"""Below, it is another one. Of pairs of one vehicle in one view at most 0.2 % fall below in any light but dusk, where 1.7 % do
(same bench). Taking one vehicle for two is the dearer mistake, so most successors stay unsure."""

_VERSION: Final = b"a1."
"""Of everything that shapes the numbers: weights, input, cells. Raise it when one of them changes."""
_LENGTH_TOLERANCE: Final = 0.01
"""Sixteen bits keep the length to a thousandth; more is another thing than an embedding."""


class Verdict(StrEnum):
    """What a similarity says."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What one picture of a vehicle looks like to the network.

    Attributes:
        vector: float32 `(1536,)`, of length 1: twelve cells row by row from the top left, 128 channels each, all cells of one
            length.

    Raises:
        ModelError: the vector has another shape, type or length.
    """

    vector: NDArray[np.float32]

    def __post_init__(self) -> None:
        size = ROWS * COLUMNS * CHANNELS
        if self.vector.shape != (size,) or self.vector.dtype != np.float32:
            raise ModelError(f"embedding: float32 ({size},) is expected, not {self.vector.dtype} {self.vector.shape}")
        length = float(np.linalg.norm(self.vector))
        if not abs(length - 1) < _LENGTH_TOLERANCE:  # so that not-a-number fails, too
            raise ModelError(f"embedding: a vector of length 1 is expected, not {length:.3g}")

    @classmethod
    def of_cells(cls, cells: NDArray[np.float32]) -> Self:
        """Normalise cells.

        Args:
            cells: float32 `(12, 128)`, row by row from the top left.

        Raises:
            ModelError: as the constructor; a cell of nothing but zeros stays so.
        """
        lengths = np.linalg.norm(cells, axis=1, keepdims=True)
        unit = np.divide(cells, lengths, out=np.zeros_like(cells), where=lengths > 0)
        return cls((unit / np.sqrt(len(cells))).astype(np.float32).ravel())

    def to_bytes(self) -> bytes:
        """For the wire and for disk: a version, then base64 of little-endian float16; 4,099 ASCII characters."""
        return _VERSION + base64.b64encode(self.vector.astype("<f2").tobytes())

    @classmethod
    def from_bytes(cls, written: bytes) -> Self:
        """Read what `to_bytes` wrote; similarities keep to a thousandth.

        Raises:
            ModelError: another version wrote it, or it is damaged. Nothing can then be said about the vehicle.
        """
        version, dot, body = written.partition(b".")
        if version + dot != _VERSION:
            raise ModelError(f"embedding: version {_VERSION.decode()!r} is expected, not {written[:8]!r}")
        try:
            halves = np.frombuffer(base64.b64decode(body, validate=True), "<f2")
        except (binascii.Error, ValueError) as error:
            raise ModelError(f"embedding: damaged: {error}") from None
        return cls(halves.astype(np.float32))


def similarity(a: Embedding, b: Embedding) -> float:
    """How alike two vehicles look, -1…1: the mean cosine of the seven cells that agree best.

    Args:
        a: one picture.
        b: the other; the order does not matter.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> cells = rng.normal(size=(12, 128)).astype(np.float32)
        >>> covered = cells.copy()
        >>> covered[:4] = rng.normal(size=(4, 128))  # a third of it
        >>> round(similarity(Embedding.of_cells(cells), Embedding.of_cells(covered)), 3)
        1.0
    """
    cosines = np.einsum("ij,ij->i", _cells(a), _cells(b)) * (ROWS * COLUMNS)
    return float(np.sort(cosines)[-BEST_CELLS:].mean())


def verdict(alike: float) -> Verdict:
    """What a similarity says of two pictures in one view, that is, in one place: nothing between `DIFFERENT` and `SAME`.

    Once a vehicle has moved, `SAME` still holds, but `DIFFERENT` does not: one in eleven looks another from another side.

    Examples:
        >>> verdict(SAME), verdict(DIFFERENT), verdict((SAME + DIFFERENT) / 2)
        (<Verdict.SAME: 'same'>, <Verdict.UNSURE: 'unsure'>, <Verdict.UNSURE: 'unsure'>)
    """
    if alike >= SAME:
        return Verdict.SAME
    return Verdict.DIFFERENT if alike < DIFFERENT else Verdict.UNSURE


def _cells(embedding: Embedding) -> NDArray[np.float32]:
    return embedding.vector.reshape(ROWS * COLUMNS, CHANNELS)
