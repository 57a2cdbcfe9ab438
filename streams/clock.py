"""The capture clock: PTS to media time. What the wall clock says at a moment of media time is `WallClock`'s."""

from datetime import datetime

from streams.wall import ClockSource, WallClock

__all__ = ["CaptureClock", "ClockSource"]

BACK_S = 1.0
"""Reordered pictures come this much out of order at most; what goes further back has been set anew, or has wrapped."""
AHEAD_S = 2.0
"""A picture can't come before it was taken: what is further ahead than this has jumped."""
BURST_S = 5.0
"""But a connection may begin with pictures that the camera had kept: this long after it began, being ahead is normal …"""
BURST_MAX_S = 30.0
"""… by up to this much: the longest GOP that anybody keeps."""
LATE_S = 30.0
"""HLS comes a segment at a time, and a network may hold pictures back; what seems later than this has jumped back."""
HOLE_MAX_S = 86_400.0
"""A recorded file may have a hole in it, but not one of more than a day."""
STEP_MAX_S = 1.0
"""Two pictures further apart than this say nothing about the frame rate."""
FRAME_GUESS_S = 0.04
"""Used for a packet without PTS until the distance of two packets is known."""


class CaptureClock:
    """Keeps one camera's time. Nothing in here reads a clock: arrival times are passed in.

    Media time starts at 0 with the first picture and never jumps, whatever PTS do: where they wrap, are set, or begin anew
    with a connection, it goes on by the time that has passed in between: by arrival for a live camera, by one frame for a
    recorded file. A declared frame rate is never used.
    """

    def __init__(self, *, live: bool, starts_at: datetime | None = None) -> None:
        self.live = live
        self.jumps = 0
        """How often PTS have jumped within a connection."""
        self._wall = WallClock(live=live, starts_at=starts_at)
        self._offset_s: float | None = None
        self._last_s = -FRAME_GUESS_S
        self._step_s = FRAME_GUESS_S
        self._arrived_s: float | None = None
        self._connected_s = 0.0
        self._least_late_s = 0.0

    @property
    def source(self) -> ClockSource:
        """Where wall-clock time comes from."""
        return self._wall.source

    @property
    def error_s(self) -> float | None:
        """Measured uncertainty of wall-clock time; None where it can't be measured (a recorded file, the first seconds)."""
        return self._wall.error_s

    @property
    def camera_offset_s(self) -> float | None:
        """The camera's own wall clock minus ours; None before the first sender report."""
        return self._wall.camera_offset_s

    @property
    def steps(self) -> int:
        """How often the machine's wall clock (or the camera's, if that is the source) was set."""
        return self._wall.steps

    def reconnected(self) -> None:
        """A new connection begins: its PTS have nothing to do with the last one's."""
        self._offset_s = None

    def media_s(self, pts_s: float | None, arrived_s: float, arrived_at: datetime) -> float:
        """Media time of a packet.

        Args:
            pts_s: Its PTS in seconds (DTS where PTS is missing); None when it has neither.
            arrived_s: When it arrived, on a monotonic clock.
            arrived_at: The same moment on the wall clock.
        """
        expected_s = self._expected_s(arrived_s)
        if pts_s is None:
            media_s = expected_s
        else:
            if self._offset_s is None or self._jumped(pts_s + self._offset_s, arrived_s):
                self.jumps += self._offset_s is not None
                self._anchor(expected_s - pts_s, expected_s, arrived_s)
            media_s = pts_s + (self._offset_s or 0.0)
            self._least_late_s = min(self._least_late_s, arrived_s - media_s)
        if 0 < media_s - self._last_s < STEP_MAX_S:
            self._step_s = media_s - self._last_s
        if media_s >= self._last_s:
            self._last_s, self._arrived_s = media_s, arrived_s
        self._wall.arrived(media_s, arrived_at, fresh=arrived_s - self._connected_s < BURST_S)
        return media_s

    def _expected_s(self, arrived_s: float) -> float:
        if self._arrived_s is None:
            return 0.0
        return self._last_s + (max(0.0, arrived_s - self._arrived_s) if self.live else self._step_s)

    def _anchor(self, offset_s: float, media_s: float, arrived_s: float) -> None:
        if self._offset_s is None:
            self._connected_s = arrived_s
        self._offset_s = offset_s
        self._least_late_s = arrived_s - media_s

    def _jumped(self, media_s: float, arrived_s: float) -> bool:
        if media_s < self._last_s - max(BACK_S, 4 * self._step_s):
            return True
        if not self.live:
            return media_s > self._last_s + HOLE_MAX_S
        late_s = arrived_s - media_s - self._least_late_s
        ahead_s = BURST_MAX_S if arrived_s - self._connected_s < BURST_S else AHEAD_S
        return not -ahead_s <= late_s <= LATE_S

    def sender_report(self, media_s: float, camera_at: datetime) -> None:
        """Takes the camera's own wall-clock time of a picture, from an RTCP sender report."""
        self._wall.reported(media_s, camera_at)

    def wall(self, media_s: float) -> datetime:
        """Wall-clock time of a moment of media time, in UTC.

        Raises:
            ValueError: No packet has come yet.
        """
        return self._wall.at(media_s)
