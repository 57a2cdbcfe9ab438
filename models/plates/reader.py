"""From a picture of a vehicle to its plate, and from several pictures to one answer."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.plates.china import fetch_china, load_china
from models.plates.colour import colour_of
from models.plates.country import CountryReader
from models.plates.finder import Finding
from models.plates.reading import Colour, Plate, PlateReading, Spelling
from models.plates.rectify import rectify, sides_px
from models.plates.vote import vote

CONFIDENCE_MIN = 0.87
"""Of the weakest sign: below, a plate is said to be illegible. It lies between the surest wrong reading of 120 degraded
pictures of real plates (0.82) and the least sure right one that is told of six whole pictures (0.92)."""
WIDTH_MIN_PX = 80.0
"""A sign is then 10 px wide: below, the strokes of a province run into each other, and are taken for another one."""
_WIDTH_MAX_PX = 512


class Country(NamedTuple):
    """How the reader of a country's plates is opened, and how what it needs is brought into the cache."""

    load: Callable[..., CountryReader]
    fetch: Callable[[Path | None], object]


COUNTRIES: Mapping[str, Country] = {"CN": Country(load_china, fetch_china)}
"""By ISO 3166-1 code. Another country is one file that gives a `CountryReader`, and a line here."""


class PlateReader:
    """Reads plates of one country. Any number of threads may call it."""

    def __init__(self, country: CountryReader) -> None:
        self.country = country

    def read(self, image_rgb: NDArray[np.uint8]) -> tuple[PlateReading, ...]:
        """All plates in a picture of a vehicle.

        Args:
            image_rgb: uint8 `(height, width, 3)`, in the pixels of the source; the vehicle with a little of what is around it.

        Returns:
            The surest find first. A plate that can't be read, or says what no plate says, has an empty text.
        """
        return tuple(self._read(image_rgb, found) for found in self.country.find(image_rgb))

    def _read(self, image_rgb: NDArray[np.uint8], found: Finding) -> PlateReading:
        width, height = sides_px(found.quad_px)
        size_px = max(1, min(_WIDTH_MAX_PX, round(width))), max(1, min(_WIDTH_MAX_PX, round(height)))
        colour = colour_of(rectify(image_rgb, found.quad_px, *size_px))
        if width < WIDTH_MIN_PX:
            return PlateReading("", (), colour, found.quad_px, found.score)
        spellings = self.country.spell(image_rgb, found.quad_px)
        read = vote(spellings, partial(self._well_formed, colour))
        garbled = 0.0 if read.text else max((it.confidence for it in spellings), default=0.0)
        return PlateReading(read.text, read.confidences, colour, found.quad_px, found.score, garbled)

    def _well_formed(self, colour: Colour, text: str) -> bool:
        return self.country.well_formed(text, colour)

    def together(self, frames: Sequence[PlateReading | None], *, confidence_min: float = CONFIDENCE_MIN) -> Plate:
        """What several pictures of one vehicle say.

        Args:
            frames: for each picture that was looked at, the reading of the vehicle's plate, or None where it shows none.
            confidence_min: 0…1; a text that is less sure is left out.
        """
        seen = [reading for reading in frames if reading is not None]
        colour = _colour(seen)
        spellings = [Spelling(it.text, it.confidences) if it.text else _garbled(it) for it in seen]
        said = vote(spellings, partial(self._well_formed, colour))
        read = sum(it.text == said.text for it in seen) if said.text else 0
        legible = bool(said.text) and said.confidence >= confidence_min
        return Plate(said.text if legible else None, round(said.confidence, 4), colour, read, len(frames))


def _garbled(reading: PlateReading) -> Spelling:
    """What was read but is no plate votes as something that can't win."""
    return Spelling("?", (reading.garbled,))


def _colour(readings: Sequence[PlateReading]) -> Colour:
    """The colour that more than half of those say who know it."""
    known = Counter(reading.colour for reading in readings if reading.colour is not Colour.UNKNOWN)
    if not known:
        return Colour.UNKNOWN
    colour, count = known.most_common(1)[0]
    return colour if count * 2 > known.total() else Colour.UNKNOWN


def load_plate_reader(
    country: str = "CN", *, provider: str | None = None, cache_dir: Path | None = None
) -> PlateReader:
    """Open the reader of a country's plates; its networks are fetched first when they have to be.

    Args:
        country: ISO 3166-1, two letters.
        provider: `cuda`, `openvino` or `cpu`; None takes the best that is there.
        cache_dir: instead of the user's cache folder.

    Raises:
        ModelError: the country is unknown, or its networks can't be had.

    Examples:
        >>> load_plate_reader("XX")
        Traceback (most recent call last):
        models.errors.ModelError: plates of country 'XX' can't be read; known: CN
    """
    return PlateReader(_country(country).load(provider=provider, cache_dir=cache_dir))


def fetch_plate_reader(country: str = "CN", cache_dir: Path | None = None) -> None:
    """Bring the networks of a country into the cache, without opening them.

    Raises:
        ModelError: the country is unknown, or no source has a file.
    """
    _country(country).fetch(cache_dir)


def _country(code: str) -> Country:
    if code not in COUNTRIES:
        raise ModelError(f"plates of country {code!r} can't be read; known: {', '.join(sorted(COUNTRIES))}")
    return COUNTRIES[code]
