"""The viewing copy of a clip: H.264 for browsers that can't play what the camera sent. Derived, never evidence by itself.

It is made from the clip's file alone, so that any later job can make it from stored evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from streams.clip import sha256_of
from streams.disk import part_of, settle
from streams.packet import TICKS_PER_S

VIEWING_HEIGHT_PX = 720
_ENCODER = {"preset": "superfast", "crf": "23"}
"""1080p H.265 in, 720p out, CPU seconds per second of video: superfast 0.50, veryfast 0.63, of which decoding takes 0.23;
ultrafast saves another tenth and doubles the file."""


@dataclass(frozen=True, slots=True)
class ViewingCopy:
    """A written viewing copy."""

    path: Path
    sha256: str
    width_px: int
    height_px: int
    pictures: int
    undecodable: int
    """Packets of the clip that could not be decoded."""


def write_viewing_copy(clip: Path, path: Path) -> ViewingCopy:
    """Transcodes a clip to H.264 in MP4, at most 720 lines high, with the clip's own times; gaps stay gaps.

    The file says in its metadata that it is a copy, and of which clip by name and SHA-256.

    Args:
        clip: Any clip that `ClipWriter` has made.
        path: Where the copy goes: `.mp4`. It has its name once it is whole.

    Raises:
        ValueError: No picture of the clip can be decoded.
        OSError: A file can't be read or written.
        av.error.FFmpegError: The clip is no video, or the copy can't be written.
    """
    part = part_of(path)
    note = f"Viewing copy of {clip.name} (SHA-256 {sha256_of(clip)}); not evidence by itself"
    try:
        with av.open(clip) as source:
            pictures = _Pictures(source)
            encoder = _transcode(pictures, _first(pictures, clip), part, note)
        digest = sha256_of(part)
        settle(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return ViewingCopy(path, digest, encoder.width_px, encoder.height_px, encoder.pictures, pictures.undecodable)


def _first(pictures: _Pictures, clip: Path) -> av.VideoFrame:
    first = next(pictures, None)
    if first is None:
        raise ValueError(f"{clip.name}: no picture of it can be decoded")
    return first


def _transcode(pictures: _Pictures, first: av.VideoFrame, path: Path, note: str) -> _Encoder:
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as out:
        out.metadata["comment"] = note
        encoder = _Encoder(out.add_stream("libx264", rate=25, options=_ENCODER), first, pictures.aspect)
        for picture in chain((first,), pictures):
            out.mux(encoder.encode(picture))
        out.mux(encoder.encode(None))
    return encoder


class _Pictures(Iterator[av.VideoFrame]):
    """Decodes on past what is damaged, and counts it."""

    def __init__(self, source: InputContainer) -> None:
        stream = source.streams.video[0]
        stream.codec_context.thread_count = 1
        self.undecodable = 0
        self.aspect = stream.sample_aspect_ratio or Fraction(1)
        """Width of a pixel by its height."""
        self._packets = source.demux(stream)
        self._ready: list[av.VideoFrame] = []

    def __next__(self) -> av.VideoFrame:
        while not self._ready:
            packet = next(self._packets)
            try:
                self._ready = [picture for picture in packet.decode() if picture.pts is not None]
            except av.error.FFmpegError:
                self.undecodable += 1
        return self._ready.pop(0)


class _Encoder:
    """Scales in YUV, with one scaler for all pictures, and encodes in one thread: evidence must not crowd out patrol."""

    def __init__(self, stream: VideoStream, first: av.VideoFrame, aspect: Fraction) -> None:
        self.pictures = 0
        self.height_px = min(VIEWING_HEIGHT_PX, first.height) // 2 * 2
        self.width_px = round(first.width * aspect * self.height_px / first.height) // 2 * 2
        self._stream = stream
        self._reformatter = VideoReformatter()
        self._last_pts = -1
        stream.width, stream.height, stream.pix_fmt = self.width_px, self.height_px, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        stream.codec_context.thread_count = 1

    def encode(self, picture: av.VideoFrame | None) -> list[av.Packet[VideoStream]]:
        if picture is None:
            return list(self._stream.encode(None))
        scaled = self._reformatter.reformat(
            picture, self.width_px, self.height_px, "yuv420p", interpolation=Interpolation.BILINEAR, threads=1
        )
        # A clip may show two pictures at once (its source repeated a time); an encoder wants time to rise.
        pts = max(round((picture.pts or 0) * (picture.time_base or 0) * TICKS_PER_S), self._last_pts + 1)
        scaled.pts, scaled.time_base, self._last_pts = pts, Fraction(1, TICKS_PER_S), pts
        scaled.pict_type = 0  # the encoder's own choice, not the camera's
        self.pictures += 1
        return list(self._stream.encode(scaled))
