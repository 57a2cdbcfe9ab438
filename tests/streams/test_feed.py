import threading
import time

import av
import cv2
import numpy as np
import pytest

from streams.errors import SourceError
from streams.source.address import Address
from streams.source.feed import Feed
from streams.source.probe import first_picture, probe


def test_a_recording_is_read_once_and_whole(make_clip) -> None:
    feed = Feed(Address(str(make_clip(seconds=4))))
    times = [packet.time_s for packet in feed.packets()]
    assert len(times) == 100
    assert (feed.health.state, feed.health.truncated) == ("ended", False)
    assert feed.health.read_s == pytest.approx(3.96)


def test_a_paced_recording_takes_its_own_time(make_clip) -> None:
    started_s = time.monotonic()
    assert len(list(Feed(Address(str(make_clip(seconds=1.2))), paced=True).packets())) == 30
    assert 1.1 <= time.monotonic() - started_s < 2.5


def test_a_loop_goes_on_in_time(make_clip) -> None:
    feed = Feed(Address(str(make_clip(seconds=1, options={"bf": "0"}))), loop=True)
    times = []
    for packet in feed.packets():
        times.append(packet.time_s)
        if len(times) == 60:
            feed.close()
    assert times == sorted(times)
    assert times[-1] == pytest.approx(59 / 25, abs=0.1)


def test_a_file_that_is_cut_off_gives_what_came_before(make_clip) -> None:
    clip = make_clip(seconds=10, options={"movflags": "+faststart"})
    whole = clip.read_bytes()
    faststart = clip.with_name("fast.mp4")
    with av.open(clip) as source, av.open(faststart, "w", options={"movflags": "+faststart"}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    faststart.write_bytes(faststart.read_bytes()[: len(whole) // 2])
    feed = Feed(Address(str(faststart)))
    packets = list(feed.packets())
    assert 20 < len(packets) < 240
    assert feed.health.truncated
    assert "fast.mp4" in feed.health.last_error


@pytest.mark.parametrize("content", [b"", b"not video at all, only words\n" * 50, b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_is_not_video_is_named(tmp_path, content) -> None:
    path = tmp_path / "thing.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"thing\.mp4"):
        first_picture(Address(str(path)))


def test_text_and_stills_are_not_video(tmp_path, make_clip) -> None:
    text = tmp_path / "words.txt"
    text.write_text("hello\n" * 100)
    picture = tmp_path / "still.jpg"
    cv2.imwrite(str(picture), np.zeros((100, 100, 3), np.uint8))
    for path in (text, picture):
        with pytest.raises(SourceError, match="is not video"):
            first_picture(Address(str(path)))


def test_probe_measures(make_clip) -> None:
    found = probe(Address(str(make_clip(seconds=9, fps=10, gop=20))))
    assert (found.codec, found.width_px, found.height_px) == ("h264", 320, 240)
    assert found.fps == pytest.approx(10, abs=0.2)
    assert found.gop_s == pytest.approx(2.0)


class Reader:
    """Reads a feed in a thread, remembering when packets came."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.arrivals: list[tuple[float, float]] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        for packet in self.feed.packets():
            self.arrivals.append((time.monotonic(), packet.time_s))

    def wait_for(self, condition, limit_s: float) -> None:
        deadline_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {limit_s} s: {self.feed.health}"
            time.sleep(0.02)

    def close(self) -> None:
        self.feed.close()
        self.thread.join(timeout=12)
        assert not self.thread.is_alive()


def test_a_camera_that_dies_and_comes_back_is_read_again_within_5_s(make_clip, rtsp_server) -> None:
    server = rtsp_server(make_clip(seconds=60, gop=25))
    reader = Reader(Feed(Address(server.url)))
    try:
        reader.wait_for(lambda: len(reader.arrivals) > 20, 15)
        server.stop()
        time.sleep(6)
        before = len(reader.arrivals)
        server.start()
        back_s = time.monotonic()
        reader.wait_for(lambda: len(reader.arrivals) > before, 5)
        assert time.monotonic() - back_s <= 5
        reader.wait_for(lambda: len(reader.arrivals) > before + 30, 10)
    finally:
        reader.close()
    # Media time spans the gap: as long in it as by our clock.
    (wall_a, media_a), (wall_b, media_b) = reader.arrivals[5], reader.arrivals[-1]
    assert media_b - media_a == pytest.approx(wall_b - wall_a, abs=1.0)
    assert reader.feed.health.connections == 2


def test_a_camera_that_is_not_there_costs_little_and_closes_at_once() -> None:
    feed = Feed(Address("rtsp://user:hidden@127.0.0.1:9/none"))
    reader = Reader(feed)
    reader.wait_for(lambda: feed.health.failures["open"] >= 2, 10)
    started_s = time.monotonic()
    reader.close()
    assert time.monotonic() - started_s < 2
    assert "hidden" not in feed.health.last_error
