"""Footage that scenarios are made of: found by its file name, read once from beginning to end, and what stands still in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from evaluation.errors import EvaluationError

Image = npt.NDArray[np.uint8]
"""BGR picture, `(H, W, 3)`, uint8."""
Mask = npt.NDArray[np.uint8]
"""`(H, W)`, 0 or 255."""

MAX_HEIGHT_PX: Final = 720  # what evidence needs (GA/T 832-2014); more costs time and shows a detector nothing new
_PLATE_PICTURES: Final = 25  # odd, so that the median is a value that was seen; enough for whatever moves on
_DIFFERENCE: Final = (
    26  # levels of the strongest channel: above what MS-MPEG4 and swaying leaves bring, below a dark coat
)
_GAP_PX: Final = 7  # holes between a trouser leg and the road that are closed


@dataclass
class Footage:
    """The files of a folder and those below it, by name; what was read of them is kept as a path only, plates as pictures.

    Attributes:
        folder: where to look.
    """

    folder: Path
    _plates: dict[tuple[str, ...], Image] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """The file of that name.

        Raises:
            EvaluationError: there is none, or more than one.
        """
        found = sorted(path for path in self.folder.rglob(name) if path.is_file())
        if len(found) != 1:
            raise EvaluationError(
                f"footage {name}: {len(found)} files of that name below {self.folder}: allowed is one"
            )
        return found[0]

    def plate(self, names: tuple[str, ...]) -> Image:
        """What stands still: the median of pictures spread evenly over one or more clips of one camera, or a still."""
        if names not in self._plates:
            pictures: list[Image] = []
            for name in names:
                clip = list(self._spread(name))
                pictures += clip
            if len({picture.shape for picture in pictures}) != 1:
                raise EvaluationError(f"footage {', '.join(names)}: pictures differ in size: allowed is one camera")
            self._plates[names] = np.median(np.stack(pictures), axis=0).astype(np.uint8)
        return self._plates[names]

    def _spread(self, name: str) -> Iterator[Image]:
        count, _ = self.length(name)
        wanted = set(np.linspace(0, max(count - 1, 0), _PLATE_PICTURES).round().astype(int).tolist())
        for index, frame in enumerate(self._frames(name)):
            if index in wanted:
                yield picture_of(frame)

    def length(self, name: str) -> tuple[int, float]:
        """How many pictures a clip has, and how many of them a second; a still has one, and one a second."""
        try:
            with av.open(str(self.path(name))) as container:
                stream = container.streams.video[0]
                count = stream.frames or 1
                return count, float(stream.average_rate or 1) if count > 1 else 1.0
        except (FFmpegError, IndexError) as error:
            raise EvaluationError(f"footage {name}: is not video or a picture that can be read: {error}") from error

    def read(self, name: str, *, from_s: float = 0.0) -> Iterator[tuple[float, Image]]:
        """Pictures with their time since the first one; higher ones are scaled to `MAX_HEIGHT_PX`."""
        for time_s, frame in self.frames(name, from_s=from_s):
            yield time_s, picture_of(frame)

    def frames(self, name: str, *, from_s: float = 0.0) -> Iterator[tuple[float, av.VideoFrame]]:
        """The same as decoded: whoever needs few of them turns few of them into pictures.

        Time is counted in pictures, as footage of old cameras has time stamps that jump.
        """
        _, rate = self.length(name)
        for index, frame in enumerate(self._frames(name)):
            if index / rate >= from_s:
                yield index / rate, frame

    def _frames(self, name: str) -> Iterator[av.VideoFrame]:
        with av.open(str(self.path(name))) as container:
            container.streams.video[0].codec_context.thread_count = 1
            try:
                yield from container.decode(video=0)
            except FFmpegError as error:
                raise EvaluationError(f"footage {name}: breaks off: {error}") from error


def picture_of(frame: av.VideoFrame) -> Image:
    """A frame as a picture, no higher than `MAX_HEIGHT_PX`."""
    return _limited(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))


def _limited(picture: Image) -> Image:
    height, width = picture.shape[:2]
    if height <= MAX_HEIGHT_PX:
        return picture
    size = (round(width * MAX_HEIGHT_PX / height / 2) * 2, MAX_HEIGHT_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def moved(picture: Image, plate: Image) -> Mask:
    """Where a picture differs from what stands still, `(H, W)`, 0 or 255, with gaps closed and specks gone."""
    blue, green, red = cv2.split(cv2.absdiff(picture, plate))
    strongest = cv2.max(cv2.max(blue, green), red)
    mask = cv2.threshold(cv2.GaussianBlur(strongest, (3, 3), 0), _DIFFERENCE, 255, cv2.THRESH_BINARY)[1]
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((_GAP_PX, _GAP_PX), np.uint8)), np.uint8)
