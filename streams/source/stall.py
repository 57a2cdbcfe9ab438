"""Stalls of a connection that still sends: packets come, but nothing that can be used.

A camera that sends nothing at all is noticed by the time limit of reading (`connection`). Here is the rest: streams whose
keyframes stay away, and whose time stands still or jumps about.
"""

from collections import deque

KEYFRAME_MAX_S = 60.0
"""Smart codecs stretch the GOP to 20 s; without a keyframe for this long the camera has forgotten how. A new connection
begins with one."""
STANDS_S = 5.0
"""PTS that do not rise for this long, while pictures arrive, are no longer those of pictures."""
JUMPS_MAX = 3
JUMPS_WITHIN_S = 60.0
"""One jump is a clock that was set (time goes on regardless); this many in this time are a stream out of its mind."""


class StallWatch:
    """Watches one connection. Pure: arrival times are passed in."""

    def __init__(self, connected_s: float) -> None:
        self._keyframe_s = connected_s
        self._highest_pts_s = -float("inf")
        self._rose_s = connected_s
        self._jumps_s: deque[float] = deque(maxlen=JUMPS_MAX)

    def packet(self, pts_s: float | None, arrived_s: float, *, keyframe: bool) -> str | None:
        """Takes a packet; gives what is wrong with the stream, or None.

        Args:
            pts_s: Its own time, before any correction; None where the stream carries none.
            arrived_s: When it arrived, on a monotonic clock.
            keyframe: Whether it is one.
        """
        if keyframe:
            self._keyframe_s = arrived_s
        elif arrived_s - self._keyframe_s > KEYFRAME_MAX_S:
            return f"no keyframe for {arrived_s - self._keyframe_s:.0f} s"
        if pts_s is None:
            return None
        if pts_s > self._highest_pts_s:
            self._highest_pts_s, self._rose_s = pts_s, arrived_s
        elif arrived_s - self._rose_s > STANDS_S:
            return f"its time has not gone on for {arrived_s - self._rose_s:.0f} s"
        return None

    def jumped(self, arrived_s: float) -> str | None:
        """Takes note that the stream's time has jumped; gives what is wrong if that happens too often."""
        self._highest_pts_s, self._rose_s = -float("inf"), arrived_s
        self._jumps_s.append(arrived_s)
        if len(self._jumps_s) == JUMPS_MAX and arrived_s - self._jumps_s[0] <= JUMPS_WITHIN_S:
            return f"its time jumped {JUMPS_MAX} times in {arrived_s - self._jumps_s[0]:.0f} s"
        return None
