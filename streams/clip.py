"""Clips: packets of the ring remuxed into a file, never transcoded; and the record of how complete a clip is."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile, pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from streams.codec import VideoCodec
from streams.disk import part_of, settle
from streams.packet import TICKS_PER_S, Packet

MP4_CODECS = ("h264", "hevc", "av1", "mpeg4", "mjpeg")
"""What the MP4 container takes; everything else goes into Matroska, beside a viewing copy."""
BROWSER_CODECS = ("h264", "av1")
"""What every browser plays; anything else gets a viewing copy."""
GAP_S = 1.0
"""Pictures further apart than this have a hole between them."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A written clip and how complete it is. Times are media time in seconds."""

    path: Path
    sha256: str
    codec: str
    asked_start_s: float
    asked_end_s: float
    start_s: float
    end_s: float
    pictures: int
    gaps_s: tuple[tuple[float, float], ...]
    """Holes: from the last picture before to the first one after."""
    cut_at_s: float | None
    """Where the clip had to be cut off because the camera came back with another codec or size; None if it was not."""
    left_out: int = 0
    """Pictures that refer to what came before the clip or in a hole: they can't be shown, and are not in it."""
    retimed: int = 0
    """Pictures whose time had to be moved, because the source repeats its time of decoding or goes back in it."""


class ClipWriter:
    """Writes a clip while its packets come, so that it may be longer than the ring.

    The file has its name once it is finished; used in a `with`, what is not finished leaves nothing behind.

    Args:
        stem: Path without suffix: `.mp4` is added, or `.mkv` for a codec that MP4 can't hold.
        start_s: Where the clip was asked to start.
    """

    def __init__(self, stem: Path, start_s: float) -> None:
        self._stem = stem
        self._start_s = start_s
        self._file: _Remuxed | None = None
        self._last: Packet | None = None
        self._shown_from_s = 0.0
        self._left_out = 0
        self._cut_at_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.discard()

    def append(self, packets: Sequence[Packet]) -> None:
        """Takes the next packets, in decoding order, from a keyframe on: what `PacketRing.window` gives.

        The first ones say where the clip starts, which may be before `start_s`, or later if the ring did not reach back
        far enough. Packets that it has already are passed over, so one window may overlap the next.

        Raises:
            OSError: The file can't be written.
            av.error.FFmpegError: The packets can't be written.
        """
        for packet in self._unseen(packets):
            if self._file is None:
                self._file = _Remuxed(self._stem, packet.codec)
            elif self._cut_at_s is None and not packet.codec.joins(self._file.codec):
                self._cut_at_s = packet.time_s
            if self._cut_at_s is not None:
                return
            if self._last is None or (packet.keyframe and _breaks(self._last, packet)):
                self._shown_from_s = packet.time_s
            self._last = packet
            # Pictures shown before the keyframe that they follow (an open GOP) refer to what is not in the clip.
            if packet.time_s < self._shown_from_s:
                self._left_out += 1
            else:
                self._file.write(packet)

    def _unseen(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        last = self._last
        if last is None:
            return list(dropwhile(lambda packet: not packet.keyframe, packets))
        name = _name(last)
        for index in range(len(packets) - 1, -1, -1):
            if _name(packets[index]) == name:
                return packets[index + 1 :]
        # The ring has gone on without us: there is a hole, and after it only a keyframe is of use.
        later = [packet for packet in packets if packet.decode_time_s > last.decode_time_s]
        return list(dropwhile(lambda packet: not packet.keyframe, later))

    def finish(self, end_s: float) -> Clip:
        """Completes the file, syncs it and gives it its name.

        Args:
            end_s: Where the clip was asked to end.

        Raises:
            ValueError: No packets came that begin with a keyframe.
            OSError: The file can't be written.
            av.error.FFmpegError: The packets can't be written.
        """
        if self._file is None:
            raise ValueError(
                f"a clip of {self._start_s:.1f} to {end_s:.1f} s needs packets that begin with a keyframe: got none"
            )
        file, self._file = self._file, None
        sha256 = file.finish()
        times_s = sorted(file.times_s)
        return Clip(
            path=file.path,
            sha256=sha256,
            codec=file.codec.name,
            asked_start_s=self._start_s,
            asked_end_s=end_s,
            start_s=times_s[0],
            end_s=times_s[-1],
            pictures=len(times_s),
            gaps_s=tuple((a, b) for a, b in pairwise(times_s) if b - a > GAP_S),
            cut_at_s=self._cut_at_s,
            left_out=self._left_out,
            retimed=file.retimed,
        )


def write_clip(packets: Sequence[Packet], start_s: float, end_s: float, stem: Path) -> Clip:
    """Writes a clip whose packets are all there; see `ClipWriter`.

    Raises:
        ValueError: No packets came that begin with a keyframe.
        OSError: The file can't be written.
        av.error.FFmpegError: The packets can't be written.
    """
    with ClipWriter(stem, start_s) as writer:
        writer.append(packets)
        return writer.finish(end_s)


def _name(packet: Packet) -> tuple[int | None, int | None, int]:
    """What tells a packet from its neighbours, also where it was read from disk and is another object."""
    return packet.raw.pts, packet.raw.dts, packet.raw.size


def _breaks(before: Packet, keyframe: Packet) -> bool:
    return keyframe.codec is not before.codec or keyframe.decode_time_s - before.decode_time_s > GAP_S


class _Remuxed:
    """The file itself: packets of one codec go in as they are, their time counted from the first one's."""

    def __init__(self, stem: Path, codec: VideoCodec) -> None:
        codec.check()
        in_mp4 = codec.name in MP4_CODECS
        self.codec = codec
        self.path = stem.with_name(stem.name + (".mp4" if in_mp4 else ".mkv"))
        self.times_s: list[float] = []
        self.retimed = 0
        self._part = part_of(self.path)
        self._zero_ticks = 0
        self._last_dts: int | None = None
        options = {"movflags": "+faststart"} if in_mp4 else {}
        self._out: OutputContainer = av.open(self._part, "w", format="mp4" if in_mp4 else "matroska", options=options)
        try:
            self._stream: VideoStream = self._out.add_stream_from_template(codec.template)
            self._stream.time_base = Fraction(1, TICKS_PER_S)
            if codec.name == "hevc":
                self._stream.codec_context.codec_tag = "hvc1"  # the one of its two tags that Apple's players accept
        except BaseException:
            self.discard()
            raise

    def write(self, packet: Packet) -> None:
        if not self.times_s:
            self._zero_ticks = packet.raw.pts or 0
        copy = av.Packet(bytes(packet.raw))
        copy.stream = self._stream
        copy.time_base = Fraction(1, TICKS_PER_S)
        copy.is_keyframe = packet.keyframe
        pts, dts = (packet.raw.pts or 0) - self._zero_ticks, (packet.raw.dts or 0) - self._zero_ticks
        # Some files repeat a DTS or go back; the muxer wants it to rise, and loses the packet otherwise.
        if self._last_dts is not None:
            dts = max(dts, self._last_dts + 1)
        # The last picture is shown as long as the one before: FFmpeg passes over a last MJPEG picture of no duration.
        copy.duration = 1 if self._last_dts is None else min(dts - self._last_dts, TICKS_PER_S)
        copy.pts, copy.dts = max(pts, dts), dts
        self.retimed += copy.pts != pts
        self._last_dts = dts
        self._out.mux(copy)
        self.times_s.append(packet.time_s)

    def finish(self) -> str:
        try:
            self._out.close()
            with av.open(self._part):  # evidence that nothing can open is none
                sha256 = sha256_of(self._part)
            settle(self._part, self.path)
        except BaseException:
            self.discard()
            raise
        return sha256

    def discard(self) -> None:
        # What is thrown away need not be completed; a full disk would not let it.
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._out.close()
        self._part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
