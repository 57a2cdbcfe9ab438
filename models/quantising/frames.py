"""Reads the frames that a variant is calibrated and judged on: a folder of pictures, or a clip."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from models.errors import ModelError
from models.letterbox import Letterbox

FRAMES_MIN = 16  # eight to calibrate and eight to judge: fewer say nothing about either
FRAMES_MAX = 1024  # at 640 px a frame takes 1.2 MB of memory
PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

_log = logging.getLogger(__name__)

Planner = Callable[[int, int], Letterbox]
"""How a frame of this width and height is fed: the `plan` of a detector."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture as a detector takes it.

    Attributes:
        name: of the file, or its time in the clip.
        image_rgb: uint8 `(height, width, 3)`, red first, of the size `plan.resized`, so that many fit into memory.
        plan: how it is fed.
    """

    name: str
    image_rgb: NDArray[np.uint8]
    plan: Letterbox


def read_frames(source: Path, plan: Planner, count: int) -> list[Frame]:
    """Frames evenly spread over a folder of pictures (and its sub-folders, by path) or over a clip.

    A clip with so many keyframes gives keyframes, as patrol sees them; a shorter one is decoded whole.

    Args:
        source: the folder or the clip.
        plan: of the detector.
        count: how many at most, 16…1024.

    Returns:
        At least 16 frames, in order.

    Raises:
        ModelError: there is no such source, a picture or the clip cannot be read, or there are too few frames.
    """
    if not FRAMES_MIN <= count <= FRAMES_MAX:
        raise ModelError(f"{count} frames: {FRAMES_MIN} to {FRAMES_MAX} are allowed")
    if source.is_dir():
        frames = _read_folder(source, plan, count)
    elif source.is_file():
        frames = list(_read_clip(source, plan, count))
    else:
        raise ModelError(f"{source}: no such folder or clip")
    if len(frames) < FRAMES_MIN:
        raise ModelError(f"{source}: {len(frames)} frames; at least {FRAMES_MIN} are needed, half of them to judge by")
    return frames


def split(frames: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
    """The frames to calibrate with and those held out to judge by: in turns, so both cover the whole of the source."""
    return list(frames[::2]), list(frames[1::2])


def spread(total: int, count: int) -> list[int]:
    """At most `count` indices, evenly spread over `total`, each in the middle of its share.

    Examples:
        >>> spread(10, 3), spread(2, 3)
        ([1, 5, 8], [0, 1])
    """
    chosen = min(total, count)
    return [(2 * index + 1) * total // (2 * chosen) for index in range(chosen)]


def _read_folder(folder: Path, plan: Planner, count: int) -> list[Frame]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        raise ModelError(f"{folder}: no pictures in it ({', '.join(suffix[1:] for suffix in PICTURE_SUFFIXES)})")
    if other := len(files) - len(pictures):
        _log.warning("%s: %d files are no pictures and were passed over", folder, other)
    return [_read_picture(pictures[index], plan) for index in spread(len(pictures), count)]


def _read_picture(path: Path, plan: Planner) -> Frame:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ModelError(f"{path}: not a picture that can be read")
    return _frame(path.name, np.asarray(image, np.uint8), plan)


def _frame(name: str, image_rgb: NDArray[np.uint8], plan: Planner) -> Frame:
    planned = plan(image_rgb.shape[1], image_rgb.shape[0])
    return Frame(name, planned.scaled(image_rgb), planned)


def _read_clip(path: Path, plan: Planner, count: int) -> Iterator[Frame]:
    taken = 0
    try:
        total, keyframes = _count(path)
        only_keyframes = keyframes >= count
        wanted = spread(keyframes if only_keyframes else total, count)
        for index, frame in enumerate(_decode(path, only_keyframes=only_keyframes)):
            if index == wanted[taken]:
                yield _frame(f"{path.name} at {frame.time or 0.0:.3f} s", _rgb(frame), plan)
                taken += 1
            if taken == len(wanted):
                return
    except (av.error.FFmpegError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "it has no pictures"
        if not taken:
            raise ModelError(f"{path}: neither a folder nor a clip that can be read: {reason}") from None
        _log.warning("%s: broke off: %s", path, reason)
    _log.warning("%s: %d of %d frames could be read", path, taken, len(wanted))


def _count(path: Path) -> tuple[int, int]:
    """Packets with a picture, and how many of them are keyframes; nothing is decoded."""
    with av.open(str(path)) as container:
        keyframes = [packet.is_keyframe for packet in container.demux(container.streams.video[0]) if packet.size]
    return len(keyframes), sum(keyframes)


def _decode(path: Path, *, only_keyframes: bool) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY" if only_keyframes else "DEFAULT"
        yield from container.decode(stream)


_reformatter = VideoReformatter()  # one for all: each that is made holds about 15 MB


def _rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(_reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray(), np.uint8)
