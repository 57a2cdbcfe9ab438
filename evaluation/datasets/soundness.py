"""Whether a clip can be decoded from beginning to end."""

from __future__ import annotations

import av

from evaluation.datasets.timeline import Timeline, address_of
from streams.errors import SourceError
from streams.source.connection import Connection, reason
from streams.source.feed import TRUNCATION_TOLERANCE_S


def clip_problems(timeline: Timeline) -> list[str]:
    """Decode a clip whole, and say where it breaks.

    Args:
        timeline: of the clip.

    Returns:
        A line for each kind of damage; none if the clip is sound.
    """
    path = timeline.path
    connection = Connection(address_of(path))
    try:
        declared_s = connection.declared_s
        broken, why = _broken(connection)
    except SourceError as error:
        return [str(error)]
    finally:
        connection.close()
    problems = []
    if declared_s is not None and timeline.length_s < declared_s - TRUNCATION_TOLERANCE_S:
        problems.append(f"{path}: breaks off at {timeline.length_s:.1f} s of the {declared_s:.1f} s declared")
    if broken:
        at_s = (min(broken) - int(timeline.pts[0])) * float(timeline.time_base)
        problems.append(
            f"{path}: {len(broken)} of {len(timeline)} pictures are damaged, the first at {at_s:.2f} s: {why}"
        )
    return problems


def _broken(connection: Connection) -> tuple[list[int], str]:
    """The times, in ticks, of packets that can't be decoded and of pictures that the decoder calls damaged."""
    broken: list[int] = []
    why = ""
    started = False
    for packet in connection.packets():
        started = started or packet.is_keyframe
        if not started:
            continue
        shown = packet.pts if packet.pts is not None else (packet.dts or 0)
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            broken.append(shown)
            why = why or reason(error)
            continue
        for frame in frames:
            if frame.is_corrupt:
                broken.append(shown if frame.pts is None else frame.pts)
                why = why or "the decoder made up what was missing"
    return broken, why
