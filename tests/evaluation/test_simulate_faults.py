"""Each fault of a simulated camera as a client sees it."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from evaluation.errors import EvaluationError
from evaluation.simulate import Simulator
from evaluation.simulator.faults import FAULTS, Mishap, Turn
from evaluation.simulator.mischief import carry_out
from tests.evaluation.live import HEVC, LARGE, RTP_TURN_S, SMALL, read, times_s, watching


@contextmanager
def suffering(simulator: Simulator, camera: int, fault: str, **options: float) -> Iterator[None]:
    simulator.fault(camera, fault, **options)
    try:
        yield
    finally:
        simulator.heal(camera, fault)


def test_drop_closes_connections_and_answers_404(simulator) -> None:
    with watching(simulator.url(LARGE)) as source:
        read(source, 0.2)
        with suffering(simulator, LARGE, "drop"):
            assert len(read(source, 3.0)) < 25  # ended, long before 3 s
            with pytest.raises(av.error.HTTPNotFoundError):
                av.open(simulator.url(LARGE), options={"rtsp_transport": "tcp"}, timeout=5)
            with watching(simulator.url(SMALL)) as neighbour:
                assert read(neighbour, 0.2)
    with watching(simulator.url(LARGE)) as source:
        assert read(source, 0.2)


def test_stall_keeps_the_connection_and_sends_nothing(simulator) -> None:
    with watching(simulator.url(LARGE), read_s=0.4) as source:
        read(source, 0.2)
        with suffering(simulator, LARGE, "stall"):
            time.sleep(0.2)
            assert len(read(source, 0.7)) < 12  # what was on its way (18 pictures else)
            assert simulator.status()[LARGE].clients == 1
        assert len(read(source, 0.5)) > 5


@pytest.mark.slow
def test_jitter_delays_arrivals_and_keeps_order_and_time_stamps(simulator) -> None:
    with watching(simulator.url(LARGE)) as source, suffering(simulator, LARGE, "jitter", delay_s=0.6):
        read(source, 0.3)
        arrivals = []
        for packet in source.demux(video=0):
            arrivals.append((time.monotonic(), packet))
            if len(arrivals) == 25:
                break
    assert {round(b - a, 3) for a, b in pairwise(times_s([packet for _, packet in arrivals]))} == {0.04}
    distances_s = [b - a for (a, _), (b, _) in pairwise(arrivals)]
    assert max(distances_s) > 0.1  # at rest it is 0.04 s
    assert min(distances_s) < 0.01


def test_loss_makes_holes(simulator) -> None:
    with watching(simulator.url(LARGE)) as source:
        whole = sum(packet.size for packet in read(source, 0.5))
        with suffering(simulator, LARGE, "loss", share=0.5):
            read(source, 0.2)
            rest = sum(packet.size for packet in read(source, 0.5))
    assert rest < 0.8 * whole


@pytest.mark.slow  # what decoders make of it is tested in any case
@pytest.mark.parametrize("camera", [LARGE, HEVC])
def test_truncate_damages_pictures(simulator, camera) -> None:
    with watching(simulator.url(camera)) as source, suffering(simulator, camera, "truncate", share=1.0):
        read(source, 0.2)
        sizes = [packet.size for packet in read(source, 0.6)]
    with watching(simulator.url(camera)) as source:
        whole = [packet.size for packet in read(source, 0.6)]
    assert np.median(sizes) == pytest.approx(np.median(whole) / 2, rel=0.2)


def test_truncated_pictures_are_decoding_errors(simulator) -> None:
    with watching(simulator.url(LARGE)) as source, suffering(simulator, LARGE, "truncate", share=1.0):
        decoder = source.streams.video[0].codec_context
        decoder.options = {"err_detect": "explode"}
        packets = read(source, 0.6)
        with pytest.raises(av.error.InvalidDataError):
            sum(len(decoder.decode(packet)) for packet in packets)


@pytest.mark.parametrize("by_s", [pytest.param(100.0, marks=pytest.mark.slow), -100.0])
def test_clock_jump_is_seen_in_time_stamps_and_taken_back(simulator, by_s) -> None:
    with watching(simulator.url(LARGE)) as source:
        before_s = times_s(read(source, 0.1))[-1]
        with suffering(simulator, LARGE, "clock_jump", by_s=by_s):
            during_s = times_s(read(source, 0.3))[-1]
        after_s = times_s(read(source, 0.3))[-1]
    # FFmpeg may take a jump back for a turn of the RTP clock.
    assert (during_s - before_s - by_s) % RTP_TURN_S < 2
    assert 0 < (after_s - before_s) % RTP_TURN_S < 3


def first_rtp_time(simulator: Simulator, camera: int) -> int:
    """Opens a camera by hand: FFmpeg keeps RTP time stamps to itself."""
    url = simulator.url(camera)
    requests = [
        f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        f"SETUP {url}/stream=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
        f"PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: SESSION\r\n\r\n",
    ]
    awaited = (
        rb"(m=video)",
        rb"Session: ([^;\s]+)",
        rb"\$\x00..\x80...(....)",
    )  # the last: RTP in a frame of channel 0
    told = b""
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=5) as connection:
        for request, pattern in zip(requests, awaited, strict=True):
            connection.sendall(request.encode().replace(b"SESSION", told))
            answer = b""
            while (found := re.search(pattern, answer, re.DOTALL)) is None:
                answer += connection.recv(65536)
            told = found[1]
    return int.from_bytes(told)


def test_a_client_may_leave_while_it_is_sent_away(simulator) -> None:
    for _ in range(10):
        with watching(simulator.url(LARGE)) as source:
            read(source, 0.02)
        with suffering(simulator, LARGE, "clock_wrap", after_s=0.7):
            pass
    with watching(simulator.url(LARGE)) as source:
        assert read(source, 0.2)


def test_clock_wrap_turns_the_rtp_clock(simulator) -> None:
    with suffering(simulator, LARGE, "clock_wrap", after_s=0.7):
        left_s = (2**32 - first_rtp_time(simulator, LARGE)) / 90_000
        with watching(simulator.url(LARGE)) as source:
            stamps_s = times_s(read(source, 1.0))
    assert left_s == pytest.approx(0.7, abs=0.2)
    assert stamps_s[-1] - stamps_s[0] > 0.7
    assert {round(b - a, 3) for a, b in pairwise(stamps_s)} == {0.04}  # FFmpeg knows what a wrap is


def test_frozen_time_lets_pictures_come_with_one_time_stamp(simulator) -> None:
    with watching(simulator.url(LARGE)) as source:
        read(source, 0.2)
        with suffering(simulator, LARGE, "frozen_time"):
            read(source, 0.3)
            frozen = times_s(read(source, 0.4))
        read(source, 0.3)
        running = times_s(read(source, 0.4))
    assert len(frozen) >= 5
    assert len(set(frozen)) == 1
    assert len(set(running)) == len(running)


def test_no_keyframes_sends_the_others_only(simulator) -> None:
    with watching(simulator.url(LARGE)) as source:
        read(source, 0.2)
        with suffering(simulator, LARGE, "no_keyframes"):
            read(source, 0.2)
            packets = read(source, 1.0)  # two keyframes were due
        assert any(packet.is_keyframe for packet in read(source, 1.0))
    assert len(packets) > 18
    assert not any(packet.is_keyframe for packet in packets)


def test_resolution_changes_within_the_connection_at_a_keyframe(simulator) -> None:
    sizes: list[tuple[int, int]] = []
    with watching(simulator.url(LARGE)) as source:
        for count, frame in enumerate(source.decode(video=0)):
            sizes.append((frame.width, frame.height))
            if count == 5:
                simulator.fault(LARGE, "resolution", clip=SMALL)
            if count == 20:
                simulator.heal(LARGE, "resolution")
            if count == 40:
                break
    changes = [(a, b) for a, b in pairwise(sizes) if a != b]
    assert changes == [((160, 128), (128, 96)), ((128, 96), (160, 128))]


@pytest.mark.slow  # the first report may take 3 s
def test_sender_reports_come_unless_a_fault_keeps_them(simulator) -> None:
    silent_packets: list[av.Packet] = []

    def watch_the_silent_one() -> None:
        with watching(simulator.url(SMALL)) as source:
            silent_packets.extend(read(source, 4.0))

    with suffering(simulator, SMALL, "no_sender_reports"):
        thread = threading.Thread(target=watch_the_silent_one)
        thread.start()
        with watching(simulator.url(LARGE)) as source:
            told = read(source, 4.0)
        thread.join()
    assert any(packet.has_sidedata("prft") for packet in told)
    assert len(silent_packets) > 30
    assert not any(packet.has_sidedata("prft") for packet in silent_packets)


def test_faults_are_carried_out_said_and_healed_when_it_is_stopped(simulator) -> None:
    said: list[dict] = []
    stopped = threading.Event()

    def say(line: dict) -> None:
        said.append(json.loads(json.dumps(line)))
        if len(said) == 3:
            stopped.set()

    short, long = Mishap(0, "stall", 0.1, 0.3), Mishap(1, "jitter", 0.2, 60.0, {"delay_s": 0.5})
    plan = [Turn(0.1, True, short), Turn(0.2, True, long), Turn(0.3, False, short), Turn(60.0, False, long)]
    carry_out(simulator, plan, say, stopped=stopped)
    assert [(line["event"], line["camera"], line["fault"]) for line in said] == [
        ("fault begins", 0, "stall"),
        ("fault begins", 1, "jitter"),
        ("fault ends", 0, "stall"),
        ("fault ends", 1, "jitter"),
    ]
    assert [line["at_s"] for line in said] == pytest.approx([0.1, 0.2, 0.3, 0.3], abs=0.2)
    assert said[1]["options"] == {"delay_s": 0.5}


@pytest.mark.parametrize(
    ("fault", "options", "says"),
    [
        ("flood", {}, "no fault 'flood': allowed are drop, stall"),
        ("stall", {"share": 0.1}, "no option 'share': allowed are none"),
        ("loss", {"share": 1.5}, "share is 1.5: allowed is 0 to 1"),
        ("resolution", {"clip": HEVC}, r"clip is 2: the clips of this camera's codec are \[0, 1\]"),
    ],
)
def test_what_is_not_a_fault_is_named(simulator, fault, options, says) -> None:
    with pytest.raises(EvaluationError, match=says):
        simulator.fault(LARGE, fault, **options)
    with pytest.raises(EvaluationError, match="no camera 3: allowed is 0 to 2"):
        simulator.fault(3, "stall")


def test_every_fault_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
