import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from streams.clock import BURST_S, CaptureClock
from streams.wall import ANCHORS_MAX, WINDOW_S, WallClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(arrived_s: float) -> datetime:
    """The wall clock at a moment of the monotonic one."""
    return NOON + timedelta(seconds=arrived_s)


class Camera:
    """Feeds a clock: 25 pictures per second with the given network delay, PTS and set-off of the machine's clock."""

    def __init__(self, clock: CaptureClock) -> None:
        self.clock = clock
        self.media: list[float] = []
        self.walls: list[datetime] = []
        self.now_s = 0.0

    def send(self, seconds: float, *, pts_from_s=None, late=lambda: 0.0, machine_off_s=0.0, report_off_s=None) -> None:
        start_s = self.now_s
        for number in range(round(seconds * 25)):
            taken_s = start_s + number / 25
            arrived_s = taken_s + late()
            pts_s = taken_s if pts_from_s is None else pts_from_s + number / 25
            media_s = self.clock.media_s(pts_s, arrived_s, at(arrived_s + machine_off_s))
            if report_off_s is not None:
                self.clock.sender_report(media_s, at(taken_s + report_off_s))
            self.media.append(media_s)
            self.walls.append(self.clock.wall(media_s))
        self.now_s = start_s + seconds


def seconds_off(wall: datetime, true_s: float) -> float:
    return (wall - at(true_s)).total_seconds()


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
    assert clock.jumps == 1
    # … and a hole of a year is no hole
    assert clock.media_s(3e7, 0.0, NOON) == pytest.approx(60.08)


def test_reordered_pictures_are_no_jump() -> None:
    clock = CaptureClock(live=False)
    order = (0.0, 0.16, 0.08, 0.04, 0.12, 0.32)
    assert [clock.media_s(pts, 0.0, NOON) for pts in order] == pytest.approx(order)
    assert clock.jumps == 0


def test_a_missing_pts_goes_on_by_the_last_step() -> None:
    clock = CaptureClock(live=False)
    assert clock.media_s(None, 0.0, NOON) == 0.0
    assert clock.media_s(5.04, 0.0, NOON) == pytest.approx(0.04)  # a step of 0.04 s until a real one is known
    assert clock.media_s(5.14, 0.0, NOON) == pytest.approx(0.14)
    assert clock.media_s(None, 0.0, NOON) == pytest.approx(0.24)  # now it is 0.1 s


def test_a_camera_without_pts_is_timed_by_arrival() -> None:
    clock = CaptureClock(live=True)
    assert [clock.media_s(None, arrived, at(arrived)) for arrived in (50.0, 50.3, 51.0)] == pytest.approx([0, 0.3, 1.0])


def test_media_time_spans_the_gap_of_a_reconnect() -> None:
    clock = CaptureClock(live=True)
    assert clock.media_s(500.0, 100.0, at(100)) == 0.0
    assert clock.media_s(501.0, 101.0, at(101)) == pytest.approx(1.0)
    clock.reconnected()
    # The camera is back 20 s later and counts from 0 again.
    assert clock.media_s(0.0, 121.0, at(121)) == pytest.approx(21.0)
    assert clock.media_s(0.5, 121.5, at(121.5)) == pytest.approx(21.5)
    assert seconds_off(clock.wall(21.5), 121.5) == pytest.approx(0, abs=1e-5)
    assert clock.jumps == 0


@pytest.mark.parametrize("pts_from_s", [0.0, -5.0, 13.5, 1e6, 4.0])
def test_a_pts_that_jumps_does_not_move_media_time(pts_from_s) -> None:
    # 33 bits of 90 kHz wrap after 95443.7 s; a camera's clock is set by 3.5 s forwards, 5 or 6 s back
    camera = Camera(CaptureClock(live=True))
    camera.send(10)
    camera.send(10, pts_from_s=pts_from_s)
    steps = [b - a for a, b in itertools.pairwise(camera.media)]
    assert steps == pytest.approx([0.04] * 499, abs=1e-6)
    assert camera.clock.jumps == 1


def test_jitter_is_no_jump_and_does_not_reach_media_time() -> None:
    delays = random.Random(1)
    camera = Camera(CaptureClock(live=True))
    camera.send(120, late=lambda: delays.uniform(0.05, 1.5))
    steps = [b - a for a, b in itertools.pairwise(camera.media)]
    assert steps == pytest.approx([0.04] * len(steps), abs=1e-6)
    assert camera.clock.jumps == 0
    # The least delayed picture came 0.05 s late, and wall-clock time is that of arrival: it can't know those 0.05 s.
    assert seconds_off(camera.walls[-1], 120 - 0.04) == pytest.approx(0.05, abs=0.03)
    assert 1.2 < camera.clock.error_s <= 1.45
    settled = camera.walls[round(25 * BURST_S) :]
    assert settled == sorted(settled)


def test_what_a_camera_had_kept_is_dated_back() -> None:
    # It delivers the last 2 s in a burst: the first picture is 2 s old when it comes.
    clock = CaptureClock(live=True)
    for number in range(50):
        clock.media_s(number / 25, number / 1000, at(number / 1000))
    for number in range(50, 100):
        clock.media_s(number / 25, number / 25 - 1.95, at(number / 25 - 1.95))
    assert clock.jumps == 0
    assert seconds_off(clock.wall(3.96), 3.96 - 1.95) == pytest.approx(0, abs=0.05)


def test_a_camera_that_runs_fast_is_followed_slowly() -> None:
    # 200 ppm, 17 s a day: after an hour media time is 0.72 s ahead, wall-clock time is not
    clock = CaptureClock(live=True)
    walls = []
    for second in range(5 * 3600):
        arrived_s = second / 5
        walls.append(clock.wall(clock.media_s(arrived_s * 1.0002, arrived_s, at(arrived_s))))
    assert seconds_off(walls[-1], 3599.8) == pytest.approx(0, abs=0.02)
    assert walls == sorted(walls)
    assert clock.steps == 0


@pytest.mark.parametrize("off_s", [3600.0, -3600.0])
def test_a_machine_whose_clock_is_set_is_followed_and_what_was_said_stays(off_s) -> None:
    camera = Camera(CaptureClock(live=True))
    camera.send(60)
    said = camera.clock.wall(10.0)
    camera.send(2 * WINDOW_S + 1, machine_off_s=off_s)
    assert seconds_off(camera.clock.wall(camera.media[-1]), camera.now_s - 0.04) == pytest.approx(off_s, abs=0.05)
    assert camera.clock.wall(10.0) == said
    assert camera.clock.steps == 1


def test_moments_of_a_long_stay_keep_the_time_that_they_were_told_with() -> None:
    # A camera that is 50 ppm fast, before a machine whose clock is set right by 180 s in the first hour.
    wall = WallClock(live=True)
    told: dict[float, datetime] = {}
    for minute in range(20 * 24 * 60):
        arrived_s = minute * 60.0
        wall.arrived(arrived_s * (1 + 50e-6), at(arrived_s + (180.0 if minute >= 40 else 0.0)), fresh=False)
        if minute in (20, 60, 14 * 60):
            told[arrived_s - 300.0] = wall.at(arrived_s - 300.0)
        if minute == 24 * 60:
            assert {moment_s: wall.at(moment_s) for moment_s in told} == told
    # After 20 days, of which each minute brought a correction, there was no room for all.
    assert len(wall._anchors) <= ANCHORS_MAX
    for moment_s, said in told.items():
        assert abs((wall.at(moment_s) - said).total_seconds()) <= 0.05


def test_a_clock_that_is_set_all_the_time_fills_no_memory() -> None:
    wall = WallClock(live=True)
    for minute in range(2 * ANCHORS_MAX):
        wall.arrived(minute * 60.0, at(minute * 60.0 + minute % 2 * 10.0), fresh=False)
    assert len(wall._anchors) <= ANCHORS_MAX


def test_rtcp_tells_the_wall_clock() -> None:
    camera = Camera(CaptureClock(live=True))
    camera.send(5, late=lambda: 0.4)
    assert camera.clock.source == "arrival"
    camera.send(60, late=lambda: 0.4, report_off_s=0.0)
    assert camera.clock.source == "rtcp"
    assert seconds_off(camera.walls[-1], camera.now_s - 0.04) == pytest.approx(0, abs=1e-3)
    assert camera.clock.camera_offset_s == pytest.approx(-0.4, abs=1e-3)
    assert camera.clock.error_s == pytest.approx(0, abs=1e-3)


def test_rtcp_that_lies_or_stops_is_left() -> None:
    camera = Camera(CaptureClock(live=True))
    camera.send(60, report_off_s=-1e9)  # a camera that was never set
    assert camera.clock.source == "arrival"
    assert camera.clock.camera_offset_s == pytest.approx(-1e9, abs=1)
    assert seconds_off(camera.walls[-1], camera.now_s - 0.04) == pytest.approx(0, abs=0.05)
    camera.send(60, report_off_s=0.2)  # now it has been set
    assert camera.clock.source == "rtcp"
    camera.send(60)
    assert camera.clock.source == "arrival"
    assert seconds_off(camera.walls[-1], camera.now_s - 0.04) == pytest.approx(0, abs=0.05)
