"""A vehicle's picture in, its appearance out."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.appearance.backbone import STRIDE_PX, fetch_backbone
from models.appearance.colour import Light, colour_of
from models.appearance.embedding import COLUMNS, ROWS, Embedding
from models.appearance.kind import kind_of
from models.errors import ModelError
from models.runtime.session import Session, open_session

INPUT_PX: Final = (128, 96)
"""Width and height: a distant parked car has 40 to 100 px, and cars are wider than high. 1.4 ms on one core."""
SIDE_MIN_PX: Final = 16
"""A side of fewer pixels is a smear of wheels and road: nothing is said about it."""
FLAT: Final = 4.0
"""Standard deviation (of 255) under which there is nothing in a picture but noise."""
_MEAN, _DEVIATION = 0.45, 0.22
"""What photographs have on average. Every picture is brought to it, so that dusk and exposure matter less."""


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """What one picture of a vehicle says.

    Attributes:
        colour: a name out of `colours.COLOURS`, or None where it is unclear.
        colour_confidence: 0…1, how clearly that colour prevails; 0 without one.
        kind: `car`, `bus` or `truck`, or None.
        embedding: to recognise it by, or None where the picture is too small or shows nothing.
    """

    colour: str | None
    colour_confidence: float
    kind: str | None
    embedding: Embedding | None = field(repr=False)


class Describer:
    """Describes vehicles. Any number of threads may call it at once."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def describe(
        self, crop_rgb: NDArray[np.uint8], *, class_name: str | None = None, light: Light | None = None
    ) -> Appearance:
        """Describe a vehicle.

        Args:
            crop_rgb: uint8 `(height, width, 3)`, red first: the detector's box, cut out of the frame in its own pixels.
            class_name: what the detector calls it; over several sightings `kind_of` knows better.
            light: of the scene around it; None takes the picture as it is.

        Returns:
            What can be said; less for a small or a flat picture.

        Examples:
            The room that follows things in places cuts the box out and keeps what comes back beside the thing:

            >>> from models.appearance.embedding import similarity, verdict
            >>> describer = load_describer(provider="cpu")
            >>> rng = np.random.default_rng(0)
            >>> frame = rng.integers(0, 255, (360, 640, 3), dtype=np.uint8)
            >>> light = Light.of_scene(frame)  # once a picture
            >>> before = describer.describe(frame[100:160, 200:290], class_name="car", light=light)
            >>> kept = before.embedding.to_bytes()  # in the incident's revision; a successor reads it after a restart
            >>> after = describer.describe(frame[100:160, 200:290], class_name="car", light=light)
            >>> str(verdict(similarity(Embedding.from_bytes(kept), after.embedding)))
            'same'

        Raises:
            ModelError: it is no such picture.
        """
        if crop_rgb.dtype != np.uint8 or crop_rgb.ndim != 3 or crop_rgb.shape[2] != 3:  # noqa: PLR2004 - an RGB picture
            raise ModelError(f"crop: uint8 (height, width, 3) is expected, not {crop_rgb.dtype} {crop_rgb.shape}")
        kind = kind_of({class_name: 1}) if class_name else None
        if min(crop_rgb.shape[:2]) < SIDE_MIN_PX or crop_rgb.std() < FLAT:
            return Appearance(None, 0.0, kind, None)
        colour, confidence = colour_of(crop_rgb, light)
        return Appearance(colour, confidence, kind, self._embed(crop_rgb))

    def _embed(self, crop_rgb: NDArray[np.uint8]) -> Embedding:
        shrinks = crop_rgb.shape[1] > INPUT_PX[0]
        scaled = cv2.resize(crop_rgb, INPUT_PX, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        picture = scaled.astype(np.float32)
        picture = (picture - picture.mean()) / max(float(picture.std()), 1.0) * _DEVIATION + _MEAN
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
        (maps,) = self._session.run({self._session.inputs[0].name: planes})
        (width, height), channels = (side // STRIDE_PX for side in INPUT_PX), maps.shape[1]
        cells = maps[0].reshape(channels, ROWS, height // ROWS, COLUMNS, width // COLUMNS).mean(axis=(2, 4))
        return Embedding.of_cells(cells.reshape(channels, ROWS * COLUMNS).T.astype(np.float32))


def load_describer(*, provider: str | None = None, cache_dir: Path | None = None) -> Describer:
    """Open the backbone; it is fetched and cut first when it has to be.

    Args:
        provider: as of `open_session`; None takes the best that is there.
        cache_dir: instead of the user's cache folder.

    Raises:
        ModelError: the detector that it is cut from cannot be had, or the provider is not there.
    """
    return Describer(open_session(fetch_backbone(cache_dir), provider=provider))
