"""Parameter sets that travel in the stream itself: how a camera says in mid-connection that its picture has another size.

A stream in Annex B (RTSP, MPEG-TS) may send new parameter sets before any keyframe. The decoder follows by itself, but a
clip has one set of parameters for all of its pictures, so the change must be noticed.
"""

from __future__ import annotations

import re

START_CODE = b"\x00\x00\x01"
_PARAMETERS = {"h264": frozenset((7, 8)), "hevc": frozenset((32, 33, 34))}
"""NAL unit types: SPS and PPS (ITU-T H.264, table 7-1); VPS, SPS and PPS (H.265, table 7-1)."""
_SLICES = {"h264": range(1, 6), "hevc": range(32)}
_SEARCHED_BYTES = 4096
"""Parameter sets stand in front; a picture whose first slice begins later than this is nothing a camera makes."""


def parameter_sets(codec: str, picture: memoryview | bytes) -> bytes | None:
    """The parameter sets in front of a compressed picture in Annex B, without start codes, in a row.

    Args:
        codec: `h264` or `hevc`; any other has none.
        picture: One compressed picture.

    Returns:
        None if it carries none (or is not Annex B), which says nothing about a change.
    """
    kinds = _PARAMETERS.get(codec)
    head = bytes(picture[:_SEARCHED_BYTES])
    if kinds is None or not head.startswith((START_CODE, b"\x00" + START_CODE)):
        return None
    found: list[bytes] = []
    starts = [match.end() for match in re.finditer(START_CODE, head)]
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        unit = head[start : None if following is None else following - len(START_CODE)].rstrip(b"\x00")
        if not unit:
            continue
        kind = unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F
        if kind in kinds:
            found.append(unit)
        elif kind in _SLICES[codec]:
            break
    return b"".join(found) or None
