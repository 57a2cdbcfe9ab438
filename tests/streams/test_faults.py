"""Faults injected into real RTSP connections: one server, a camera for each fault, all of them watched at once."""

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from evaluation.bench_source import bench_source
from evaluation.simulate import Simulator
from streams.clip import write_clip
from streams.packet import Packet
from streams.patrol import Patrol, PatrolDecoder
from streams.ring import PacketRing
from streams.source.address import Address
from streams.source.feed import Feed

CALM_S, TROUBLE_S, AFTER_S = 4.0, 13.0, 7.0
FAULTS = {
    "none": {},
    "drop": {},
    "stall": {},
    "jitter": {"delay_s": 1.5},
    "loss": {"share": 0.2},
    "truncate": {"share": 0.5},
    "clock_jump": {"by_s": -7200.0},
    "clock_wrap": {"after_s": 2.0},
    "frozen_time": {},
    "resolution": {"clip": 1},
    "no_sender_reports": {},
}


@dataclass
class Watched:
    """What came of one camera."""

    feed: Feed
    ring: PacketRing = field(default_factory=lambda: PacketRing(60, 48 << 20))
    arrivals: list[tuple[float, Packet]] = field(default_factory=list)
    pictures: list[tuple[float, int]] = field(default_factory=list)
    """Media time and width."""
    undecodable: int = 0
    damaged: int = 0
    failed_s: list[float] = field(default_factory=list)
    """When failures were noticed."""

    def run(self) -> None:
        patrol, decoder = Patrol(0.0), PatrolDecoder()
        for packet in self.feed.packets():
            self.arrivals.append((time.monotonic(), packet))
            self.ring.push(packet)
            sample = patrol.offer(packet)
            frame = decoder.decode(sample) if sample else None
            if frame is not None:
                self.pictures.append((frame.time_s, frame.width_px))
            self.undecodable, self.damaged = decoder.errors, decoder.damaged

    def notice(self) -> None:
        if len(self.failed_s) < self.feed.health.failures.total():
            self.failed_s.append(time.monotonic())


@dataclass
class Day:
    cameras: dict[str, Watched]
    began_s: float
    healed_s: float
    closing_s: float


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    clips = [bench_source(w, h, 10.0, mbit_per_s=0.4, gop_s=1.0) for w, h in ((320, 240), (480, 272))]
    with Simulator(clips, cameras=2 * len(FAULTS), seed=3) as simulator:
        # Even cameras play the first clip.
        cameras = {
            name: Watched(Feed(Address(simulator.url(2 * place)), name=name)) for place, name in enumerate(FAULTS)
        }
        simulator.fault(2 * list(FAULTS).index("no_sender_reports"), "no_sender_reports")
        threads = [threading.Thread(target=camera.run, daemon=True) for camera in cameras.values()]
        try:
            for thread in threads:
                thread.start()
            _watch(cameras, CALM_S)
            began_s = time.monotonic()
            for place, (name, options) in enumerate(FAULTS.items()):
                if name not in ("none", "no_sender_reports"):
                    simulator.fault(2 * place, name, **options)
            _watch(cameras, TROUBLE_S)
            healed_s = time.monotonic()
            for place, name in enumerate(FAULTS):
                if name not in ("none", "no_sender_reports"):
                    simulator.heal(2 * place, name)
            _watch(cameras, AFTER_S)
        finally:
            closing_s = time.monotonic()
            for camera in cameras.values():
                camera.feed.close()
            for thread in threads:
                thread.join(8)
            closing_s = time.monotonic() - closing_s
        yield Day(cameras, began_s, healed_s, closing_s)


def _watch(cameras: dict[str, Watched], seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        for camera in cameras.values():
            camera.notice()
        time.sleep(0.02)


def test_every_camera_is_live_again(day) -> None:
    for name, camera in day.cameras.items():
        last_s, _ = camera.arrivals[-1]
        assert last_s > day.healed_s + AFTER_S - 3, f"{name}: {camera.feed.health}"


def test_media_time_rises_in_decoding_order_whatever_happens(day) -> None:
    for name, camera in day.cameras.items():
        media = [packet.time_s for _, packet in camera.arrivals]
        assert media == sorted(media), name  # no B-frames in these clips


def test_a_healthy_camera_has_one_connection_and_no_loss(day) -> None:
    camera = day.cameras["none"]
    report = camera.feed.report()
    assert (report.connections, report.failures, report.drops, report.time_jumps) == (1, {}, {}, 0)
    assert report.fps == pytest.approx(25, abs=0.5)
    assert report.gop_s == pytest.approx(1.0, abs=0.01)
    assert camera.feed.clock.source == "rtcp"
    assert camera.undecodable == 0


def test_without_sender_reports_arrival_tells_the_time(day) -> None:
    assert day.cameras["no_sender_reports"].feed.clock.source == "arrival"


def test_a_dropped_connection_is_made_again_within_5_s(day) -> None:
    camera = day.cameras["drop"]
    first_back_s = next(at_s for at_s, _ in camera.arrivals if at_s > day.began_s + 2)
    assert first_back_s >= day.healed_s - 0.1
    assert first_back_s - day.healed_s <= 5
    (wall_a, before), (wall_b, after) = camera.arrivals[30], camera.arrivals[-1]
    assert after.time_s - before.time_s == pytest.approx(wall_b - wall_a, abs=1.0)


def test_a_stall_is_noticed_within_10_s(day) -> None:
    camera = day.cameras["stall"]
    assert camera.failed_s
    assert camera.failed_s[0] - day.began_s <= 10
    assert camera.feed.health.failures["read"] >= 1
    assert next(at_s for at_s, _ in camera.arrivals if at_s > day.began_s + 3) - day.healed_s <= 6


def test_time_that_stands_is_a_stall(day) -> None:
    camera = day.cameras["frozen_time"]
    assert camera.feed.health.failures["stall"] >= 1
    assert camera.failed_s[0] - day.began_s <= 10


def test_jitter_does_not_reach_media_time(day) -> None:
    camera = day.cameras["jitter"]
    assert camera.feed.health.connections == 1
    assert camera.feed.health.time_jumps == 0
    steps = [b.time_s - a.time_s for (_, a), (_, b) in itertools.pairwise(camera.arrivals)]
    late = [b - a for (a, _), (b, _) in itertools.pairwise(camera.arrivals)]
    assert max(late) > 0.3  # it really jitters
    assert float(np.percentile(steps, 99)) == pytest.approx(0.04, abs=0.002)


def test_loss_and_torn_pictures_are_passed_over(day) -> None:
    for name in ("loss", "truncate"):
        camera = day.cameras[name]
        within = [time_s for time_s, _ in camera.pictures]
        assert camera.feed.health.connections == 1, name
        assert within[-1] > CALM_S + TROUBLE_S, name
    assert day.cameras["loss"].feed.health.packets < day.cameras["none"].feed.health.packets
    assert day.cameras["truncate"].damaged > 0


def test_a_clock_that_is_set_does_not_move_media_time(day) -> None:
    camera = day.cameras["clock_jump"]
    assert camera.feed.health.connections == 1
    assert 1 <= camera.feed.health.time_jumps <= 2  # there, and back when it was healed
    (wall_a, first), (wall_b, last) = camera.arrivals[10], camera.arrivals[-1]
    assert last.time_s - first.time_s == pytest.approx(wall_b - wall_a, abs=0.3)


def test_a_timestamp_that_wraps_is_no_jump(day) -> None:
    camera = day.cameras["clock_wrap"]
    (wall_a, first), (wall_b, last) = camera.arrivals[10], camera.arrivals[-1]
    assert last.time_s - first.time_s == pytest.approx(wall_b - wall_a, abs=0.5)


def test_another_size_is_noticed_and_a_clip_says_so(day, tmp_path: Path) -> None:
    camera = day.cameras["resolution"]
    assert camera.feed.health.connections == 1
    assert camera.feed.health.parameter_changes >= 1
    sizes = [(packet.codec.width_px, packet.codec.height_px) for _, packet in camera.arrivals]
    assert (320, 240) in sizes
    assert (480, 272) in sizes
    assert {320, 480} <= {width for _, width in camera.pictures}
    change_s = next(packet.time_s for _, packet in camera.arrivals if packet.codec.width_px == 480)
    before = write_clip(camera.ring.window(change_s - 2, change_s + 2), change_s - 2, change_s + 2, tmp_path / "across")
    assert before.cut_at_s == pytest.approx(change_s, abs=0.05)
    after = write_clip(camera.ring.window(change_s + 1, change_s + 3), change_s + 1, change_s + 3, tmp_path / "after")
    with av.open(after.path) as made:
        pictures = list(made.decode(video=0))
    assert len(pictures) == after.pictures
    assert {picture.width for picture in pictures} == {480}


def test_closing_takes_no_time(day) -> None:
    assert day.closing_s <= 2


def test_a_stalled_connection_is_closed_at_once(make_clip) -> None:
    with Simulator([make_clip(seconds=4)]) as simulator:
        feed = Feed(Address(simulator.url()))
        got: list[Packet] = []
        thread = threading.Thread(target=lambda: got.extend(feed.packets()), daemon=True)
        thread.start()
        deadline_s = time.monotonic() + 10
        while not feed.health.packets and time.monotonic() < deadline_s:
            time.sleep(0.05)
        simulator.fault(0, "stall")
        time.sleep(1)
        started_s = time.monotonic()
        feed.close()
        assert time.monotonic() - started_s < 0.1  # whoever closes does not wait
        held = feed.health.packets
        thread.join(7)
        assert not thread.is_alive()  # and the thread ends by the limit of reading
        assert feed.health.packets == held
