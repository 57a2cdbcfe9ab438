"""A shard's readers: one that hangs or dies of an error that nobody foresaw is replaced, and the camera goes on."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from detector.delivery.callout import CallOut
from detector.health import read_health
from detector.shard import Shard
from detector.shard_spec import ShardSpec
from detector.zoning.cameras_file import Camera
from detector.zoning.zones import ZoneKind
from streams.source.address import Address
from streams.source.feed import Feed
from tests.detector.film import PARKED, ZONE, KnowsOneCar, shoot


class Stop:
    """Stops when a condition holds, or after a while."""

    def __init__(self, condition, limit_s: float) -> None:
        self._condition, self._until_s = condition, time.monotonic() + limit_s

    def is_set(self) -> bool:
        return self._condition() or time.monotonic() > self._until_s


@pytest.fixture
def shard(make_clip, tmp_path: Path) -> Shard:
    camera = Camera("gate", Address(str(make_clip(seconds=3, gop=10))), (ZONE,), loop=True)
    return Shard(ShardSpec("shard-0", (camera,), "none", tmp_path / "state", 1, "cpu"), KnowsOneCar())


def test_a_reader_that_dies_is_replaced(shard, monkeypatch, caplog) -> None:
    real, calls = Feed.packets, []

    def packets(feed: Feed):
        calls.append(feed)
        if len(calls) == 1:
            feed.health.state = "live"
            raise RuntimeError("a bug in a library")
        return real(feed)

    monkeypatch.setattr(Feed, "packets", packets)
    (post,) = shard._posts.values()
    shard.run(Stop(lambda: post.watch.looks > 0, 20))
    assert post.watch.looks > 0
    assert post.restarts == 1
    assert "a bug in a library" in caplog.text


def test_a_reader_that_hangs_is_left_behind(shard, monkeypatch) -> None:
    released, real, calls = threading.Event(), Feed.packets, []

    def packets(feed: Feed):
        calls.append(feed)
        if len(calls) == 1:
            released.wait(30)
            return iter(())
        return real(feed)

    monkeypatch.setattr(Feed, "packets", packets)
    monkeypatch.setattr(Feed, "hangs", lambda _: len(calls) == 1)
    (post,) = shard._posts.values()
    try:
        shard.run(Stop(lambda: post.watch.looks > 0, 20))
    finally:
        released.set()
    assert post.watch.looks > 0
    assert post.restarts == 1


def test_health_is_on_disk_and_stopping_is_quick(shard, tmp_path) -> None:
    (post,) = shard._posts.values()
    started_s = time.monotonic()
    shard.run(Stop(lambda: post.watch.looks > 1, 20))
    assert time.monotonic() - started_s < 15

    (row,) = read_health(tmp_path / "state", datetime.now(UTC))
    assert (row["camera"], row["reader_restarts"]) == ("gate", 0)
    assert row["clock"]["source"] == "file"


def test_a_ring_above_its_memory_lies_on_disk(make_clip, tmp_path: Path) -> None:
    camera = Camera("gate", Address(str(make_clip(seconds=3, gop=10))), (ZONE,), loop=True)
    memory_bytes = 20_000
    spec = ShardSpec("shard-0", (camera,), "none", tmp_path / "state", 1, "cpu", ring_memory_bytes=memory_bytes)
    shard = Shard(spec, KnowsOneCar())
    (post,) = shard._posts.values()
    folder = tmp_path / "state" / "rings" / "gate"
    on_disk: list[int] = []

    def spilt() -> bool:
        on_disk.append(sum(path.stat().st_size for path in folder.glob("*")))
        return on_disk[-1] > memory_bytes and post.watch.looks > 1

    shard.run(Stop(spilt, 20))
    assert on_disk[-1] > memory_bytes
    assert post.ring.held_bytes > on_disk[-1] > 0


def test_a_blocked_fire_lane_is_called_out_once(tmp_path, caplog) -> None:
    asked: list[dict[str, object]] = []

    class Platform(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    film = shoot(tmp_path / "film.mp4", lambda time_s: [PARKED] if time_s >= 1 else [], 14)
    with ThreadingHTTPServer(("127.0.0.1", 0), Platform) as platform:
        threading.Thread(target=platform.serve_forever, daemon=True).start()
        callout = CallOut(f"http://127.0.0.1:{platform.server_port}/speak")
        zone = replace(ZONE, kind=ZoneKind.FIRE_LANE, dwell_s=4.0, callout=callout)
        camera = Camera("gate", Address(str(film)), (zone,), place="Gate 3")
        shard = Shard(ShardSpec("shard-0", (camera,), "none", tmp_path / "state", 1, "cpu"), KnowsOneCar())
        shard.run(Stop(lambda: False, 40))  # to the end of the film: stills and clips are told of after the alarm
        platform.shutdown()
    (said,) = asked
    assert (said["camera"], said["zone"], said["place"], said["subject"]) == ("gate", "kerb", "Gate 3", "car")
    assert said["type"] == "illegal_parking"


def test_a_camera_that_cannot_be_finished_keeps_no_other_from_it(
    make_clip, tmp_path: Path, monkeypatch, caplog
) -> None:
    address = Address(str(make_clip(seconds=3, gop=10)))
    cameras = tuple(Camera(name, address, (ZONE,), loop=True) for name in ("broken", "gate"))
    shard = Shard(ShardSpec("shard-0", cameras, "none", tmp_path / "state", 1, "cpu"), KnowsOneCar())
    broken, gate = shard._posts.values()
    finished: list[bool] = []

    def fails(*, for_good: bool) -> None:
        raise RuntimeError("a disk that is gone")

    monkeypatch.setattr(broken.watch, "finish", fails)
    monkeypatch.setattr(gate.watch, "finish", lambda *, for_good: finished.append(for_good))
    shard.run(Stop(lambda: gate.watch.looks > 0, 20))
    assert len(finished) == 1
    assert "camera broken: could not be finished" in caplog.text
