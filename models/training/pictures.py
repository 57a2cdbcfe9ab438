"""Facts about picture files: what a data set says of a picture is checked against the picture itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import ExifTags, Image
from tqdm import tqdm

from models.files import sha256_of
from models.training.findings import Finding, Findings

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_SIDE_MIN_PX = 10  # what Ultralytics takes at least
_TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that exchange width and height
_JPEG_END = b"\xff\xd9"
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that can be read.

    Attributes:
        path: of the file.
        sha256: of the file, hex.
        size_px: width and height as it is shown.
        stored_px: width and height as stored; another where EXIF turns the picture.
    """

    path: Path
    sha256: str
    size_px: tuple[int, int]
    stored_px: tuple[int, int]


def counted(things: Iterable[Thing], total: int | None = None) -> Iterable[Thing]:
    """The same things, with a bar on a terminal: every picture is read once for its digest, which takes a while."""
    return tqdm(things, total=total, desc="reading pictures", unit="", disable=None, leave=False)


def read_picture(path: Path, findings: Findings, where: str) -> Picture | None:
    """Look at a picture file.

    Args:
        path: of the file.
        findings: counts what is missing or broken.
        where: file and line or key that names the picture.

    Returns:
        None where it is missing or cannot be read whole.
    """
    if not path.is_file():
        findings.add(Finding.PICTURE_MISSING, f"{where}: {path}")
        return None
    try:
        with Image.open(path) as image:
            stored = image.size
            turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
            is_jpeg = image.format == "JPEG"
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        findings.add(Finding.PICTURE_BROKEN, f"{where}: {path}: {' '.join(str(error).split())}")
        return None
    # A JPEG that breaks off is one that the trainer would repair in place, and evidence stays as it is.
    if min(stored) < _SIDE_MIN_PX or (is_jpeg and not _ends_with(path, _JPEG_END)):
        findings.add(Finding.PICTURE_BROKEN, f"{where}: {path}: cut off, or smaller than {_SIDE_MIN_PX} px")
        return None
    shown = (stored[1], stored[0]) if turned else stored
    return Picture(path, sha256_of(path), shown, stored)


def _ends_with(path: Path, mark: bytes) -> bool:
    with path.open("rb") as stream:
        stream.seek(-len(mark), 2)
        return stream.read() == mark
