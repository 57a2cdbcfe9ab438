"""A clip picture by picture: read once to look at it, and once more to write it anew in H.264 with each picture changed."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from streams.frame import Frame
from streams.packet import TICKS_PER_S

_ENCODER = {"preset": "veryfast", "crf": "20"}
"""What is left to see shall be seen as well as in the original, in its full size."""

Change = Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]
"""Gets the number of a picture and the picture as RGB `(height, width, 3)` uint8; gives one of the same size."""


def pictures(path: Path) -> Iterator[Frame]:
    """Every picture of a clip that can be decoded, in order; the same ones at each reading.

    Raises:
        av.error.FFmpegError: The file is no video.
    """
    with av.open(path) as source:
        stream = source.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in source.demux(stream):
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                continue
            for picture in decoded:
                if picture.pts is not None and picture.time is not None:
                    yield Frame(picture.time, picture)


def write_changed(source: Path, path: Path, change: Change, note: str) -> int:
    """Writes a clip anew, with its own times, without sound.

    Args:
        source: The clip.
        path: Where it goes: `.mp4`.
        change: Applied to each picture.
        note: Stands in the file's metadata.

    Returns:
        How many pictures it has.

    Raises:
        ValueError: No picture can be decoded.
        av.error.FFmpegError: A file can't be read or written.
    """
    # One scaler for all pictures: a picture's own would keep 15 MB for each.
    scaler = VideoReformatter()
    count, last_pts = 0, -1
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as out:
        out.metadata["comment"] = note
        stream = None
        for index, frame in enumerate(pictures(source)):
            image = change(index, frame.rgb())
            height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
            if stream is None:
                stream = out.add_stream("libx264", rate=25, options=_ENCODER)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
                stream.codec_context.thread_count = 1
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            picture = scaler.reformat(picture, stream.width, stream.height, "yuv420p", threads=1)
            last_pts = max(round(frame.time_s * TICKS_PER_S), last_pts + 1)
            picture.pts, picture.time_base = last_pts, Fraction(1, TICKS_PER_S)
            out.mux(stream.encode(picture))
            count += 1
        if stream is None:
            raise ValueError(f"{source.name}: no picture of it can be decoded")
        out.mux(stream.encode(None))
    return count
