"""The capture clock: PTS to media time, and media time to wall clock."""

from datetime import UTC, datetime, timedelta
from typing import Literal

ClockSource = Literal["rtcp", "arrival", "file"]

JUMP_S = 10.0
"""PTS that leaves the expected time by more than this has wrapped, was reset, or lies: media time goes on regardless."""
DRIFT_WINDOW_S = 30.0
"""Lateness is judged over this long: the least delayed packet of a window shows how far the two clocks have drifted."""
DRIFT_STEP_S = 0.02
"""The most that one window corrects, so that media time never jumps: follows a drift of up to 600 ppm."""
RTCP_TRUST_S = 10.0
"""A camera whose own clock is further off than this is set wrong: then the arrival time is the better wall clock."""
FRAME_GUESS_S = 0.04
"""Used for a packet without PTS until the distance of two packets is known."""


class CaptureClock:
    """Keeps one camera's time. Nothing in here reads a clock: arrival times are passed in.

    Media time starts at 0 with the first picture. For a recorded file it follows PTS. For a live camera each connection's
    PTS is anchored at the arrival of its first packet, so that media time spans the gap of a reconnect, and a slow
    correction follows the drift between the camera's clock and ours.
    """

    def __init__(self, *, live: bool, starts_at: datetime | None = None) -> None:
        self.live = live
        self.source: ClockSource = "arrival" if live else "file"
        self.error_s: float | None = None
        """Live: measured spread of arrival against PTS over the last window. Recorded: not measurable."""
        self.camera_offset_s: float | None = None
        """RTCP wall clock of the camera minus ours; None before the first sender report."""
        self._wall_of_zero = starts_at
        self._first_arrival_s: float | None = None
        self._offset_s: float | None = None
        self._last_s = -FRAME_GUESS_S
        self._step_s = FRAME_GUESS_S
        self._window_start_s = 0.0
        self._lateness_s: list[float] = []

    def reconnected(self) -> None:
        """A new connection begins: its PTS have nothing to do with the last one's."""
        self._offset_s = None
        self._lateness_s = []

    def media_s(self, pts_s: float | None, arrived_s: float, arrived_at: datetime) -> float:
        """Media time of a packet.

        Args:
            pts_s: Its PTS in seconds (DTS where PTS is missing); None when it has neither.
            arrived_s: When it arrived, on a monotonic clock.
            arrived_at: The same moment on the wall clock; only the first one is used.
        """
        if self._first_arrival_s is None:
            self._first_arrival_s = arrived_s
            self._wall_of_zero = self._wall_of_zero or arrived_at
        expected_s = arrived_s - self._first_arrival_s if self.live else self._last_s + self._step_s
        if pts_s is None:
            return self._advance(max(self._last_s + self._step_s, 0.0))
        if self._offset_s is None or self._jumped(pts_s + self._offset_s, expected_s):
            self._offset_s = max(expected_s, 0.0) - pts_s
        media_s = pts_s + self._offset_s
        if self.live:
            self._follow_drift(media_s, expected_s - media_s)
        return self._advance(media_s)

    def _jumped(self, media_s: float, expected_s: float) -> bool:
        # A recorded file may really have a hole in it, so there only a jump backwards is one.
        return abs(media_s - expected_s) > JUMP_S if self.live else media_s < expected_s - JUMP_S

    def _advance(self, media_s: float) -> float:
        if 0 < media_s - self._last_s < 1:
            self._step_s = media_s - self._last_s
        self._last_s = max(self._last_s, media_s)
        return media_s

    def _follow_drift(self, media_s: float, late_s: float) -> None:
        self._lateness_s.append(late_s)
        if media_s - self._window_start_s < DRIFT_WINDOW_S:
            return
        least_s = min(self._lateness_s)
        self.error_s = max(self._lateness_s) - least_s
        self._offset_s = (self._offset_s or 0.0) + max(-DRIFT_STEP_S, min(DRIFT_STEP_S, least_s))
        self._lateness_s = []
        self._window_start_s = media_s

    def sender_report(self, media_s: float, camera_at: datetime) -> None:
        """Takes the camera's own wall-clock time of a picture, from an RTCP sender report."""
        if self._wall_of_zero is None:
            return
        self.camera_offset_s = (camera_at - (self._wall_of_zero + timedelta(seconds=media_s))).total_seconds()
        self.source = "rtcp" if abs(self.camera_offset_s) <= RTCP_TRUST_S else "arrival"

    def wall(self, media_s: float) -> datetime:
        """Wall-clock time of a moment of media time, in UTC.

        Raises:
            ValueError: No packet has come yet.
        """
        if self._wall_of_zero is None:
            raise ValueError("the clock has not started: no packet has come yet")
        offset_s = self.camera_offset_s if self.source == "rtcp" and self.camera_offset_s is not None else 0.0
        return (self._wall_of_zero + timedelta(seconds=media_s + offset_s)).astimezone(UTC)
