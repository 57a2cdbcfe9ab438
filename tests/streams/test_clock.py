import itertools
from datetime import UTC, datetime, timedelta

import pytest

from streams.clock import CaptureClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_recording_follows_its_pts_from_zero() -> None:
    clock = CaptureClock(live=False)
    assert [clock.media_s(pts, 0.0, NOON) for pts in (7.0, 7.04, 7.12)] == pytest.approx([0.0, 0.04, 0.12])


def test_a_recording_may_have_a_hole_but_not_go_back() -> None:
    clock = CaptureClock(live=False)
    clock.media_s(0.0, 0.0, NOON)
    clock.media_s(0.04, 0.0, NOON)
    assert clock.media_s(60.0, 0.0, NOON) == pytest.approx(60.0)  # a hole of a minute is real
    # PTS begins anew (two recordings in one file): media time goes on by one step of 0.04 s
    assert clock.media_s(0.0, 0.0, NOON) == pytest.approx(60.04)


def test_a_missing_pts_goes_on_by_the_last_step() -> None:
    clock = CaptureClock(live=False)
    assert clock.media_s(None, 0.0, NOON) == 0.0
    assert clock.media_s(5.04, 0.0, NOON) == pytest.approx(0.04)  # a step of 0.04 s until a real one is known
    assert clock.media_s(5.14, 0.0, NOON) == pytest.approx(0.14)
    assert clock.media_s(None, 0.0, NOON) == pytest.approx(0.24)  # now it is 0.1 s


def test_media_time_spans_the_gap_of_a_reconnect() -> None:
    clock = CaptureClock(live=True)
    assert clock.media_s(500.0, 100.0, NOON) == 0.0
    assert clock.media_s(501.0, 101.0, NOON) == pytest.approx(1.0)
    clock.reconnected()
    # The camera is back 20 s later and counts from 0 again.
    assert clock.media_s(0.0, 121.0, NOON) == pytest.approx(21.0)
    assert clock.media_s(0.5, 121.5, NOON) == pytest.approx(21.5)
    assert clock.wall(21.5) == NOON + timedelta(seconds=21.5)


def test_a_pts_that_jumps_does_not_move_media_time() -> None:
    clock = CaptureClock(live=True)
    clock.media_s(95443.0, 0.0, NOON)
    clock.media_s(95443.7, 0.7, NOON)
    assert clock.media_s(0.0, 0.74, NOON) == pytest.approx(0.74)  # 33 bits of 90 kHz wrap after 95443.7 s


def test_a_camera_that_runs_fast_is_followed_slowly() -> None:
    clock = CaptureClock(live=True)
    fast = 1.0002  # 200 ppm: 17 s a day
    media = [clock.media_s(arrived * fast, arrived, NOON) for arrived in (second / 5 for second in range(5 * 3600))]
    assert media[-1] == pytest.approx(3599.8, abs=0.02)  # uncorrected it would be 0.72 s ahead
    steps = [b - a for a, b in itertools.pairwise(media)]
    assert min(steps) > 0.17  # never jumps


def test_rtcp_tells_the_wall_clock_unless_it_lies() -> None:
    clock = CaptureClock(live=True)
    clock.media_s(0.0, 0.0, NOON)
    clock.sender_report(0.0, NOON - timedelta(seconds=0.4))  # the picture was taken 0.4 s before it came
    assert clock.source == "rtcp"
    assert clock.wall(10.0) == NOON + timedelta(seconds=9.6)
    clock.sender_report(0.0, datetime(1970, 1, 1, tzinfo=UTC))  # a camera that was never set
    assert clock.source == "arrival"
    assert clock.wall(10.0) == NOON + timedelta(seconds=10)
