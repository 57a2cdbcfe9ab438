"""The simulated cameras as a client sees them while they are well."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import pairwise

import av
import pytest

import evaluation.simulate
from evaluation.errors import EvaluationError
from evaluation.simulate import Access, Simulator
from tests.evaluation.live import HEVC, LARGE, SMALL, encode, read, times_s, watching


def test_pictures_come_in_real_time_and_time_goes_on_round_the_loop(simulator) -> None:
    with watching(simulator.url(LARGE)) as source:
        first = read(source, 0.2)
        started_s = time.monotonic()
        packets = read(source, 1.3)  # the clip lasts 1.2 s
        took_s = time.monotonic() - started_s
    assert first[0].is_keyframe
    assert len(packets) == pytest.approx(25 * took_s, abs=8)
    assert {round(b - a, 3) for a, b in pairwise(times_s(packets))} == {0.04}
    assert 3 <= sum(packet.is_keyframe for packet in packets) <= 5  # every 0.4 s


@pytest.mark.parametrize(
    ("transport", "camera", "codec", "size"),
    [
        ("tcp", LARGE, "h264", (160, 128)),
        ("udp", SMALL, "h264", (128, 96)),
        ("http", LARGE, "h264", (160, 128)),
        ("tcp", HEVC, "hevc", (160, 128)),
        ("udp", HEVC, "hevc", (160, 128)),
    ],
)
def test_codecs_and_transports(simulator, transport, camera, codec, size) -> None:
    with watching(simulator.url(camera), transport) as source:
        frame = next(source.decode(video=0))
        assert (source.streams.video[0].codec_context.name, frame.width, frame.height) == (codec, *size)


@pytest.mark.slow
def test_a_client_that_comes_later_shares_the_stream(simulator) -> None:
    with watching(simulator.url(SMALL)) as one:
        read(one, 0.3)
        with watching(simulator.url(SMALL)) as other:
            assert read(other, 0.5)
            assert simulator.status()[SMALL].clients == 2
        assert read(one, 0.5)


@pytest.mark.parametrize("auth", ["digest", pytest.param("basic", marks=pytest.mark.slow)])
def test_a_login_is_asked_for(clips, auth) -> None:
    with Simulator(clips[:1], access=Access("officer:p@ss/word", auth)) as guarded:
        for login in (None, "officer:wrong", "nobody:p@ss/word"):
            with pytest.raises(av.error.HTTPUnauthorizedError):
                av.open(guarded.url(login=login), options={"rtsp_transport": "tcp"}, timeout=5)
        with watching(guarded.url(login="officer:p@ss/word")) as source:
            assert read(source, 0.3)


@pytest.mark.slow
def test_tls_and_one_transport_alone(clips) -> None:
    with Simulator(clips[:1], access=Access(tls=True, transport="tcp")) as sealed:
        assert sealed.url().startswith("rtsps://")
        with watching(sealed.url()) as source:
            assert read(source, 0.3)
        with pytest.raises(av.error.FFmpegError):
            av.open(sealed.url().replace("rtsps", "rtsp"), options={"rtsp_transport": "tcp"}, timeout=5)
    with Simulator(clips[:1], access=Access(transport="tcp")) as tcp_only, pytest.raises(av.error.FFmpegError):
        av.open(tcp_only.url(), options={"rtsp_transport": "udp"}, timeout=5)


def test_the_power_fails_and_comes_back_on_the_same_port(clips) -> None:
    with Simulator(clips[:2]) as simulator:
        url = simulator.url(1)
        with watching(url) as source:
            assert read(source, 0.2)
            simulator.kill()
            assert not simulator.running
            with pytest.raises(av.error.ConnectionRefusedError):
                av.open(url, options={"rtsp_transport": "tcp"}, timeout=5)
            with pytest.raises(EvaluationError, match="not running"):
                simulator.fault(0, "stall")
        simulator.start()
        assert simulator.url(1) == url
        with watching(url) as source:
            assert read(source, 0.2)


@pytest.mark.slow
def test_played_once_it_begins_at_the_start_and_ends(clips) -> None:
    with Simulator(clips[:1], loop=False) as simulator:
        time.sleep(0.5)
        with watching(simulator.url()) as source:
            assert len(read(source, 10.0)) == 30


def test_what_can_not_be_served_is_named(tmp_path, clips, monkeypatch) -> None:
    words = tmp_path / "words.mp4"
    words.write_text("no film\n" * 100)
    other = encode(tmp_path / "other.avi", (160, 128), "mpeg4")
    for path, says in ((words, "words.mp4: can't be read"), (other, "is mpeg4; a simulated camera sends h264 or hevc")):
        with pytest.raises(EvaluationError, match=says):
            Simulator([path])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EvaluationError, match="did not start"), Simulator(clips[:1], port=port):
            pass
    monkeypatch.setattr(evaluation.simulate, "SYSTEM_PYTHON", sys.executable)  # it has no GStreamer
    with pytest.raises(EvaluationError, match=r"apt-get install gir1\.2-gst-rtsp-server-1\.0"), Simulator(clips[:1]):
        pass


def test_the_command_says_each_line_as_json_and_ends_with_ctrl_c(clips) -> None:
    command = [sys.executable, "-m", "streetwarden", "simulate", str(clips[LARGE]), "--cameras", "2", "--port", "0"]
    with subprocess.Popen(
        [*command, "--faults", "random", "--seed", "7"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            cameras = [json.loads(process.stdout.readline()) for _ in range(2)]
            with watching(cameras[1]["url"]) as source:
                assert read(source, 0.2)
            process.send_signal(signal.SIGINT)
            rest = [json.loads(line) for line in process.stdout]
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert [(line["event"], line["camera"], line["seed"]) for line in cameras] == [("camera", 0, 7), ("camera", 1, 7)]
    assert [line["event"] for line in rest] == ["end"]  # the first random fault begins after 10 s at the earliest
    assert rest[0]["cameras"][1]["pictures"] > 0


@pytest.mark.slow
def test_fifty_cameras_keep_time(clips) -> None:
    counts = [0] * 50
    with Simulator(clips[:1], cameras=50) as simulator:

        def watch(camera: int) -> None:
            with watching(simulator.url(camera), read_s=10.0) as source:
                counts[camera] = len(read(source, 10.0))

        threads = [threading.Thread(target=watch, args=(camera,)) for camera in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(camera.shed for camera in simulator.status()) == 0
    assert min(counts) >= 0.9 * 25 * 10  # what a busy machine may owe them
