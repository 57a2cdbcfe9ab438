"""Plates of China: which texts and colours there are (GA 36), and the networks that read them."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.plates.finder import Finder, Finding
from models.plates.lines import LineFinder, grown
from models.plates.reading import NOTHING, Colour, Spelling
from models.plates.rectify import rectify, sides_px
from models.plates.signs import SignReader
from models.registry.entries import load_registry
from models.registry.fetch import fetch
from models.runtime.session import open_session

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_CITY = "[A-HJ-NP-Z]"
"""I and O are left out: they look like 1 and 0."""
_SIGN = "[A-HJ-NP-Z0-9]"
_ENERGY = "[A-HJK]"
"""A…E battery, F…K (without I) hybrid."""
_OFFICE = f"[{PROVINCES}]{_CITY}"

KINDS: tuple[tuple[str, re.Pattern[str], frozenset[Colour]], ...] = tuple(
    (kind, re.compile(pattern), frozenset(colours))
    for kind, pattern, colours in (
        # At least two digits among five signs: GA 36 allows no more letters.
        ("ordinary", rf"{_OFFICE}(?=(?:\D*\d){{2}}){_SIGN}{{5}}", (Colour.BLUE, Colour.YELLOW)),
        ("new energy, small", rf"{_OFFICE}{_ENERGY}{_SIGN}\d{{4}}", (Colour.GREEN,)),
        # Its ground is yellow on the left and green on the right.
        ("new energy, large", rf"{_OFFICE}\d{{5}}{_ENERGY}", (Colour.GREEN, Colour.YELLOW)),
        ("trailer", rf"{_OFFICE}{_SIGN}{{4}}挂", (Colour.YELLOW,)),
        ("learner", rf"{_OFFICE}{_SIGN}{{4}}学", (Colour.YELLOW,)),
        ("police", rf"{_OFFICE}{_SIGN}{{4}}警", (Colour.WHITE,)),
        ("Hong Kong, Macao", rf"粤Z{_SIGN}{{4}}[港澳]", (Colour.BLACK,)),
        ("consulate", rf"{_OFFICE}{_SIGN}{{4}}领", (Colour.BLACK,)),
        ("embassy", rf"使\d{{6}}|{_OFFICE}{_SIGN}{{4}}使", (Colour.BLACK,)),
    )
)

PLATE_WIDTH_PX = 256
"""What the line finder sees; the reader's lines are 32 px high."""
_HEIGHTS_PX = (64, 160)
MARGINS = (0.05, 0.10, 0.15)
"""A plate is cut out several times, with this share of its size around it,"""
GROWTHS = (1.3, 1.6)
"""and its lines, with this much of theirs: what hangs on a pixel more or less can't be read."""
STRETCH = 1.4
"""Lines are shown to the reader wider than they are: its steps along a line are coarse for signs that stand close together."""
_ROWS_MAX = 2
OVERRATED = {"皖": 30.0}
"""Of what the network learned from nearly all comes from Anhui, as in CCPD (Xu et al., ECCV 2018), which was taken in Hefei:
it takes almost every province that is blurred for this one. On the street it is one of 31."""
PARTS = ("plate_finder_cn", "plate_lines", "plate_signs_cn", "plate_alphabet_cn")
"""In the registry, in this order."""


def kind_of(text: str, colour: Colour = Colour.UNKNOWN) -> str | None:
    """The kind of plate that a text is, or None if there is no such plate of this colour.

    Examples:
        >>> kind_of("皖AG2R28", Colour.BLUE)
        'ordinary'
        >>> kind_of("皖AG2R28", Colour.GREEN)  # a green one has a sign more: one was not seen
    """
    for kind, pattern, colours in KINDS:
        if pattern.fullmatch(text) and (colour is Colour.UNKNOWN or colour in colours):
            return kind
    return None


class ChinaReader:
    """Plates of one line or two. Any number of threads may call it."""

    code = "CN"

    def __init__(self, finder: Finder, lines: LineFinder, signs: SignReader) -> None:
        self._finder = finder
        self._lines = lines
        self._signs = signs

    def find(self, image_rgb: NDArray[np.uint8]) -> tuple[Finding, ...]:
        """As `CountryReader`."""
        return self._finder.find(image_rgb)

    def spell(self, image_rgb: NDArray[np.uint8], quad_px: NDArray[np.float32]) -> tuple[Spelling, ...]:
        """As `CountryReader`: line by line, the upper one first."""
        width, height = sides_px(quad_px)
        height_px = int(np.clip(round(PLATE_WIDTH_PX * height / max(width, 1.0)), *_HEIGHTS_PX))
        return tuple(
            spelling
            for margin in MARGINS
            for spelling in self._spell(rectify(image_rgb, quad_px, PLATE_WIDTH_PX, height_px, margin=margin))
        )

    def _spell(self, plate_rgb: NDArray[np.uint8]) -> list[Spelling]:
        lines = self._lines.find(plate_rgb)
        if not 1 <= len(lines) <= _ROWS_MAX:
            return [NOTHING] * len(GROWTHS)
        return [_joined([self._signs.read(_cut(plate_rgb, grown(line, by))) for line in lines]) for by in GROWTHS]

    def well_formed(self, text: str, colour: Colour) -> bool:
        """As `CountryReader`."""
        return kind_of(text, colour) is not None


def _joined(lines: Sequence[Spelling]) -> Spelling:
    return Spelling("".join(it.text for it in lines), tuple(value for it in lines for value in it.confidences))


def _cut(plate_rgb: NDArray[np.uint8], line_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    width, height = sides_px(line_px)
    return rectify(plate_rgb, line_px, max(1, round(width * STRETCH)), max(1, round(height)))


def load_china(*, provider: str | None = None, cache_dir: Path | None = None) -> ChinaReader:
    """Open the networks; they are fetched first when they have to be.

    Args:
        provider: `cuda`, `openvino` or `cpu`; None takes the best that is there.
        cache_dir: instead of the user's cache folder.

    Raises:
        ModelError: no source has a file, or one of them is not what it should be.
    """
    finder, lines, signs, alphabet = fetch_china(cache_dir)
    return ChinaReader(
        Finder(open_session(finder, provider=provider)),
        LineFinder(open_session(lines, provider=provider)),
        SignReader(open_session(signs, provider=provider), _alphabet(alphabet), OVERRATED),
    )


def fetch_china(cache_dir: Path | None = None) -> tuple[Path, ...]:
    """Bring the networks into the cache.

    Returns:
        Their files, in the order of `PARTS`.

    Raises:
        ModelError: no source has a file.
    """
    registry = load_registry()
    return tuple(fetch(registry.part(name), cache_dir) for name in PARTS)


def _alphabet(path: Path) -> list[str]:
    signs = path.read_text("utf-8").split()
    if any(len(sign) != 1 for sign in signs):
        raise ModelError(f"{path}: one sign a line is expected")
    return signs
