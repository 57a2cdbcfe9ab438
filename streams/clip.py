"""Clips: packets of the ring remuxed into a file, never transcoded; and the record of how complete a clip is."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from streams.lookback import look_back
from streams.packet import TICKS_PER_S, Packet

MP4_CODECS = ("h264", "hevc", "av1", "mpeg4", "mjpeg")
"""What the MP4 container takes; everything else goes into Matroska, beside a viewing copy."""
BROWSER_CODECS = ("h264", "av1")
"""What every browser plays; anything else gets a viewing copy."""
GAP_S = 1.0
"""Pictures further apart than this have a hole between them."""
VIEWING_HEIGHT_PX = 720


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
    transcoded: bool = False


def write_clip(packets: Sequence[Packet], start_s: float, end_s: float, stem: Path) -> Clip:
    """Remuxes packets into `stem` + `.mp4` (or `.mkv` for a codec that MP4 can't hold).

    Args:
        packets: In decoding order, the first one a keyframe: what `PacketRing.window(start_s, end_s)` gives. The clip starts
            at that keyframe, so it may start before `start_s`, and later if the ring did not reach back far enough.
        start_s: Where the clip was asked to start.
        end_s: Where the clip was asked to end.
        stem: Path without suffix.

    Raises:
        ValueError: There are no packets, or they don't begin with a keyframe.
    """
    if not packets or not packets[0].keyframe:
        raise ValueError(f"a clip of {start_s:.1f} to {end_s:.1f} s needs packets that begin with a keyframe: got none")
    # Pictures shown before the keyframe that they follow (an open GOP) refer to what is not in the clip.
    joined = [
        packet for packet in packets if packet.codec.joins(packets[0].codec) and packet.time_s >= packets[0].time_s
    ]
    cut = next((packet.time_s for packet in packets if not packet.codec.joins(packets[0].codec)), None)
    if cut is not None:
        joined = [packet for packet in joined if packet.time_s < cut]
    codec = packets[0].codec
    in_mp4 = codec.name in MP4_CODECS
    path = stem.with_name(stem.name + (".mp4" if in_mp4 else ".mkv"))
    _remux(joined, path, faststart=in_mp4)
    times_s = sorted(packet.time_s for packet in joined)
    return Clip(
        path=path,
        sha256=sha256_of(path),
        codec=codec.name,
        asked_start_s=start_s,
        asked_end_s=end_s,
        start_s=times_s[0],
        end_s=times_s[-1],
        pictures=len(joined),
        gaps_s=tuple((a, b) for a, b in pairwise(times_s) if b - a > GAP_S),
        cut_at_s=cut,
    )


def _remux(packets: Sequence[Packet], path: Path, *, faststart: bool) -> None:
    zero_ticks = packets[0].raw.pts or 0
    with av.open(path, "w", options={"movflags": "+faststart"} if faststart else {}) as out:
        stream = out.add_stream_from_template(packets[0].codec.template)
        if packets[0].codec.name == "hevc":
            stream.codec_context.codec_tag = "hvc1"  # the one of its two tags that Apple's players accept
        last_dts = None
        for packet in packets:
            copy = av.Packet(bytes(packet.raw))
            copy.stream = stream
            copy.time_base = Fraction(1, TICKS_PER_S)
            copy.is_keyframe = packet.keyframe
            copy.pts = (packet.raw.pts or 0) - zero_ticks
            copy.dts = (packet.raw.dts or 0) - zero_ticks
            # Some files repeat a DTS or go back; the muxer wants it to rise, and loses the packet otherwise.
            if last_dts is not None and copy.dts <= last_dts:
                copy.dts = last_dts + 1
            copy.pts = max(copy.pts, copy.dts)
            last_dts = copy.dts
            out.mux(copy)


def write_viewing_copy(packets: Sequence[Packet], clip: Clip, path: Path) -> Clip:
    """Transcodes a clip to H.264 for browsers, at most 720 lines high. A derived copy, never evidence by itself.

    Raises:
        ValueError: No picture of the clip can be decoded.
    """
    frames = look_back(packets, clip.start_s, clip.end_s)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"no picture between {clip.start_s:.1f} and {clip.end_s:.1f} s can be decoded")
    height = min(VIEWING_HEIGHT_PX, first.height_px) // 2 * 2
    width = round(first.width_px * height / first.height_px) // 2 * 2
    with av.open(path, "w", options={"movflags": "+faststart"}) as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
        pictures = 0
        for frame in (first, *frames):
            picture = av.VideoFrame.from_ndarray(frame.rgb(width, height), format="rgb24")
            picture.pts = round((frame.time_s - clip.start_s) * TICKS_PER_S)
            picture.time_base = Fraction(1, TICKS_PER_S)
            out.mux(stream.encode(picture))
            pictures += 1
        out.mux(stream.encode(None))
    return Clip(
        path, sha256_of(path), "h264", clip.asked_start_s, clip.asked_end_s, clip.start_s, clip.end_s, pictures,
        clip.gaps_s, clip.cut_at_s, transcoded=True,
    )  # fmt: skip


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
