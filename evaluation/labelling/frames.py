"""Pictures of a clip by number, as the detector would see them: decoded here, not by a browser, so that a step is a step."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter

from evaluation.datasets.timeline import Timeline
from evaluation.errors import EvaluationError
from streams.still import encode_jpeg

JPEG_QUALITY: Final = 90
KEPT: Final = 120  # some 10 to 40 MB; whoever steps to and fro about an onset decodes nothing twice
AHEAD_MAX: Final = 60  # decoding on up to here (60 to 240 ms) is about what a jump to a keyframe costs


class FrameReader:
    """Decodes single pictures of a clip; may be asked by several threads.

    Args:
        timeline: of the clip.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._index = {int(pts): frame for frame, pts in enumerate(timeline.pts)}
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._input: InputContainer | None = None
        self._pictures: Iterator[av.VideoFrame] = iter(())
        self._next = 0
        self._reformatter = VideoReformatter()

    def jpeg(self, frame: int) -> bytes:
        """A picture, counted from 0, in full size.

        Raises:
            EvaluationError: the clip has no such picture, or it can't be decoded.
        """
        self._timeline.time_s(frame)
        with self._lock:
            if frame not in self._kept:
                self._keep(frame, self._decode(frame))
            self._kept.move_to_end(frame)
            return self._kept[frame]

    def close(self) -> None:
        """Closes the clip; more than once does no harm."""
        with self._lock:
            self._close()

    def _decode(self, frame: int) -> bytes:
        if self._input is None or not self._next <= frame <= self._next + AHEAD_MAX:
            self._jump(frame)
        found = self._find(frame)
        if found is None:  # some containers jump too far, or nowhere
            self._close()
            self._open()
            found = self._find(frame)
        if found is None:
            raise EvaluationError(f"{self._timeline.path}: picture {frame} can't be decoded")
        rgb = self._reformatter.reformat(found, format="rgb24", threads=1).to_ndarray()
        return encode_jpeg(np.asarray(rgb, dtype=np.uint8), JPEG_QUALITY)

    def _find(self, frame: int) -> av.VideoFrame | None:
        for picture in self._pictures:
            shown = picture.pts if picture.pts is not None else picture.dts
            reached = None if shown is None else self._index.get(int(shown))
            if reached is None:
                continue
            self._next = reached + 1
            if reached == frame:
                return picture
            if reached > frame:
                return None
        return None

    def _jump(self, frame: int) -> None:
        if self._input is None:
            self._open()
        assert self._input is not None  # noqa: S101 - for the type checker
        stream = self._input.streams.video[0]
        try:
            self._input.seek(int(self._timeline.pts[frame]), stream=stream, backward=True)
        except (av.error.FFmpegError, OSError):
            self._close()
            self._open()
        else:
            self._pictures = _decoded(self._input)

    def _open(self) -> None:
        self._input = av.open(self._timeline.path)
        self._pictures, self._next = _decoded(self._input), 0

    def _close(self) -> None:
        if self._input is not None:
            self._input.close()
        self._input, self._pictures = None, iter(())

    def _keep(self, frame: int, data: bytes) -> None:
        self._kept[frame] = data
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def _decoded(container: InputContainer) -> Iterator[av.VideoFrame]:
    """Decodes on past what is damaged."""
    for packet in container.demux(container.streams.video[0]):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue
