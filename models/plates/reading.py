"""What is said of a plate: by one picture, and by all of them together."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Colour(StrEnum):
    """Ground of a plate. `UNKNOWN` where the light leaves a doubt."""

    BLUE = "blue"
    YELLOW = "yellow"
    GREEN = "green"
    WHITE = "white"
    BLACK = "black"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Spelling:
    """Signs, and how sure the reader is of each.

    Attributes:
        text: empty where nothing can be read.
        confidences: 0…1, one for each sign.
    """

    text: str
    confidences: tuple[float, ...]

    @property
    def confidence(self) -> float:
        """A plate is as sure as its weakest sign: one wrong sign is another vehicle."""
        return min(self.confidences, default=0.0)


NOTHING = Spelling("", ())


@dataclass(frozen=True, slots=True, eq=False)
class PlateReading:
    """A plate in one picture.

    Attributes:
        text: as it is written there, well-formed; empty where it can't be read.
        confidences: 0…1, one for each sign.
        colour: of its ground.
        quad_px: float32 `(4, 2)`, x and y of its corners in pixels of the picture, from top left clockwise; origin top left.
        score: 0…1, how sure the finder is that this is a plate.
        garbled: 0…1, confidence of what was read but is no plate of the country; 0 where nothing was.
    """

    text: str
    confidences: tuple[float, ...]
    colour: Colour
    quad_px: NDArray[np.float32]
    score: float
    garbled: float = 0.0

    @property
    def confidence(self) -> float:
        """Of the weakest sign, 0…1."""
        return Spelling(self.text, self.confidences).confidence

    @property
    def width_px(self) -> float:
        """Mean length of its upper and lower edge."""
        return float(_length(self.quad_px[0], self.quad_px[1]) + _length(self.quad_px[3], self.quad_px[2])) / 2

    @property
    def height_px(self) -> float:
        """Mean length of its left and right edge."""
        return float(_length(self.quad_px[0], self.quad_px[3]) + _length(self.quad_px[1], self.quad_px[2])) / 2


def _length(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(b - a))


@dataclass(frozen=True, slots=True)
class Plate:
    """What all pictures of one vehicle say together.

    Attributes:
        text: None where it is not legible, or the pictures do not agree: it is never guessed.
        confidence: 0…1, of the weakest sign; also where it was too low for `text`.
        colour: of its ground.
        frames_read: pictures that say the very same.
        frames_seen: pictures that were looked at.
    """

    text: str | None
    confidence: float
    colour: Colour
    frames_read: int
    frames_seen: int
