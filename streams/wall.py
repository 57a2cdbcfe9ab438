"""Media time to wall clock: from RTCP sender reports where they come, else from when pictures arrive."""

import statistics
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

ClockSource = Literal["rtcp", "arrival", "file"]

WINDOW_S = 30.0
"""The two clocks are compared once in this time: the least delayed picture of a window has been held up by nothing."""
SLEW_S = 0.02
"""The most that a window corrects: less than the distance of two pictures, so that time never runs backwards, and enough for a
clock that is 600 ppm off."""
STEP_S = 0.5
"""A difference larger than this is a clock that was set, not one that drifts: it is followed at once, and counted."""
RTCP_TRUST_S = 10.0
"""A camera whose own clock is further off than this is set wrong: then the arrival time is the better wall clock."""
ANCHORS_MAX = 8192
"""Corrections remembered, each for 34 h at least: a moment keeps the wall-clock time that it was given."""
COARSE_S = 0.05
"""When there is no more room, older corrections that differ by no more than this become one: a moment of last week is off by so
much at most. A clock that is 100 ppm off leaves 170 of them a day."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    from_s: float
    """Media time from which it holds."""
    zero_s: float
    """Wall clock (seconds since 1970) at media time 0."""


class WallClock:
    """Wall-clock time of one camera's media time. Pure: arrivals and reports are passed in.

    Corrections hold from the moment on at which they are made, so what was said of an earlier moment stays true.
    """

    def __init__(self, *, live: bool, starts_at: datetime | None = None) -> None:
        self.source: ClockSource = "arrival" if live else "file"
        self.error_s: float | None = None
        self.camera_offset_s: float | None = None
        self.steps = 0
        self._live = live
        self._anchors: list[_Anchor] = []
        if starts_at is not None:
            self._anchors.append(_Anchor(0.0, starts_at.timestamp()))
        self._arrivals: list[float] = []
        self._reports: list[float] = []
        self._window_from_s = 0.0

    def arrived(self, media_s: float, arrived_at: datetime, *, fresh: bool) -> None:
        """Takes the arrival of a picture.

        Args:
            media_s: Its media time.
            arrived_at: The wall clock when it arrived.
            fresh: The connection has only begun, and may deliver what the camera had kept: the least late picture counts.
        """
        zero_s = arrived_at.timestamp() - media_s
        if not self._anchors:
            self._anchors.append(_Anchor(0.0, zero_s))
        if not self._live:
            return
        if fresh and self.source == "arrival" and zero_s < self._anchors[-1].zero_s:
            self._move(media_s, zero_s)
        self._arrivals.append(zero_s)
        if media_s - self._window_from_s >= WINDOW_S:
            self._close_window(media_s)

    def reported(self, media_s: float, camera_at: datetime) -> None:
        """Takes the camera's own time of a picture."""
        zero_s = camera_at.timestamp() - media_s
        self._reports.append(zero_s)
        if self.camera_offset_s is None and self._arrivals:
            # The first report of all: no reason to wait for the end of a window.
            self._judge_camera(min(self._arrivals))
            if self.source == "rtcp":
                self._move(media_s, zero_s)

    def _close_window(self, media_s: float) -> None:
        least_s = min(self._arrivals)
        spread_s = statistics.quantiles(self._arrivals, n=20)[-1] - least_s if len(self._arrivals) > 1 else 0.0
        target_s, self.error_s = least_s, spread_s
        before = self.source
        if self._reports:
            self._judge_camera(least_s)
        elif self.source == "rtcp":
            self.source = "arrival"  # reports have stopped coming
        if self.source == "rtcp":
            target_s, self.error_s = statistics.median(self._reports), max(self._reports) - min(self._reports)
        self._follow(media_s, target_s, at_once=before != self.source)
        self._arrivals, self._reports, self._window_from_s = [], [], media_s

    def _judge_camera(self, arrival_zero_s: float) -> None:
        self.camera_offset_s = statistics.median(self._reports) - arrival_zero_s
        self.source = "rtcp" if abs(self.camera_offset_s) <= RTCP_TRUST_S else "arrival"

    def _follow(self, media_s: float, zero_s: float, *, at_once: bool) -> None:
        held_s = self._anchors[-1].zero_s
        off_s = zero_s - held_s
        if abs(off_s) > STEP_S:
            self.steps += not at_once
            self._move(media_s, zero_s)
        else:
            self._move(media_s, held_s + max(-SLEW_S, min(SLEW_S, off_s)))

    def _move(self, media_s: float, zero_s: float) -> None:
        if zero_s != self._anchors[-1].zero_s:
            self._anchors.append(_Anchor(media_s, zero_s))
            if len(self._anchors) > ANCHORS_MAX:
                self._thin()

    def _thin(self) -> None:
        """Makes room among the older half of the corrections."""
        older, newer = self._anchors[: ANCHORS_MAX // 2], self._anchors[ANCHORS_MAX // 2 :]
        kept = older[:1]
        for anchor in older[1:]:
            if abs(anchor.zero_s - kept[-1].zero_s) > COARSE_S:
                kept.append(anchor)
        # The first tells of all that was before it, so it stays; were there thousands of steps, so do the newest of them.
        self._anchors = [kept[0], *kept[1:][-ANCHORS_MAX * 3 // 8 :], *newer]

    def at(self, media_s: float) -> datetime:
        """Wall-clock time of a moment of media time, in UTC.

        Raises:
            ValueError: No picture has come yet.
        """
        if not self._anchors:
            raise ValueError("the clock has not started: no picture has come yet")
        index = bisect_right(self._anchors, media_s, key=lambda anchor: anchor.from_s) - 1
        anchor = self._anchors[max(0, index)]
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=anchor.zero_s + media_s)
