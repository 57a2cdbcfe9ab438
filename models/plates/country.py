"""What a country's plates need: how they are found and read, and which texts can be one."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.plates.finder import Finding
from models.plates.reading import Colour, Spelling


class CountryReader(Protocol):
    """Plates of one country. Any number of threads may call it."""

    code: str
    """ISO 3166-1, two letters."""

    def find(self, image_rgb: NDArray[np.uint8]) -> tuple[Finding, ...]:
        """Plates in a picture of a vehicle, uint8 `(height, width, 3)`; best score first."""
        ...

    def spell(self, image_rgb: NDArray[np.uint8], quad_px: NDArray[np.float32]) -> tuple[Spelling, ...]:
        """What stands on a plate, read several times, each time cut out a little differently: what is legible stays the same.

        Args:
            image_rgb: uint8 `(height, width, 3)`.
            quad_px: float32 `(4, 2)`, its corners from top left clockwise, in pixels.
        """
        ...

    def well_formed(self, text: str, colour: Colour) -> bool:
        """Whether a plate of this colour can say this."""
        ...
